// SPDX-License-Identifier: Apache-2.0
// From libsolv's problem rules to a chain that a person can follow: what was asked for, what that needs, what forbids
// it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "builder/packages/solver.h"

extern "C" {
#include <solv/problems.h>
#include <solv/rules.h>
}

namespace ainode {

namespace {

constexpr std::size_t kMostLines = 20, kLastLines = 6;
constexpr int kComparisons = REL_GT | REL_EQ | REL_LT;

struct Rule {
  SolverRuleinfo type;
  Id source, target, dependency;
};

std::string where(const Place& place) {
  return place.file.empty() ? "" : " " + place.str();
}

std::string allow_hint(const PackagePool& pool, const PackageRecord& hidden) {
  return fmt::format("add `{}` to the `allow` of repository `{}`, if it may come from there", hidden.name,
                     pool.repository_name(hidden));
}

class Explanation {
 public:
  Explanation(Solver* solver, const PackagePool& pool, const Goal& goal, const std::vector<Job>& jobs,
              const std::vector<PackageRecord>& hidden)
      : solver_(solver), pool_(pool), goal_(goal), jobs_(jobs), hidden_(hidden) {
    collect();
  }
  Error error();

 private:
  void collect();
  void collect_job(Id rule);
  void write_asked();
  void write_requirements();
  void write_conflicts();
  void write_requirement(const Rule& rule);
  void reach(Id dependency);
  std::string ranked(Id solvable) const;
  std::string outranked(const Job& job) const;
  std::string forbidden_by(Id dependency) const;
  const Job* forbidding(Id dependency) const;
  const PackageRecord* hidden_provider(Id dependency) const;
  std::string lacking(Id dependency) const;
  std::string forbidden_by(const Job& job) const;
  std::string conflict_line(const Rule& rule) const;
  std::string name_of_package(Id solvable) const { return std::string(pool_.record(solvable).name); }
  std::string subject(Id solvable) const;
  std::string cure(const Job& job) const;
  std::string hint() const;

