// SPDX-License-Identifier: Apache-2.0
// Which package apt takes where several could satisfy a dependency, written into the pool as private names.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "builder/packages/pool.h"

namespace ainode {

bool PackagePool::has_providers_of_several_names(Id clause) const {
  Pool* pool = pool_.get();
  const Id* list = pool_whatprovides_ptr(pool, clause);
  if (*list == 0) return false;
  const Id name = pool->solvables[*list].name;
  for (const Id* id = list + 1; *id != 0; ++id) {
    if (pool->solvables[*id].name != name) return true;
  }
  return false;
}

namespace {

/// Calls `see` with each name of a dependency field; one of a foreign or any architecture is another name to apt.
template <class See>
void each_name(std::string_view field, const See& see) {
  constexpr std::string_view kEnds = " \t\n(,|";
  bool in_version = false;
  for (std::size_t i = 0; i < field.size();) {
    if (field[i] == '(') in_version = true;
    if (field[i] == ')') in_version = false;
    if (in_version || field[i] == ')' || kEnds.find(field[i]) != std::string_view::npos) {
      ++i;
      continue;
    }
    const std::size_t end = std::min(field.find_first_of(kEnds, i), field.size());
    const std::string_view name = field.substr(i, end - i);
    if (name.find(':') == std::string_view::npos) see(name);
    i = end;
  }
}

}  // namespace

/// Apt numbers names as it first meets them: a stanza's own, then those in its fields, in the order below.
void PackagePool::number_names() {
  std::unordered_map<std::string_view, int> numbers;
  numbers.reserve(2 * records_.size());
  const auto see = [&](std::string_view name) { numbers.try_emplace(name, static_cast<int>(numbers.size())); };
  for (const PackageRecord& r : records_) {
    see(r.name);
    for (const std::string_view field : {r.pre_depends, r.depends, r.conflicts, r.breaks, r.recommends, r.suggests,
                                         r.replaces, r.enhances, r.provides}) {
      each_name(field, see);
    }
  }
  for (std::size_t i = 0; i < records_.size(); ++i) extra_[i].mention = numbers.at(records_[i].name);
}

/// Among providers of a virtual name: Essential, then Protected, then Priority, then the name that was met later.
bool PackagePool::is_better_provider(Id a, Id b) const {
  const PackageRecord &x = record(a), &y = record(b);
  if (x.is_essential != y.is_essential) return x.is_essential;
  if (x.is_protected != y.is_protected) return x.is_protected;
  if (x.priority != y.priority) return x.priority < y.priority;
  const int met_a = extra_[index(a)].mention, met_b = extra_[index(b)].mention;
  return met_a != met_b ? met_a > met_b : a > b;
}

Id PackagePool::preferred_of_alternative(Id alternative) const {
  Pool* pool = pool_.get();
  const Id name = name_of(pool, alternative);
  Id best = 0;
  for (const Id id : providers(alternative)) {
    if (!is_candidate(id)) continue;
    if (pool->solvables[id].name == name) return id;  // a package of this very name comes first
    if (best == 0 || is_better_provider(id, best)) best = id;
  }
  return best;
}

Id PackagePool::preferred(Id clause) const {
  for (const Id alternative : alternatives_of(pool_.get(), clause)) {
    if (const Id id = preferred_of_alternative(alternative)) return id;
  }
  return 0;
}

void PackagePool::write_preferences() {
  Pool* pool = pool_.get();
  std::unordered_map<Id, Id> by_clause;  // 0: nothing to prefer
  const auto choice = [&](Id clause) {
    const auto [it, is_new] = by_clause.try_emplace(clause, 0);
    if (is_new && has_providers_of_several_names(clause)) it->second = preferred(clause);
    return it->second;
  };
  std::unordered_map<Id, Id> private_name;
  const auto name_for = [&](Id package) {
    const auto [it, is_new] = private_name.try_emplace(package, 0);
    if (!is_new) return it->second;
    it->second = pool_str2id(pool, ("preferred:" + std::to_string(package)).c_str(), 1);
    Solvable* s = pool->solvables + package;
    s->dep_provides = repo_addid_dep(repo_, s->dep_provides, it->second, 0);
    return it->second;
  };
  std::vector<Id> mine;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    Solvable* s = pool->solvables + id(i);
    if (!s->dep_requires) continue;
    mine.clear();
    for (const Id* clause = repo_->idarraydata + s->dep_requires; *clause != 0; ++clause) {
      if (*clause == SOLVABLE_PREREQMARKER) continue;
      if (const Id package = choice(*clause)) mine.push_back(package);
    }
    std::sort(mine.begin(), mine.end());
    mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
    for (Id& package : mine) package = name_for(package);
    Offset list = 0;
    for (const Id name : mine) list = repo_addid_dep(repo_, list, name, 0);
    s->dep_recommends = list;
  }
}

}  // namespace ainode
