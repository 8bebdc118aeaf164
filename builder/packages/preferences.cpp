// SPDX-License-Identifier: Apache-2.0
// Which package apt takes where several could satisfy a dependency, written into the pool as private names.
#include <algorithm>
#include <string>
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

/// Among providers of a virtual name: Essential, then Protected, then Priority, then the later in the pool's order.
bool PackagePool::is_better_provider(Id a, Id b) const {
  const PackageRecord &x = record(a), &y = record(b);
  if (x.is_essential != y.is_essential) return x.is_essential;
  if (x.is_protected != y.is_protected) return x.is_protected;
  if (x.priority != y.priority) return x.priority < y.priority;
  return a > b;
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