  Solver* solver_;
  const PackagePool& pool_;
  const Goal& goal_;
  const std::vector<Job>& jobs_;
  const std::vector<PackageRecord>& hidden_;
  std::vector<const Job*> asked_, forbidding_;
  std::vector<const Job*> blamed_;  // those of forbidding_ that a line names
  std::vector<Rule> requirements_, conflicts_;
  std::set<std::string> reached_;  // names in the chain so far
  std::vector<std::string> lines_;
};

void Explanation::collect_job(Id rule) {
  const auto index = static_cast<std::size_t>(solver_rule2jobidx(solver_, rule) - 1) / 2;
  if (index >= jobs_.size()) return;
  const Job* job = &jobs_[index];
  const bool is_asked = job->cause == Job::Cause::asked || job->cause == Job::Cause::base_system;
  auto& list = is_asked ? asked_ : forbidding_;
  if (std::find(list.begin(), list.end(), job) == list.end()) list.push_back(job);
}

void Explanation::collect() {
  IdQueue rules;
  solver_findallproblemrules(solver_, 1, rules.get());
  for (const Id id : rules) {
    Rule rule{};
    rule.type = solver_ruleinfo(solver_, id, &rule.source, &rule.target, &rule.dependency);
    if ((rule.type & SOLVER_RULE_TYPEMASK) == SOLVER_RULE_JOB) {
      collect_job(id);
    } else if (rule.type == SOLVER_RULE_PKG_REQUIRES || rule.type == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP) {
      requirements_.push_back(rule);
    } else if (rule.type == SOLVER_RULE_PKG_CONFLICTS || rule.type == SOLVER_RULE_PKG_SAME_NAME) {
      conflicts_.push_back(rule);
    }
  }
  const auto by_recipe = [](const Job* a, const Job* b) {
    const auto rank = [](const Job* job) { return job->cause == Job::Cause::asked ? 0 : 1; };
    return std::make_tuple(rank(a), a->place.line, a->place.column, a->name) <
           std::make_tuple(rank(b), b->place.line, b->place.column, b->name);
  };
  std::stable_sort(asked_.begin(), asked_.end(), by_recipe);
}

std::string Explanation::ranked(Id solvable) const {
  return fmt::format("{} from repository `{}` (priority {})", pool_.record(solvable).version,
                     pool_.repository(solvable).id, pool_.priority(solvable));
}

/// Why the package's candidate is another version.
std::string Explanation::outranked(const Job& job) const {
  const Id candidate = pool_.candidate(job.name);
  if (candidate == 0) return fmt::format("but {} is never taken: {}", job.name, ranked(job.solvable));
  if (pool_.priority(candidate) == pool_.priority(job.solvable)) {
    return fmt::format("but the newest {} is {}", job.name, pool_.record(candidate).version);
  }
  return fmt::format("but the candidate of {} is {}, not {}", job.name, ranked(candidate), ranked(job.solvable));
}

std::string Explanation::forbidden_by(const Job& job) const {
  switch (job.cause) {
    case Job::Cause::excluded:
      return job.place.file.empty() ? "which is excluded" : fmt::format("which{} excludes", where(job.place));
    case Job::Cause::pinned:
      return job.place.file.empty() ? fmt::format("which is pinned to `{}`", job.glob)
                                    : fmt::format("which{} pins to `{}`", where(job.place), job.glob);
    case Job::Cause::superseded:
      return outranked(job);
    default:
      return "";
  }
}

/// Of the forbidden packages that would satisfy the dependency one, of its own name if possible; null when there is a
/// package that could satisfy it and is not forbidden, so that the reason is another.
const Job* Explanation::forbidding(Id dependency) const {
  const Job* found = nullptr;
  const auto providers = pool_.providers(dependency);
  const auto is_forbidden = [&](Id id) {
    return std::any_of(forbidding_.begin(), forbidding_.end(), [&](const Job* job) { return job->solvable == id; });
  };
  if (!std::all_of(providers.begin(), providers.end(), is_forbidden)) return nullptr;
  for (const Job* job : forbidding_) {
    if (std::find(providers.begin(), providers.end(), job->solvable) == providers.end()) continue;
    for (const Id alternative : alternatives_of(pool_.get(), dependency)) {
      if (job->name == pool_id2str(pool_.get(), name_of(pool_.get(), alternative))) return job;
    }
    if (!found) found = job;
  }
  return found;
}

/// What forbids the packages that could satisfy the dependency; empty when nothing in this problem does.
std::string Explanation::forbidden_by(Id dependency) const {
  const Job* job = forbidding(dependency);
  return job ? ", " + forbidden_by(*job) : "";
}

/// A package that `allow` kept out and that would satisfy the dependency; null when there is none.
const PackageRecord* Explanation::hidden_provider(Id dependency) const {
  Pool* pool = pool_.get();
  for (const Id alternative : alternatives_of(pool, dependency)) {
    const std::string_view name = pool_id2str(pool, name_of(pool, alternative));
    const Reldep* relation = ISRELDEP(alternative) ? GETRELDEP(pool, alternative) : nullptr;
    for (const PackageRecord& record : hidden_) {
      if (record.name != name) continue;
      if (!relation || relation->flags > kComparisons) return &record;
      const Id version = pool_str2id(pool, std::string(record.version).c_str(), 1);
      if (pool_intersect_evrs(pool, relation->flags, relation->evr, REL_EQ, version) != 0) return &record;
    }
  }
  return nullptr;
}

std::string Explanation::lacking(Id dependency) const {
  const PackageRecord* record = hidden_provider(dependency);
  return record ? fmt::format(", which `allow` keeps out: {} {} of repository `{}`", record->name, record->version,
                              pool_.repository_name(*record))
                : ", which no repository has";
}

std::string Explanation::subject(Id solvable) const {
  const bool is_head = !asked_.empty() && asked_[0]->name == pool_.record(solvable).name;
  return is_head ? "it" : pool_.describe(solvable);
}

void Explanation::write_asked() {
  if (asked_.empty()) return;
  const Job& head = *asked_[0];
  const auto versions = pool_.versions(head.name);
  const Id candidate = pool_.candidate(head.name);
  const Id shown = candidate != 0 || versions.empty() ? candidate : versions[0];
  lines_.push_back(fmt::format("{} cannot be installed", shown == 0 ? head.name : pool_.describe(shown)));
  for (const Job* job : asked_) {
    const std::string name = job == &head ? "" : job->name + " is ";
    if (job->cause == Job::Cause::base_system) {
      lines_.push_back(job == &head ? "it is part of the base system" : name + "part of the base system");
    } else {
      lines_.push_back(fmt::format("{}asked for{}", name, job->place.file.empty() ? "" : " by" + where(job->place)));
    }
    reached_.insert(job->name);
  }
  for (const Job* job : forbidding_) {
    if (job->name != head.name) continue;
    if (job->cause == Job::Cause::superseded && candidate == 0)
      lines_.push_back(fmt::format("{} is never taken", ranked(job->solvable)));
    if (job->place.file.empty()) continue;
    const bool is_pin = job->cause == Job::Cause::pinned;
    lines_.push_back(job->place.str() + (is_pin ? fmt::format(" pins it to `{}`", job->glob) : " excludes it"));
  }
}

void Explanation::reach(Id dependency) {
  for (const Id provider : pool_.providers(dependency)) reached_.insert(name_of_package(provider));
}

void Explanation::write_requirement(const Rule& rule) {
  const std::string dependency = pool_.describe_dependency(rule.dependency);
  if (const Job* job = forbidding(rule.dependency)) blamed_.push_back(job);
  const bool is_known = !pool_.providers(rule.dependency).empty();
  lines_.push_back(fmt::format("{} depends on {}{}", subject(rule.source), dependency,
                               is_known ? forbidden_by(rule.dependency) : lacking(rule.dependency)));
  reach(rule.dependency);
}

/// From what was asked for on, so that each line speaks of a package named before; in the solver's order otherwise.
void Explanation::write_requirements() {
  std::multimap<std::string, std::size_t> by_source;  // places in requirements_ whose source was not yet named
  std::set<std::size_t> left, ready;
  for (std::size_t i = 0; i < requirements_.size(); ++i) {
    by_source.emplace(name_of_package(requirements_[i].source), i);
    left.insert(i);
  }
  const auto name = [&](const std::string& package) {
    const auto [first, last] = by_source.equal_range(package);
    for (auto it = first; it != last; ++it)
      if (left.contains(it->second)) ready.insert(it->second);
    by_source.erase(first, last);
  };
  for (const std::string& package : reached_) name(package);
  while (!left.empty()) {
    const std::size_t next = ready.empty() ? *left.begin() : *ready.begin();
    left.erase(next);
    ready.erase(next);
    write_requirement(requirements_[next]);
    for (const Id provider : pool_.providers(requirements_[next].dependency)) name(name_of_package(provider));
  }
}

std::string Explanation::conflict_line(const Rule& rule) const {
  if (rule.type == SOLVER_RULE_PKG_SAME_NAME) {
    return fmt::format("only one of {} and {} can be installed", pool_.describe(rule.source),
                       pool_.describe(rule.target));
  }
  const std::string dependency = pool_.describe_dependency(rule.dependency);
  const std::string target = pool_.describe(rule.target);
  if (dependency.starts_with(name_of_package(rule.target))) {
    return fmt::format("{} conflicts with {}", subject(rule.source), target);
  }
  return fmt::format("{} conflicts with {}, which {} provides", subject(rule.source), dependency, target);
}

void Explanation::write_conflicts() {
  for (const Rule& rule : conflicts_) lines_.push_back(conflict_line(rule));
}

/// How to lift what this job forbids; empty for an older version of the same priority.
std::string Explanation::cure(const Job& job) const {
  if (job.cause == Job::Cause::excluded) return fmt::format("drop `{}` from packages.exclude", job.name);
  if (job.cause == Job::Cause::pinned) {
    std::string versions;
    for (const Id id : pool_.versions(job.name)) {
      versions += (versions.empty() ? "" : ", ") + std::string(pool_.record(id).version);
    }
    return fmt::format("loosen the pin of `{}`: the repositories have {}", job.name, versions);
  }
  const Id candidate = pool_.candidate(job.name);
  if (candidate != 0 && pool_.priority(candidate) == pool_.priority(job.solvable)) return "";
  return fmt::format("packages.pin would take it: `{}: {}`", job.name, pool_.record(job.solvable).version);
}

std::string Explanation::hint() const {
  for (const Job* job : blamed_.empty() ? forbidding_ : blamed_) {
    if (std::string text = cure(*job); !text.empty()) return text;
  }
  for (const Rule& rule : requirements_) {
    if (!pool_.providers(rule.dependency).empty()) continue;
    if (const PackageRecord* record = hidden_provider(rule.dependency)) return allow_hint(pool_, *record);
  }
  std::vector<std::string> names;
  for (const Job* job : asked_) {
    if (job->cause == Job::Cause::asked) names.push_back("`" + job->name + "`");
  }
  if (names.empty()) return "the repositories are inconsistent; try again later";
  if (names.size() == 1) return fmt::format("drop {} from packages.include, or add a repository", names[0]);
  return fmt::format("drop {} or {} from packages.include", fmt::join(names.begin(), names.end() - 1, ", "),
                     names.back());
}

Error Explanation::error() {
  write_asked();
  write_requirements();
  write_conflicts();
  Error error(codes::unsatisfiable, fmt::format("no set of packages satisfies image `{}`", goal_.image));
  std::vector<std::string> lines;
  std::set<std::string> told;
  for (std::string& line : lines_) {
    if (told.insert(line).second) lines.push_back(std::move(line));
  }
  if (lines.size() > kMostLines) {  // the middle goes: both ends say more
    const auto middle = lines.begin() + (kMostLines - kLastLines - 1);
    const std::size_t dropped = lines.size() - kMostLines + 1;
    const auto rest = lines.erase(middle, middle + static_cast<std::ptrdiff_t>(dropped));
    lines.insert(rest, fmt::format("and {} more reasons like these", dropped));
  }
  for (std::string& line : lines) error.chain(std::move(line));
  error.help(hint());
  return error;
}

/// Levenshtein's distance, given up beyond `limit`.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return limit + 1;
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) row[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    std::size_t diagonal = std::exchange(row[0], j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[i], std::min({change, row[i] + 1, row[i - 1] + 1}));
    }
  }
  return row.back();
}

