// SPDX-License-Identifier: Apache-2.0
// What a Store holds open; for the files of this folder only.
#pragma once

#include <ostree.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <set>

#include "base/files.h"
#include "builder/store/object.h"
#include "builder/store/store.h"

namespace ainode {

struct Store::State {
  fs::path directory;
  std::optional<FileLock> lock;  ///< shared while the store is open; exclusive while it is repaired or cleaned
  GObjectHandle<OstreeRepo> repository;
  std::mutex metadata_lock;
  std::atomic<std::uint64_t> written{0};  ///< bytes of content since the store was opened

  std::mutex verified_lock;
  std::set<std::string> verified;  ///< content objects that had their own hash when this process read them

  fs::path object_path(const std::string& checksum, const char* extension) const {
    return directory / "repo/objects" / checksum.substr(0, 2) / (checksum.substr(2) + "." + extension);
  }
  /// A metadata object, held to its checksum.
  Variant load(OstreeObjectType type, const std::string& checksum) const;
  std::string write_metadata(OstreeObjectType type, const Variant& variant);
  std::string write_directory_metadata(const Ownership& ownership);

  /// Removes the staging directories whose writers are gone. Under the staging lock only.
  void purge_staging() const;
  /// Looks at the free space now and then; throws space_needed.
  void count_written(const Store& store, std::uint64_t bytes);

  bool is_verified(const std::string& checksum) {
    const std::lock_guard guard(verified_lock);
    return verified.contains(checksum);
  }
  void set_verified(const std::string& checksum) {
    const std::lock_guard guard(verified_lock);
    verified.insert(checksum);
  }
};

/// A file that stands while a commit is under way, and stays when this process dies in it.
class UnfinishedMark {
 public:
  explicit UnfinishedMark(const fs::path& directory);
  UnfinishedMark(const UnfinishedMark&) = delete;
  ~UnfinishedMark();
  void keep() const { keep_ = true; }

 private:
  fs::path path_;
  mutable bool keep_ = false;
};

/// Throws object_corrupt unless the object's bytes have the checksum that names them. `type` as for_each_object has it.
void verify_object(const Store& store, const std::string& checksum, const std::string& type);
[[noreturn]] void throw_corrupt(const fs::path& repository, const std::string& checksum, const std::string& type,
                                const std::string& actual);

}  // namespace ainode
