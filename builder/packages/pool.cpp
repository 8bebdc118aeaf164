// SPDX-License-Identifier: Apache-2.0
// Records in, then three passes: which version of a name counts, who provides what, and what apt would prefer.
#include "builder/packages/pool.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "builder/packages/relations.h"

extern "C" {
#include <solv/evr.h>
#include <solv/poolarch.h>
}

namespace ainode {

namespace {

Id intern(Pool* pool, std::string_view text) {
  return pool_strn2id(pool, text.data(), static_cast<unsigned>(text.size()), 1);
}

Solvable* solvable_at(Pool* pool, Id id) {
  return pool->solvables + id;
}

}  // namespace

Id name_of(Pool* pool, Id dependency) {
  while (ISRELDEP(dependency)) dependency = GETRELDEP(pool, dependency)->name;
  return dependency;
}

std::vector<Id> alternatives_of(Pool* pool, Id clause) {
  std::vector<Id> alternatives;
  while (ISRELDEP(clause)) {
    const Reldep* relation = GETRELDEP(pool, clause);
    if (relation->flags != REL_OR) break;
    alternatives.push_back(relation->name);
    clause = relation->evr;
  }
  alternatives.push_back(clause);
  return alternatives;
}

PackagePool::PackagePool(const std::vector<PackageRecord>& records, const std::vector<RepositoryPolicy>& policies,
                         const std::string& architecture)
    : records_(records), policies_(policies), architecture_(architecture) {
  prepare();
  for (std::size_t i = 0; i < records_.size(); ++i) add_record(id(i), records_[i]);
  // A last list that nobody owns: from here every list is extended by copying, so own_provides stay as they are.
  repo_addid(repo_, 0, ID_EMPTY);
  rank();
  number_names();
  find_candidates({});
  index_providers();
  write_preferences();
  index_providers();
}

void PackagePool::prepare() {
  pool_.reset(pool_create());
  Pool* pool = pool_.get();
  pool_setdisttype(pool, DISTTYPE_DEB);
  pool_setarchpolicy(pool, architecture_.c_str());
  repo_ = repo_create(pool, "candidates");
  if (!records_.empty()) first_ = repo_add_solvable_block(repo_, static_cast<int>(records_.size()));
  extra_.resize(records_.size());
}

void PackagePool::add_record(Id solvable, const PackageRecord& record) {
  Pool* pool = pool_.get();
  const auto parse = [&](std::string_view field) { return parse_relations(pool, field, architecture_, record.name); };
  Offset provides = 0, requires_ = 0, conflicts = 0, recommends = 0;
  const Id name = intern(pool, record.name), version = intern(pool, record.version);
  for (const Id id : parse(record.provides)) provides = repo_addid_dep(repo_, provides, id, 0);
  provides = repo_addid_dep(repo_, provides, pool_rel2id(pool, name, version, REL_EQ, 1), 0);
  for (const Id id : parse(record.depends)) requires_ = repo_addid_dep(repo_, requires_, id, -SOLVABLE_PREREQMARKER);
  for (const Id id : parse(record.pre_depends)) requires_ = repo_addid_dep(repo_, requires_, id, SOLVABLE_PREREQMARKER);
  // Nothing is installed yet, so Breaks forbids what Conflicts forbids.
  for (const Id id : parse(record.conflicts)) conflicts = repo_addid_dep(repo_, conflicts, id, 0);
  for (const Id id : parse(record.breaks)) conflicts = repo_addid_dep(repo_, conflicts, id, 0);
  for (const Id id : parse(record.recommends)) recommends = repo_addid_dep(repo_, recommends, id, 0);
  Solvable* s = solvable_at(pool, solvable);
  s->name = name;
  s->evr = version;
  s->arch = intern(pool, record.architecture);
  s->dep_provides = provides;
  s->dep_requires = requires_;
  s->dep_conflicts = conflicts;
  extra_[index(solvable)] = {recommends, provides, 0, 0, false};
}

void PackagePool::refuse_two_contents(Id a, Id b) const {
  const PackageRecord &x = record(a), &y = record(b);
  if (x.architecture != y.architecture || x.sha256 == y.sha256) return;
  std::string places = x.repository == y.repository
                           ? fmt::format("repository `{}`", repository(a).id)
                           : fmt::format("repositories `{}` and `{}`", repository(a).id, repository(b).id);
  throw Error(codes::index_malformed, fmt::format("package {} {} ({}) has two different contents in the {}", x.name,
                                                  x.version, x.architecture, places))
      .help(
          "one version must be one content; drop one of the repositories from the recipe, or keep it from this "
          "package with `allow`");
}

/// A version's priority is the highest of the repositories that have it.
void PackagePool::rank() {
  Pool* pool = pool_.get();
  std::unordered_map<std::uint64_t, Id> first;  // by name and version
  const auto key = [&](Id id) {
    const Solvable* s = solvable_at(pool, id);
    return static_cast<std::uint64_t>(s->name) << 32 | static_cast<std::uint32_t>(s->evr);
  };
  first.reserve(records_.size());
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const int mine = policies_[records_[i].repository].priority;
    const Id best = first.try_emplace(key(id(i)), id(i)).first->second;
    extra_[index(best)].priority = id(i) == best ? mine : std::max(extra_[index(best)].priority, mine);
  }
  for (std::size_t i = 0; i < records_.size(); ++i) extra_[i].priority = priority(first.at(key(id(i))));
}