std::string nearest_name(const std::vector<PackageRecord>& records, const std::string& name) {
  const std::size_t limit = name.size() < 6 ? 1 : 2;
  std::pair<std::size_t, std::string_view> best{limit + 1, ""};
  for (const PackageRecord& record : records) {
    best = std::min(best, std::pair(distance(record.name, name, limit), record.name));
  }
  return best.first <= limit ? std::string(best.second) : "";
}

}  // namespace

Error explain_problem(Solver* solver, const PackagePool& pool, const Goal& goal, const std::vector<Job>& jobs,
                      const Candidates::Data& data) {
  return Explanation(solver, pool, goal, jobs, data.hidden).error();
}

Error explain_unknown(const PackagePool& pool, const Candidates::Data& data, const Text& name) {
  Error error(codes::unknown_package, fmt::format("no repository has a package `{}`", name.value));
  if (!name.place.file.empty()) error.at(name.place);
  std::set<std::string> providers;
  if (const Id id = pool_str2id(pool.get(), name.value.c_str(), 0)) {
    for (const Id provider : pool.providers(id)) providers.emplace(pool.record(provider).name);
  }
  if (!providers.empty()) {
    constexpr std::size_t kShown = 6;
    std::vector<std::string> shown(providers.begin(), providers.end());
    if (shown.size() > kShown) shown.resize(kShown);
    return error.help(
        fmt::format("`{}` is virtual; name a package that provides it: {}", name.value, fmt::join(shown, ", ")));
  }
  for (const PackageRecord& record : data.hidden) {
    if (record.name != name.value) continue;
    return error
        .chain(fmt::format("repository `{}` has {} {}, but its `allow` does not name it", pool.repository_name(record),
                           record.name, record.version))
        .help(allow_hint(pool, record));
  }
  const std::string nearest = nearest_name(data.packages, name.value);
  return error.help(nearest.empty() ? "the repositories' suites and components decide what exists"
                                    : fmt::format("did you mean `{}`?", nearest));
}

}  // namespace ainode
