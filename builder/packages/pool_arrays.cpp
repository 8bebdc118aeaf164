// SPDX-License-Identifier: Apache-2.0
// A pool as plain arrays and back: libsolv's tables are copied whole, which is what makes a warm start fast.
#include <algorithm>
#include <cstring>

#include "builder/packages/pool.h"

extern "C" {
#include <solv/poolid.h>
#include <solv/util.h>
}

namespace ainode {

namespace {

/// libsolv grows its tables when their length reaches a multiple of a block; a multiple of 64 Ki is one of each.
constexpr std::size_t kBlock = 0xFFFF;

template <class T>
void replace_table(T*& table, std::span<const T> from) {
  solv_free(table);
  table = static_cast<T*>(solv_extend_resize(nullptr, from.size() + 1, sizeof(T), kBlock));
  std::memcpy(table, from.data(), from.size_bytes());
}

}  // namespace

PoolArrays PackagePool::arrays(std::vector<PooledPackage>& packages) const {
  const Pool* pool = pool_.get();
  packages.clear();
  packages.reserve(records_.size());
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const Solvable& s = pool->solvables[id(i)];
    const Extra& extra = extra_[i];
    packages.push_back({s.name, s.evr, s.arch, s.dep_provides, s.dep_requires, s.dep_conflicts, extra.recommends,
                        s.dep_recommends, extra.own_provides, extra.priority, extra.mention,
                        extra.is_candidate ? 1 : 0});
  }
  return {{pool->ss.strings, static_cast<std::size_t>(pool->ss.nstrings)},
          {pool->ss.stringspace, pool->ss.sstrings},
          {pool->rels, static_cast<std::size_t>(pool->nrels)},
          {repo_->idarraydata, static_cast<std::size_t>(repo_->idarraysize)},
          packages};
}

PackagePool::PackagePool(const std::vector<PackageRecord>& records, const std::vector<RepositoryPolicy>& policies,
                         const std::string& architecture, const PoolArrays& arrays)
    : records_(records), policies_(policies), architecture_(architecture) {
  prepare();
  Pool* pool = pool_.get();
  // The hash tables over strings and relations are made anew by libsolv, at the first look-up.
  pool_freeidhashes(pool);
  replace_table(pool->ss.strings, arrays.strings);
  pool->ss.nstrings = static_cast<int>(arrays.strings.size());
  replace_table(pool->ss.stringspace, arrays.string_space);
  pool->ss.sstrings = static_cast<Offset>(arrays.string_space.size());
  replace_table(pool->rels, arrays.relations);
  pool->nrels = static_cast<int>(arrays.relations.size());
  replace_table(repo_->idarraydata, arrays.lists);
  repo_->idarraysize = static_cast<int>(arrays.lists.size());
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const PooledPackage& from = arrays.packages[i];
    Solvable& s = pool->solvables[id(i)];
    s.name = from.name;
    s.evr = from.version;
    s.arch = from.architecture;
    s.dep_provides = from.provides;
    s.dep_requires = from.requires_;
    s.dep_conflicts = from.conflicts;
    s.dep_recommends = from.preferred;
    extra_[i] = {from.recommends, from.own_provides, from.priority, from.mention, from.is_candidate != 0};
  }
  index_providers();
}

}  // namespace ainode
