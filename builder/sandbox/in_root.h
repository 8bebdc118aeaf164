// SPDX-License-Identifier: Apache-2.0
// Files that programs of a tree may have put in place, seen from outside: a path is walked as from within the tree, so
// that no symlink, `..` or leading slash of theirs leads to the host.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/files.h"

namespace ainode {

/// A regular file below `root`, opened without following a link at its end and without waiting for a FIFO's writer;
/// closed when nothing is there. Anything else throws tree_malformed naming the path.
Descriptor open_in_root(const std::filesystem::path& root, const std::string& path, int flags);

/// Its content; nothing when it is absent. More than `limit` bytes throw tree_malformed.
std::optional<std::string> read_in_root(const std::filesystem::path& root, const std::string& path, std::size_t limit);

/// The directory that holds `path`, and the path's last name below it (never empty, `.` or `..`): for calls that do not
/// follow a last link. Throws tree_malformed when there is no such directory.
struct PlaceInRoot {
  Descriptor directory;
  std::string name;
  /// A path by which this process reaches the place while the descriptor is open.
  std::filesystem::path reached() const;
};
PlaceInRoot place_in_root(const std::filesystem::path& root, const std::string& path);

}  // namespace ainode
