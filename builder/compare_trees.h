// SPDX-License-Identifier: Apache-2.0
// Two trees, path by path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

struct FileChange {
  enum class Kind { added, removed, changed };
  Kind kind;
  std::string path;  ///< "/usr/bin/sh"; a directory's ends with a slash
  /// Of what changed: "content", "mode 0644 → 0755", "owner 0:0 → 0:42", "xattrs", "target a → b", "file → symlink".
  std::vector<std::string> what;
  std::optional<std::uint64_t> size_before, size_after;  ///< of a regular file
  bool is_within = false;                                ///< below a directory that came or went as a whole
  std::size_t files_within = 0;                          ///< of such a directory
};

/// Bytes of a content object's file. Throws object_corrupt naming the store when it is not there.
std::uint64_t object_size(const Store& store, const std::string& checksum);

/// In the order of their paths; each tree's objects are in its own store.
std::vector<FileChange> compare_trees(const Store& before, const Tree& was, const Store& after, const Tree& is);

}  // namespace ainode
