// SPDX-License-Identifier: Apache-2.0
// One goal as libsolv's jobs, and where each job came from, so that a conflict can name the recipe's lines.
#pragma once

#include <string>
#include <vector>

#include "builder/packages/pool.h"
#include "builder/packages/repositories.h"

namespace ainode {

struct Job {
  enum class Cause { asked, base_system, recommended, excluded, pinned, superseded };
  Cause cause;
  std::string name;  ///< the package that it speaks of
  Place place;       ///< the recipe's line, where there is one
  std::string glob;  ///< of a pin
};

/// The error for a goal that cannot be met, from the solver's first problem: at most 20 lines of reasons, in the order
/// in which one follows from the other. `jobs[i]` explains the solver's job i.
Error explain_problem(Solver* solver, const PackagePool& pool, const Goal& goal, const std::vector<Job>& jobs);

/// The error for a name that no repository has.
Error explain_unknown(const PackagePool& pool, const std::vector<PackageRecord>& records, const Text& name);

}  // namespace ainode