/// Highest priority, then highest version; of one version in two repositories the preferred, else first, repository's.
Id PackagePool::best_version(const std::vector<Id>& versions) const {
  Pool* pool = pool_.get();
  Id best = 0;
  for (const Id id : versions) {
    if (priority(id) <= 0) continue;
    if (best == 0) {
      best = id;
      continue;
    }
    const int by_priority = priority(id) - priority(best);
    const int order = pool_evrcmp(pool, solvable_at(pool, id)->evr, solvable_at(pool, best)->evr, EVRCMP_COMPARE);
    if (order == 0) refuse_two_contents(best, id);
    const bool serves_better = order == 0 && repository(id).priority > repository(best).priority;
    if (by_priority > 0 || (by_priority == 0 && order > 0) || serves_better) best = id;
  }
  return best;
}

void PackagePool::find_candidates(const Pins& pins) {
  Pool* pool = pool_.get();
  std::unordered_map<Id, std::vector<Id>> several;
  std::unordered_map<Id, Id> only;
  only.reserve(records_.size());
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const auto [it, is_new] = only.try_emplace(solvable_at(pool, id(i))->name, id(i));
    extra_[i].is_candidate = is_new && priority(id(i)) > 0;
    if (is_new) continue;
    extra_[index(it->second)].is_candidate = false;
    auto& versions = several[it->first];
    if (versions.empty()) versions.push_back(it->second);
    versions.push_back(id(i));
  }
  for (const auto& [name, versions] : several) {
    if (const Id best = best_version(versions)) extra_[index(best)].is_candidate = true;
  }
  for (const auto& [name, glob] : pins) {
    Id best = 0;
    for (const Id id : versions(name)) {
      extra_[index(id)].is_candidate = false;
      const std::string version(record(id).version);
      if (fnmatch(glob.value.c_str(), version.c_str(), 0) != 0) continue;
      if (best == 0) best = id;
      if (record(best).version == version) refuse_two_contents(best, id);
    }
    if (best != 0) extra_[index(best)].is_candidate = true;
  }
}

std::unique_ptr<PackagePool> PackagePool::with_pins(const Pins& pins) const {
  std::vector<PooledPackage> packages;
  auto made = std::make_unique<PackagePool>(records_, policies_, architecture_, arrays(packages));
  for (std::size_t i = 0; i < records_.size(); ++i) {
    Solvable* s = solvable_at(made->get(), made->id(i));
    s->dep_provides = made->extra_[i].own_provides;
    s->dep_recommends = 0;
  }
  made->find_candidates(pins);
  made->write_preferences();
  made->index_providers();
  return made;
}

void PackagePool::index_providers() {
  pool_createwhatprovides(pool_.get());
  keep_any_to_allowed();
}

/// libsolv takes `NAME:any` for every NAME; only a package of Multi-Arch: allowed may stand for it.
void PackagePool::keep_any_to_allowed() {
  Pool* pool = pool_.get();
  for (int i = 1; i < pool->nrels; ++i) {
    if (pool->rels[i].flags != REL_MULTIARCH || pool->rels[i].evr != ARCH_ANY) continue;
    IdQueue allowed;
    bool drops_some = false;
    for (const Id id : providers(pool->rels[i].name)) {
      if (record(id).allows_foreign) {
        allowed.push(id);
      } else {
        drops_some = true;
      }
    }
    if (drops_some) {
      pool_set_whatprovides(pool, MAKERELDEP(i), pool_queuetowhatprovides(pool, allowed.get()));
    }
  }
}

std::vector<Id> PackagePool::providers(Id dependency) const {
  std::vector<Id> found;
  Pool* pool = pool_.get();
  Id id = 0;
  Id position = 0;
  FOR_PROVIDES(id, position, dependency) {
    found.push_back(id);
  }
  return found;
}

std::vector<Id> PackagePool::versions(std::string_view name) const {
  Pool* pool = pool_.get();
  const Id id = pool_strn2id(pool, name.data(), static_cast<unsigned>(name.size()), 0);
  std::vector<Id> found;
  if (id == 0) return found;
  for (const Id solvable : providers(id)) {
    if (solvable_at(pool, solvable)->name == id) found.push_back(solvable);
  }
  std::stable_sort(found.begin(), found.end(), [&](Id a, Id b) {
    return pool_evrcmp(pool, solvable_at(pool, a)->evr, solvable_at(pool, b)->evr, EVRCMP_COMPARE) > 0;
  });
  return found;
}

Id PackagePool::candidate(std::string_view name) const {
  const auto all = versions(name);
  const auto it = std::find_if(all.begin(), all.end(), [&](Id id) { return is_candidate(id); });
  return it == all.end() ? 0 : *it;
}

std::vector<Id> PackagePool::others() const {
  std::vector<Id> found;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (!extra_[i].is_candidate) found.push_back(id(i));
  }
  return found;
}

std::vector<Id> PackagePool::base_system() const {
  std::vector<Id> found;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (extra_[i].is_candidate && (records_[i].is_essential || records_[i].priority == 1)) found.push_back(id(i));
  }
  return found;
}

std::vector<Id> PackagePool::list(Offset offset) const {
  std::vector<Id> found;
  if (offset == 0) return found;
  for (const Id* id = repo_->idarraydata + offset; *id != 0; ++id) found.push_back(*id);
  return found;
}

std::vector<Id> PackagePool::depends(Id solvable) const {
  return list(solvable_at(pool_.get(), solvable)->dep_requires);
}

std::vector<Id> PackagePool::recommends(Id solvable) const {
  return list(extra_[index(solvable)].recommends);
}

std::vector<Id> PackagePool::conflicts(Id solvable) const {
  return list(solvable_at(pool_.get(), solvable)->dep_conflicts);
}

std::string PackagePool::describe(Id solvable) const {
  const PackageRecord& r = record(solvable);
  return std::string(r.name) + " " + std::string(r.version);
}

std::string PackagePool::describe_dependency(Id dependency) const {
  return pool_dep2str(pool_.get(), dependency);
}

}  // namespace ainode
