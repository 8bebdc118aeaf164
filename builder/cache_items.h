// SPDX-License-Identifier: Apache-2.0
// What the cache holds, with what each thing is made of. For builder/cache*.cpp only.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "builder/cache.h"
#include "builder/store/inventory.h"

namespace ainode {

struct HeldItem : CacheItem {
  std::string ref;                            ///< empty for plain files
  std::vector<std::filesystem::path> places;  ///< files and directories of its own
  std::set<std::string> objects;              ///< names of the objects that its commit reaches
  std::string damage;                         ///< why its commit cannot be walked
};

struct CacheFolder {
  const char *kind, *path, *extension;
};
/// Where plain files lie below the store; the first folder that fits a file says its kind.
inline constexpr CacheFolder kCacheFolders[] = {{"deb", "debs", ".deb"},
                                                {"partial", "debs", ".partial"},
                                                {"index", "indices/indices", ""},
                                                {"pool", "indices/pools", ""},
                                                {"result", "results", ""}};

/// Sorted by kind and name.
std::vector<HeldItem> held_items(const Store& store);

}  // namespace ainode
