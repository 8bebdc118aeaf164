// SPDX-License-Identifier: Apache-2.0
// Records in, then three passes: which versions are superseded, who provides what, and what apt would prefer.
#include "builder/packages/pool.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

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

Id name_of(Pool* pool, Id dependency) {
  while (ISRELDEP(dependency)) dependency = GETRELDEP(pool, dependency)->name;
  return dependency;
}

/// A chain of REL_OR as a list.
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

Solvable* solvable_at(Pool* pool, Id id) {
  return pool->solvables + id;
}

/// One name, version and architecture is one content, whatever repository serves it.
void refuse_two_contents(const PackageRecord& a, const PackageRecord& b) {
  if (a.architecture != b.architecture || a.sha256 == b.sha256) return;
  throw Error(codes::index_malformed, fmt::format("package {} {} ({}) has two different contents in the repositories",
                                                  a.name, a.version, a.architecture))
      .help("one of the repositories replaces the other's package under the same version; drop it from the recipe");
}

}  // namespace

PackagePool::PackagePool(const std::vector<PackageRecord>& records, const std::string& architecture)
    : records_(records), architecture_(architecture), pool_(pool_create()) {
  Pool* pool = pool_.get();
  pool_setdisttype(pool, DISTTYPE_DEB);
  pool_setarchpolicy(pool, architecture.c_str());
  repo_ = repo_create(pool, "candidates");
  if (!records_.empty()) first_ = repo_add_solvable_block(repo_, static_cast<int>(records_.size()));
  for (std::size_t i = 0; i < records_.size(); ++i) add_record(first_ + static_cast<Id>(i), records_[i]);
  find_superseded();
  index_providers();
  write_preferences();
  index_providers();
}

void PackagePool::add_record(Id solvable, const PackageRecord& record) {
  Pool* pool = pool_.get();
  const auto parse = [&](std::string_view field) { return parse_relations(pool, field, architecture_, record.name); };
  Offset provides = 0, requires_ = 0, conflicts = 0;
  const Id name = intern(pool, record.name), version = intern(pool, record.version);
  for (const Id id : parse(record.provides)) provides = repo_addid_dep(repo_, provides, id, 0);
  provides = repo_addid_dep(repo_, provides, pool_rel2id(pool, name, version, REL_EQ, 1), 0);
  for (const Id id : parse(record.depends)) requires_ = repo_addid_dep(repo_, requires_, id, -SOLVABLE_PREREQMARKER);
  for (const Id id : parse(record.pre_depends)) requires_ = repo_addid_dep(repo_, requires_, id, SOLVABLE_PREREQMARKER);
  // Nothing is installed yet, so Breaks forbids what Conflicts forbids.
  for (const Id id : parse(record.conflicts)) conflicts = repo_addid_dep(repo_, conflicts, id, 0);
  for (const Id id : parse(record.breaks)) conflicts = repo_addid_dep(repo_, conflicts, id, 0);
  if (auto clauses = parse(record.recommends); !clauses.empty()) recommends_[solvable] = std::move(clauses);
  Solvable* s = solvable_at(pool, solvable);
  s->name = name;
  s->evr = version;
  s->arch = intern(pool, record.architecture);
  s->dep_provides = provides;
  s->dep_requires = requires_;
  s->dep_conflicts = conflicts;
}

void PackagePool::find_superseded() {
  Pool* pool = pool_.get();
  is_superseded_.assign(records_.size(), false);
  std::unordered_map<Id, Id> newest;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Id id = first_ + static_cast<Id>(i);
    const auto [it, is_new] = newest.try_emplace(solvable_at(pool, id)->name, id);
    if (is_new) continue;
    // Of equal versions (one package in two repositories) the first repository's stays.
    const int order = pool_evrcmp(pool, solvable_at(pool, id)->evr, solvable_at(pool, it->second)->evr, EVRCMP_COMPARE);
    if (order == 0) refuse_two_contents(record(id), record(it->second));
    const Id loser = order > 0 ? std::exchange(it->second, id) : id;
    is_superseded_[static_cast<std::size_t>(loser - first_)] = true;
  }
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (is_superseded_[i]) superseded_.push_back(first_ + static_cast<Id>(i));
  }
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

bool PackagePool::has_providers_of_several_names(Id clause) const {
  Pool* pool = pool_.get();
  const Id* list = pool_whatprovides_ptr(pool, clause);
  if (*list == 0) return false;
  const Id name = solvable_at(pool, *list)->name;
  for (const Id* id = list + 1; *id != 0; ++id) {
    if (solvable_at(pool, *id)->name != name) return true;
  }
  return false;
}

/// Among providers of a virtual name: Essential, then the newer of one name, then Priority, then the later in the
/// index.
bool PackagePool::is_better_provider(Id a, Id b) const {
  const PackageRecord &x = record(a), &y = record(b);
  if (x.is_essential != y.is_essential) return x.is_essential;
  if (x.priority != y.priority) return x.priority < y.priority;
  return a > b;
}

Id PackagePool::preferred_of_alternative(Id alternative) const {
  Pool* pool = pool_.get();
  const Id name = name_of(pool, alternative);
  Id best = 0;
  for (const Id id : providers(alternative)) {
    if (!is_candidate(id)) continue;
    if (solvable_at(pool, id)->name == name) return id;  // a package of this very name comes first
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
  std::vector<std::pair<Id, std::set<Id>>> choices;
  std::set<Id> chosen;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Id id = first_ + static_cast<Id>(i);
    const Solvable* s = solvable_at(pool, id);
    if (!s->dep_requires) continue;
    std::set<Id> mine;
    for (const Id* clause = repo_->idarraydata + s->dep_requires; *clause != 0; ++clause) {
      if (*clause == SOLVABLE_PREREQMARKER) continue;
      if (const Id package = choice(*clause)) mine.insert(package);
    }
    chosen.insert(mine.begin(), mine.end());
    if (!mine.empty()) choices.emplace_back(id, std::move(mine));
  }
  std::unordered_map<Id, Id> private_name;
  for (const Id id : chosen) {
    const Id name = intern(pool, "preferred:" + std::to_string(id));
    private_name[id] = name;
    Solvable* s = solvable_at(pool, id);
    s->dep_provides = repo_addid_dep(repo_, s->dep_provides, name, 0);
  }
  for (const auto& [id, packages] : choices) {
    Offset list = 0;
    for (const Id package : packages) list = repo_addid_dep(repo_, list, private_name[package], 0);
    solvable_at(pool, id)->dep_recommends = list;
  }
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

std::vector<Id> PackagePool::base_system() const {
  std::vector<Id> found;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Id id = first_ + static_cast<Id>(i);
    if (is_candidate(id) && (records_[i].is_essential || records_[i].priority == 1)) found.push_back(id);
  }
  return found;
}

const std::vector<Id>& PackagePool::recommends(Id solvable) const {
  static const std::vector<Id> kNone;
  const auto it = recommends_.find(solvable);
  return it == recommends_.end() ? kNone : it->second;
}

std::string PackagePool::describe(Id solvable) const {
  const PackageRecord& r = record(solvable);
  return std::string(r.name) + " " + std::string(r.version);
}

std::string PackagePool::describe_dependency(Id dependency) const {
  return pool_dep2str(pool_.get(), dependency);
}

}  // namespace ainode
