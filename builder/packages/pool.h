// SPDX-License-Identifier: Apache-2.0
// The records as a libsolv pool that answers like apt. libsolv shows in no header outside this folder.
#pragma once

// libsolv's C headers declare a flexible member that C++20 needs spelled out.
#define LIBSOLV_SOLVABLE_PREPEND_DEP
extern "C" {
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/solver.h>
#include <solv/transaction.h>
}

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/handle.h"
#include "builder/packages/index.h"

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

/// Built once over the records of one architecture; goals do not change it. The records must outlive it.
///
/// Apt's choice among the providers of a dependency is written into the pool: the chosen package gets a private
/// provide, and the dependant recommends it. The solver ignores recommendations as such, but its policy prunes
/// alternatives to recommended ones, so it takes apt's choice unless a conflict forbids it. True Recommends stay in a
/// table of our own.
class PackagePool {
 public:
  PackagePool(const std::vector<PackageRecord>& records, const std::string& architecture);

  Pool* get() const { return pool_.get(); }
  const PackageRecord& record(Id solvable) const { return records_[static_cast<std::size_t>(solvable - first_)]; }
  std::string describe(Id solvable) const;  ///< "systemd 257.13-1"
  std::string describe_dependency(Id dependency) const;

  /// All versions of a package, newest first; empty when no package has this name.
  std::vector<Id> versions(std::string_view name) const;
  /// Solvables of which a newer version exists.
  const std::vector<Id>& superseded() const { return superseded_; }
  /// Essential: yes or Priority: required, one solvable a name, in the index's order.
  std::vector<Id> base_system() const;
  /// The clauses of a package's Recommends.
  const std::vector<Id>& recommends(Id solvable) const;
  /// Which package apt would take for a clause: the first alternative that has one; 0 when none has.
  Id preferred(Id clause) const;
  /// Solvables that provide a name or satisfy a dependency.
  std::vector<Id> providers(Id dependency) const;

 private:
  void add_record(Id solvable, const PackageRecord& record);
  void find_superseded();
  void index_providers();
  void keep_any_to_allowed();
  void write_preferences();
  bool is_candidate(Id solvable) const { return !is_superseded_[static_cast<std::size_t>(solvable - first_)]; }
  Id preferred_of_alternative(Id alternative) const;
  bool has_providers_of_several_names(Id clause) const;
  bool is_better_provider(Id a, Id b) const;

  const std::vector<PackageRecord>& records_;
  std::string architecture_;
  Handle<Pool, pool_free> pool_;
  Repo* repo_ = nullptr;
  Id first_ = 0;
  std::unordered_map<Id, std::vector<Id>> recommends_;
  std::vector<Id> superseded_;
  std::vector<bool> is_superseded_;
};

}  // namespace ainode
