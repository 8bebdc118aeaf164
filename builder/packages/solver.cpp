// SPDX-License-Identifier: Apache-2.0
// A goal becomes jobs; solved again and again while packages' Recommends add jobs, then cut into layers.
#include "builder/packages/solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/error.h"
#include "builder/packages/candidates.h"
#include "builder/packages/cut_layers.h"

namespace ainode {

namespace {

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

std::vector<Id> Request::solution() const {
  IdQueue decisions;
  solver_get_decisionqueue(solver_.get(), decisions.get());
  std::vector<Id> found;
  for (const Id id : decisions) {
    if (id > SYSTEMSOLVABLE) found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Marks packages in apt's order, depth first, a package's dependencies before what it recommends: a clause that a
/// marked package meets asks for nothing more. Within the solver's solution this leaves what apt would take of it; a
/// recommendation that the solution does not meet becomes a wish, and counts as marked from there on with all that it
/// would bring along.
class Request::Walk {
 public:
  Walk(Request& request, const std::vector<Id>& solution)
      : request_(request), pool_(request.pool_), solution_(solution.begin(), solution.end()) {
    const std::vector<Id> roots = find_roots();
    marked_.insert(roots.begin(), roots.end());
    for (const Id id : roots) follow(id);
  }

  bool added_wishes() const { return added_wishes_; }
  /// Closed under dependencies, as the solution is.
  std::vector<Id> marked() const {
    std::vector<Id> found;
    std::set_intersection(marked_.begin(), marked_.end(), solution_.begin(), solution_.end(),
                          std::back_inserter(found));
    return found;
  }

 private:
  /// The base system by name, then what was asked for.
  std::vector<Id> find_roots() const {
    std::vector<Id> base, asked;
    for (const Job& job : request_.jobs_) {
      if (job.cause != Job::Cause::base_system && job.cause != Job::Cause::asked) continue;
      const Id id = pool_.candidate(job.name);
      if (solution_.contains(id)) (job.cause == Job::Cause::asked ? asked : base).push_back(id);
    }
    std::sort(base.begin(), base.end(), [&](Id a, Id b) { return pool_.record(a).name < pool_.record(b).name; });
    base.insert(base.end(), asked.begin(), asked.end());
    return base;
  }

  /// A package whose clauses are being followed, one after the other.
  struct Followed {
    std::vector<Id> clauses;  // Pre-Depends, Depends, then Recommends
    std::size_t required;     // how many of them are not Recommends
    std::size_t next = 0;
  };

  void open(Id package) {
    if (!followed_.insert(package).second) return;
    std::vector<Id> clauses = pool_.depends(package);
    const auto marker = std::find(clauses.begin(), clauses.end(), SOLVABLE_PREREQMARKER);
    std::rotate(clauses.begin(), marker, clauses.end());
    std::erase(clauses, SOLVABLE_PREREQMARKER);
    const std::size_t required = clauses.size();
    if (request_.goal_.recommends) {
      const std::vector<Id> recommended = pool_.recommends(package);
      clauses.insert(clauses.end(), recommended.begin(), recommended.end());
    }
    open_.push_back({std::move(clauses), required});
  }

  /// Depth first without recursion: a signed index decides how long a chain of packages is.
  void follow(Id root) {
    open(root);
    while (!open_.empty()) {
      Followed& package = open_.back();
      if (package.next == package.clauses.size()) {
        open_.pop_back();
        continue;
      }
      const std::size_t place = package.next++;
      const Id clause = package.clauses[place];
      const Id next = place < package.required ? taken_for(clause) : recommended_by(clause);
      if (next == 0) continue;
      marked_.insert(next);
      open(next);
    }
  }

  static Id first_of(const std::vector<Id>& providers, const std::set<Id>& set) {
    const auto it = std::find_if(providers.begin(), providers.end(), [&](Id id) { return set.contains(id); });
    return it == providers.end() ? 0 : *it;
  }

  /// What a dependency marks; nothing when a marked package meets it.
  Id taken_for(Id clause) const {
    const auto providers = pool_.providers(clause);
    if (first_of(providers, marked_) != 0) return 0;
    const Id preferred = pool_.preferred(clause);
    const Id other = solution_.contains(preferred) ? preferred : first_of(providers, solution_);
    return other != 0 ? other : preferred;
  }

  Id recommended_by(Id clause) {
    const auto providers = pool_.providers(clause);
    if (first_of(providers, marked_) != 0) return 0;
    const Id preferred = pool_.preferred(clause);
    if (preferred == 0 || solution_.contains(preferred)) return preferred;
    if (!request_.wished_.insert(clause).second) return first_of(providers, solution_);
    request_.push(SOLVER_INSTALL | SOLVER_WEAK | SOLVER_SOLVABLE, preferred,
                  {Job::Cause::recommended, std::string(pool_.record(preferred).name), {}, "", preferred});
    added_wishes_ = true;
    return preferred;
  }

  Request& request_;
  const PackagePool& pool_;
  const std::set<Id> solution_;
  std::set<Id> marked_, followed_;
  std::vector<Followed> open_;  // from a root to the package at work
  bool added_wishes_ = false;
};

bool Request::solve() {
  for (int round = 0; round < kMostRounds; ++round) {
    solver_.reset(solver_create(pool_.get()));
    solver_set_flag(solver_.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
    if (solver_solve(solver_.get(), queue_.get()) != 0) return false;
    const Walk walk(*this, solution());
    if (walk.added_wishes()) continue;
    chosen_ = walk.marked();
    return true;
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
  for (const CutLayer& layer : cut_layers(goal, pool.get(), request.chosen()))
    for (const Id id : layer.packages) {
      packages.push_back(locked(pool.get().record(id), candidates.repositories));
      packages.back().layer = layer.name;
    }
  return packages;
}

}  // namespace ainode
