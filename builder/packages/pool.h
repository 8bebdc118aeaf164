// SPDX-License-Identifier: Apache-2.0
// The records as a libsolv pool that answers like apt. libsolv shows in no header outside this folder.
#pragma once

// libsolv's C headers declare a flexible member that C++20 needs spelled out.
#define LIBSOLV_SOLVABLE_PREPEND_DEP
extern "C" {
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/solver.h>
}

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/recipe.h"
#include "builder/packages/index.h"
#include "builder/packages/policy.h"

namespace ainode {

/// A libsolv queue that frees itself.
class IdQueue {
 public:
  IdQueue() { queue_init(&queue_); }
  ~IdQueue() { queue_free(&queue_); }
  IdQueue(const IdQueue&) = delete;
  Queue* get() { return &queue_; }
  void push(Id id) { queue_push(&queue_, id); }
  const Id* begin() const { return queue_.elements; }
  const Id* end() const { return queue_.elements + queue_.count; }
  bool empty() const { return queue_.count == 0; }

 private:
  Queue queue_;
};

using Pins = std::map<std::string, Text>;  ///< package name → version glob

/// One package's part of a pool, for the cache.
struct PooledPackage {
  Id name, version, architecture;
  Offset provides, requires_, conflicts, recommends, preferred, own_provides;
  std::int32_t priority, mention, is_candidate;
};

/// A pool's tables as they lie in memory: views into it, or into a cache file.
struct PoolArrays {
  std::span<const Offset> strings;
  std::span<const char> string_space;
  std::span<const Reldep> relations;
  std::span<const Id> lists;  ///< zero-terminated lists that a package's offsets point to
  std::span<const PooledPackage> packages;
};

/// Built once over the records of one architecture; goals do not change it. Records and policies must outlive it.
///
/// As with apt, one version of a name is its *candidate*: that of the highest priority, then the highest version, or
/// what a pin says. Apt's choice among the providers of a dependency is written into the pool: the chosen package gets
/// a private provide, and the dependant recommends it. The solver ignores recommendations as such, but its policy
/// prunes alternatives to recommended ones, so it takes apt's choice unless a conflict forbids it. True Recommends stay
/// in a table of our own.
class PackagePool {
 public:
  PackagePool(const std::vector<PackageRecord>& records, const std::vector<RepositoryPolicy>& policies,
              const std::string& architecture);
  /// What arrays() gave, over the same records.
  PackagePool(const std::vector<PackageRecord>& records, const std::vector<RepositoryPolicy>& policies,
              const std::string& architecture, const PoolArrays& arrays);
  /// The same packages with other candidates: of a pinned name the highest version that fits, of no priority at all.
  std::unique_ptr<PackagePool> with_pins(const Pins& pins) const;
  /// Valid until the pool's next use; `packages` is put into the given vector.
  PoolArrays arrays(std::vector<PooledPackage>& packages) const;

  Pool* get() const { return pool_.get(); }
  const PackageRecord& record(Id solvable) const { return records_[index(solvable)]; }
  std::string describe(Id solvable) const;  ///< "systemd 257.13-1"
  std::string describe_dependency(Id dependency) const;

  /// All versions of a package, newest first; empty when no package has this name.
  std::vector<Id> versions(std::string_view name) const;
  /// The version that may be installed; 0 when there is none.
  Id candidate(std::string_view name) const;
  bool is_candidate(Id solvable) const { return extra_[index(solvable)].is_candidate; }
  /// Of a version in several repositories: the highest of theirs.
  int priority(Id solvable) const { return extra_[index(solvable)].priority; }
  const RepositoryPolicy& repository(Id solvable) const { return policies_[record(solvable).repository]; }
  const std::string& repository_name(const PackageRecord& record) const { return policies_[record.repository].id; }
  /// Solvables that must not be chosen.
  std::vector<Id> others() const;
  /// Essential: yes or Priority: required, one solvable a name, in the pool's order.
  std::vector<Id> base_system() const;
  /// The clauses of a package's fields. In `depends` SOLVABLE_PREREQMARKER parts Depends from Pre-Depends.
  std::vector<Id> depends(Id solvable) const;
  std::vector<Id> recommends(Id solvable) const;
  std::vector<Id> conflicts(Id solvable) const;
  /// Which package apt would take for a clause: the first alternative that has one; 0 when none has.
  Id preferred(Id clause) const;
  /// Solvables that provide a name or satisfy a dependency, candidates or not.
  std::vector<Id> providers(Id dependency) const;
  /// One name, version and architecture is one content, whatever repository serves it: throws index_malformed.
  void refuse_two_contents(Id a, Id b) const;

 private:
  struct Extra {
    Offset recommends = 0;
    Offset own_provides = 0;  // without private names
    int priority = 0;
    int mention = 0;  // by first mention of the name, as apt numbers names
    bool is_candidate = false;
  };

  void prepare();
  void add_record(Id solvable, const PackageRecord& record);
  void rank();
  void number_names();
  void find_candidates(const Pins& pins);
  Id best_version(const std::vector<Id>& versions) const;
  void index_providers();
  void keep_any_to_allowed();
  void write_preferences();
  Id preferred_of_alternative(Id alternative) const;
  bool has_providers_of_several_names(Id clause) const;
  bool is_better_provider(Id a, Id b) const;
  std::vector<Id> list(Offset offset) const;
  std::size_t index(Id solvable) const { return static_cast<std::size_t>(solvable - first_); }
  Id id(std::size_t index) const { return first_ + static_cast<Id>(index); }

  const std::vector<PackageRecord>& records_;
  const std::vector<RepositoryPolicy>& policies_;
  std::string architecture_;
  Handle<Pool, pool_free> pool_;
  Repo* repo_ = nullptr;
  Id first_ = 0;
  std::vector<Extra> extra_;  // by index
};

/// The alternatives of a clause in order; one where it has no `|`.
std::vector<Id> alternatives_of(Pool* pool, Id clause);
/// The package name that a dependency without alternatives speaks of.
Id name_of(Pool* pool, Id dependency);

}  // namespace ainode
