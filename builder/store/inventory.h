// SPDX-License-Identifier: Apache-2.0
// What the repository of a store holds, and what of it is reached: the ground for listing, cleaning, proving and
// repairing it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

struct StoredRef {
  std::string name, commit;   ///< commit empty when the ref's file holds no checksum
  std::int64_t last_use = 0;  ///< seconds since 1970
};

struct StoredObject {
  std::string checksum, type;                             ///< type as for_each_object has it, or "commitmeta"
  std::uint64_t bytes = 0;                                ///< on the disk
  auto operator<=>(const StoredObject&) const = default;  // NOLINT(modernize-use-nullptr): the linter takes <=> for one
  std::string name() const { return checksum + "." + type; }
};

/// Sorted by name.
std::vector<StoredRef> stored_refs(const Store& store);
std::vector<StoredObject> stored_objects(const Store& store);

/// "CHECKSUM.TYPE" of all that a commit reaches, its signatures included. Throws object_corrupt or store_failed where a
/// directory is damaged or anything is missing; contents are not read.
class Reach {
 public:
  explicit Reach(const Store& store) : store_(store) {}
  const std::set<std::string>& of(const std::string& commit);

 private:
  const Store& store_;
  std::map<std::string, std::set<std::string>> known_;
};

void remove_ref(const Store& store, const std::string& name);
void remove_object(const Store& store, const StoredObject& object);

/// What a killed process left: staging directories, scratch, half-made commits. With the store's lock held
/// exclusively only.
void repair(Store& store);

}  // namespace ainode
