// SPDX-License-Identifier: Apache-2.0
// A goal becomes jobs; solved again and again while packages' Recommends add jobs, then put into configuration order.
#include "builder/packages/solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "builder/packages/candidates.h"

namespace ainode {

namespace {

using TransactionHandle = Handle<Transaction, transaction_free>;

constexpr int kMostRounds = 50;  // each round adds a Recommends that was not asked for before; 3 to 5 are usual

}  // namespace

Request::Request(const Goal& goal, const PackagePool& pool) : goal_(goal), pool_(pool) {
  add_wanted();
  add_forbidden();
}

void Request::push(Id how, Id what, Job job) {
  queue_.push(how);
  queue_.push(what);
  jobs_.push_back(std::move(job));
}

void Request::add(const Text& name) {
  push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, pool_str2id(pool_.get(), name.value.c_str(), 1),
       {Job::Cause::asked, name.value, name.place, "", 0});
}

void Request::add_wanted() {
  std::set<std::string, std::less<>> known;  // asked for already, or excluded
  for (const Text& name : goal_.install) {
    known.insert(name.value);
    add(name);
  }
  if (!goal_.base_system) return;
  for (const Text& name : goal_.exclude) known.insert(name.value);
  for (const Id id : pool_.base_system()) {
    const std::string name(pool_.record(id).name);
    if (!known.insert(name).second) continue;
    push(SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, pool_.get()->solvables[id].name,
         {Job::Cause::base_system, name, {}, "", 0});
  }
}

/// As with apt, only the candidate of a name may be taken: another version must never be a silent way out.
void Request::add_forbidden() {
  std::set<std::string, std::less<>> excluded;
  for (const Text& name : goal_.exclude) {
    excluded.insert(name.value);
    for (const Id id : pool_.versions(name.value)) {
      push(SOLVER_ERASE | SOLVER_SOLVABLE, id, {Job::Cause::excluded, name.value, name.place, "", id});
    }
  }
  for (const Id id : pool_.others()) {
    const std::string_view name = pool_.record(id).name;
    if (excluded.contains(name)) continue;
    Job job{Job::Cause::superseded, std::string(name), {}, "", id};
    if (const auto pin = goal_.pins.find(job.name); pin != goal_.pins.end()) {
      job.cause = Job::Cause::pinned;
      job.place = pin->second.place;
      job.glob = pin->second.value;
    }
    push(SOLVER_ERASE | SOLVER_SOLVABLE, id, std::move(job));
  }
}

std::vector<Id> Request::installed() const {
  IdQueue decisions;
  solver_get_decisionqueue(solver_.get(), decisions.get());
  std::vector<Id> found;
  for (const Id id : decisions) {
    if (id > SYSTEMSOLVABLE) found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<Id> Request::in_configuration_order() const {
  const TransactionHandle transaction(solver_create_transaction(solver_.get()));
  transaction_order(transaction.get(), 0);
  const Queue& steps = transaction->steps;
  return {steps.elements, steps.elements + steps.count};
}

bool Request::add_recommended(const std::vector<Id>& installed) {
  std::set<Id> present(installed.begin(), installed.end());
  bool added = false;
  for (const Id id : installed) {
    for (const Id clause : pool_.recommends(id)) {
      const auto providers = pool_.providers(clause);
      const bool is_met =
          std::any_of(providers.begin(), providers.end(), [&](Id provider) { return present.contains(provider); });
      if (is_met || !recommended_.insert(clause).second) continue;
      const Id wanted = pool_.preferred(clause);
      if (wanted == 0) continue;
      push(SOLVER_INSTALL | SOLVER_WEAK | SOLVER_SOLVABLE, wanted,
           {Job::Cause::recommended, std::string(pool_.record(wanted).name), {}, "", wanted});
      present.insert(wanted);
      added = true;
    }
  }
  return added;
}

/// What recommended a package may have given way to what another recommends: then the package goes, too, unless
/// something that is still there leads to it.
bool Request::drop_recommended(const std::vector<Id>& installed) {
  std::set<Id> reached;
  std::vector<Id> queue;
  const std::set<Id> present(installed.begin(), installed.end());
  const auto reach = [&](Id id) {
    if (present.contains(id) && reached.insert(id).second) queue.push_back(id);
  };
  const Id* words = queue_.begin();
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (jobs_[i].cause != Job::Cause::asked && jobs_[i].cause != Job::Cause::base_system) continue;
    for (const Id id : pool_.providers(words[2 * i + 1])) reach(id);
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const auto& clauses : {pool_.depends(queue[i]), pool_.recommends(queue[i])}) {
      for (const Id clause : clauses) {
        if (clause == SOLVABLE_PREREQMARKER) continue;
        for (const Id id : pool_.providers(clause)) reach(id);
      }
    }
  }
  IdQueue kept;
  std::vector<Job> kept_jobs;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const bool is_stale = jobs_[i].cause == Job::Cause::recommended && present.contains(jobs_[i].solvable) &&
                          !reached.contains(jobs_[i].solvable);
    if (is_stale) continue;
    kept.push(words[2 * i]);
    kept.push(words[2 * i + 1]);
    kept_jobs.push_back(std::move(jobs_[i]));
  }
  const bool dropped = kept_jobs.size() < jobs_.size();
  jobs_ = std::move(kept_jobs);
  queue_.swap(kept);
  return dropped;
}

bool Request::solve() {
  for (int round = 0; round < kMostRounds; ++round) {
    solver_.reset(solver_create(pool_.get()));
    solver_set_flag(solver_.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
    if (solver_solve(solver_.get(), queue_.get()) != 0) return false;
    if (!goal_.recommends) return true;
    const std::vector<Id> now = installed();
    if (!add_recommended(now) && !drop_recommended(now)) return true;
  }
  throw Error(codes::solver_failed, fmt::format("the packages that `{}` recommends never settle", goal_.image))
      .help("set packages.recommends to false and include what you need by name");
}

void check_names(const Goal& goal, const PackagePool& pool, const Candidates::Data& data) {
  std::vector<Error> errors;
  const auto check = [&](const Text& name) {
    if (pool.versions(name.value).empty()) errors.push_back(explain_unknown(pool, data, name));
  };
  for (const Text& name : goal.install) check(name);
  for (const Text& name : goal.exclude) check(name);
  for (const auto& [name, glob] : goal.pins) check({name, glob.place});
  if (errors.size() == 1) throw errors[0];
  if (!errors.empty()) throw Errors(std::move(errors));
}

namespace {

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
  const GoalPool pool(goal, candidates);
  check_names(goal, pool.get(), *candidates.data);
  Request request(goal, pool.get());
  if (!request.solve()) throw explain_problem(request.solver(), pool.get(), goal, request.jobs(), *candidates.data);
  std::vector<LockedPackage> packages;
  for (const Id id : request.in_configuration_order()) {
    packages.push_back(locked(pool.get().record(id), candidates.repositories));
  }
  return packages;
}

}  // namespace ainode
