// SPDX-License-Identifier: Apache-2.0
// What a Store holds open; for the files of this folder only.
#pragma once

#include <ostree.h>

#include <mutex>
#include <optional>

#include "base/files.h"
#include "builder/store/object.h"
#include "builder/store/store.h"

namespace ainode {

struct Store::State {
  fs::path directory;
  std::optional<FileLock> lock;  ///< shared while the store is open; exclusive only while it is repaired
  GObjectHandle<OstreeRepo> repository;
  std::mutex metadata_lock;

  fs::path object_path(const std::string& checksum, const char* extension) const {
    return directory / "repo/objects" / checksum.substr(0, 2) / (checksum.substr(2) + "." + extension);
  }
  Variant load(OstreeObjectType type, const std::string& checksum) const;
  std::string write_metadata(OstreeObjectType type, const Variant& variant);
  std::string write_directory_metadata(const Ownership& ownership);
};

}  // namespace ainode
