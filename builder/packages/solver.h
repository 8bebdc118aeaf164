// SPDX-License-Identifier: Apache-2.0
// One goal as libsolv's jobs, and where each job came from, so that a conflict can name the recipe's lines.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "builder/packages/candidates.h"
#include "builder/packages/pool.h"
#include "builder/packages/repositories.h"

namespace ainode {

struct Job {
  enum class Cause { asked, base_system, recommended, excluded, pinned, superseded };
  Cause cause;
  std::string name;  ///< the package that it speaks of
  Place place;       ///< the recipe's line, where there is one
  std::string glob;  ///< of a pin
  Id solvable = 0;   ///< of what is forbidden
};

/// The error for a goal that cannot be met, from the solver's first problem: at most 20 lines of reasons, in the order
/// in which one follows from the other. `jobs[i]` explains the solver's job i.
Error explain_problem(Solver* solver, const PackagePool& pool, const Goal& goal, const std::vector<Job>& jobs,
                      const Candidates::Data& data);

/// The error for a name that no repository has.
Error explain_unknown(const PackagePool& pool, const Candidates::Data& data, const Text& name);

/// The goal's jobs, and the solver that answered them last.
class Request {
 public:
  Request(const Goal& goal, const PackagePool& pool);
  /// Asks for one package more, in the goal's name.
  void add(const Text& name);
  /// Solves again and again while packages' Recommends add jobs. False: unsatisfiable, and solver() says why.
  bool solve();
  /// The solution, sorted.
  const std::vector<Id>& chosen() const { return chosen_; }
  Solver* solver() const { return solver_.get(); }
  const std::vector<Job>& jobs() const { return jobs_; }

 private:
  void add_wanted();
  void add_forbidden();
  void push(Id how, Id what, Job job);
  class Walk;
  std::vector<Id> solution() const;

  const Goal& goal_;
  const PackagePool& pool_;
  IdQueue queue_;
  std::vector<Job> jobs_;
  std::set<Id> wished_;  // Recommends that became jobs
  std::vector<Id> chosen_;
  Handle<Solver, solver_free> solver_;
};

/// Throws unknown_package, for all unknown names at once.
void check_names(const Goal& goal, const PackagePool& pool, const Candidates::Data& data);

}  // namespace ainode
