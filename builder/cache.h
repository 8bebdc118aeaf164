// SPDX-License-Identifier: Apache-2.0
// The cache as its user sees it: what lies there, what was not used for long, and whether all of it is still right.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/steps.h"

namespace ainode {

/// Kinds: "package" (imported), "step" (a tree that a step made), "tools", "image", "result" (a step's small result),
/// "deb" and "partial" (downloads), "index" and "pool" (package lists).
struct CacheItem {
  std::string kind, name;
  std::uint64_t bytes = 0;    ///< with what it shares with others
  std::int64_t last_use = 0;  ///< seconds since 1970, to the hour
};

struct CacheContent {
  std::filesystem::path directory;
  std::uint64_t bytes = 0;  ///< on the disk, each object once
  std::vector<CacheItem> items;
};

struct CacheWish {
  std::optional<std::chrono::seconds> older_than;  ///< removed when not used for so long
  std::optional<std::uint64_t> keep;               ///< then the least recently used, until so many bytes are left
  bool dry_run = false;
};

struct CacheCleaned {
  std::vector<CacheItem> removed;
  std::uint64_t objects = 0;  ///< that nothing leads to any more
  std::uint64_t bytes_freed = 0, bytes_left = 0;
};

struct CacheDamage {
  std::filesystem::path path;
  std::string reason;
};

struct CacheVerdict {
  std::uint64_t objects = 0, files = 0;  ///< looked at
  std::vector<CacheDamage> damage;       ///< removed, when that was asked for
};

/// All must run inside in_user_namespace(): files of the tools tree have owners of their own.
CacheContent list_cache(const std::filesystem::path& store);
/// Waits until no build uses the store (not for a dry run).
CacheCleaned clean_cache(RunContext& run, const std::filesystem::path& store, const CacheWish& wish);
/// Reads every byte. With `repair`, waits until no build uses the store and removes what is damaged and what is made of
/// it, so that the next build makes it anew.
CacheVerdict verify_cache(RunContext& run, const std::filesystem::path& store, bool repair);

}  // namespace ainode
