// SPDX-License-Identifier: Apache-2.0
// A goal becomes jobs; solved again and again while packages' Recommends add jobs, then put into configuration order.
#include "builder/packages/solver.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "builder/packages/candidates.h"

namespace ainode {

namespace {

using SolverHandle = Handle<Solver, solver_free>;
using TransactionHandle = Handle<Transaction, transaction_free>;

constexpr int kMostRounds = 50;  // each round adds a Recommends that was not asked for before; 3 to 5 are usual

bool matches(const std::string& glob, std::string_view version) {
  return fnmatch(glob.c_str(), std::string(version).c_str(), 0) == 0;
}

class Request {
 public:
  Request(const Goal& goal, const PackagePool& pool) : goal_(goal), pool_(pool) {
    add_wanted();
    add_forbidden();
  }
  std::vector<Id> solve();

 private:
  void add_wanted();
  void add_forbidden();
  void forbid_by_pin(const std::string& name, const Text& glob);
  void forbid_superseded();
  void push(Id how, Id what, Job job);
  void push_erase(const std::vector<Id>& solvables, const Job& job);
  bool add_recommended(const std::vector<Id>& installed);
  Id intern(const std::string& name) const { return pool_str2id(pool_.get(), name.c_str(), 1); }

  const Goal& goal_;
  const PackagePool& pool_;
  IdQueue queue_;
  std::vector<Job> jobs_;
  std::set<Id> recommended_;
};

void Request::push(Id how, Id what, Job job) {
  queue_.push(how);
  queue_.push(what);
  jobs_.push_back(std::move(job));
}

void Request::push_erase(const std::vector<Id>& solvables, const Job& job) {
  for (const Id id : solvables) push(SOLVER_ERASE | SOLVER_SOLVABLE, id, job);
}

void Request::add_wanted() {
  std::set<std::string> excluded, asked;
  for (const Text& name : goal_.exclude) excluded.insert(name.value);
  for (const Text& name : goal_.install) {
    asked.insert(name.value);
    push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, intern(name.value), {Job::Cause::asked, name.value, name.place, ""});
  }
  if (!goal_.base_system) return;
  for (const Id id : pool_.base_system()) {
    const std::string name(pool_.record(id).name);
    if (excluded.contains(name) || !asked.insert(name).second) continue;
    push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, intern(name), {Job::Cause::base_system, name, {}, ""});
  }
}

void Request::add_forbidden() {
  for (const Text& name : goal_.exclude) {
    push_erase(pool_.versions(name.value), {Job::Cause::excluded, name.value, name.place, ""});
  }
  for (const auto& [name, glob] : goal_.pins) forbid_by_pin(name, glob);
  forbid_superseded();
}

/// Of a pinned package only the newest version that fits the glob stays.
void Request::forbid_by_pin(const std::string& name, const Text& glob) {
  std::vector<Id> unfit;
  bool has_newest = false;
  for (const Id id : pool_.versions(name)) {
    const bool fits = matches(glob.value, pool_.record(id).version);
    if (fits && !has_newest) {
      has_newest = true;
    } else {
      unfit.push_back(id);
    }
  }
  push_erase(unfit, {Job::Cause::pinned, name, glob.place, glob.value});
}

/// As with apt, only the newest version of a package is a candidate: an older one must never be a silent way out.
void Request::forbid_superseded() {
  for (const Id id : pool_.superseded()) {
    const std::string name(pool_.record(id).name);
    if (goal_.pins.contains(name)) continue;
    push(SOLVER_ERASE | SOLVER_SOLVABLE, id, {Job::Cause::superseded, name, {}, ""});
  }
}

std::vector<Id> steps_of(Solver* solver) {
  const TransactionHandle transaction(solver_create_transaction(solver));
  transaction_order(transaction.get(), 0);
  const Queue& steps = transaction->steps;
  return {steps.elements, steps.elements + steps.count};
}

bool Request::add_recommended(const std::vector<Id>& installed) {
  std::set<Id> present(installed.begin(), installed.end());
  std::vector<Id> sorted(present.begin(), present.end());
  bool added = false;
  for (const Id id : sorted) {
    for (const Id clause : pool_.recommends(id)) {
      const auto providers = pool_.providers(clause);
      const bool is_met =
          std::any_of(providers.begin(), providers.end(), [&](Id provider) { return present.contains(provider); });
      if (is_met || !recommended_.insert(clause).second) continue;
      const Id wanted = pool_.preferred(clause);
      if (wanted == 0) continue;
      push(SOLVER_INSTALL | SOLVER_WEAK | SOLVER_SOLVABLE, wanted,
           {Job::Cause::recommended, std::string(pool_.record(wanted).name), {}, ""});
      present.insert(wanted);
      added = true;
    }
  }
  return added;
}

std::vector<Id> Request::solve() {
  for (int round = 0; round < kMostRounds; ++round) {
    const SolverHandle solver(solver_create(pool_.get()));
    solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
    if (solver_solve(solver.get(), queue_.get()) != 0) throw explain_problem(solver.get(), pool_, goal_, jobs_);
    std::vector<Id> steps = steps_of(solver.get());
    if (!goal_.recommends || !add_recommended(steps)) return steps;
  }
  throw Error(codes::solver_failed, fmt::format("the packages that `{}` recommends never settle", goal_.image))
      .help("set packages.recommends to false and include what you need by name");
}

void check_names(const Goal& goal, const PackagePool& pool, const std::vector<PackageRecord>& records) {
  std::vector<Error> errors;
  const auto check = [&](const Text& name) {
    if (pool.versions(name.value).empty()) errors.push_back(explain_unknown(pool, records, name));
  };
  for (const Text& name : goal.install) check(name);
  for (const Text& name : goal.exclude) check(name);
  for (const auto& [name, glob] : goal.pins) check({name, glob.place});
  if (errors.size() == 1) throw errors[0];
  if (!errors.empty()) throw Errors(std::move(errors));
}

LockedPackage locked(const PackageRecord& record, const std::vector<LockedRepository>& repositories) {
  LockedPackage package;
  package.name = record.name;
  package.version = record.version;
  package.arch = record.architecture;
  package.sha256 = record.sha256;
  package.size = record.size;
  package.path = record.filename;
  package.source = record.source;
  package.repository = repositories.at(record.repository).id;
  return package;
}

}  // namespace

std::vector<LockedPackage> resolve(const Goal& goal, const Candidates& candidates) {
  Candidates::Data& data = *candidates.data;
  if (!data.pool) data.pool = std::make_unique<PackagePool>(data.packages, data.architecture);
  const PackagePool& pool = *data.pool;
  check_names(goal, pool, data.packages);
  std::vector<LockedPackage> packages;
  for (const Id id : Request(goal, pool).solve()) {
    packages.push_back(locked(pool.record(id), candidates.repositories));
  }
  return packages;
}

}  // namespace ainode
