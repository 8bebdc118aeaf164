// SPDX-License-Identifier: Apache-2.0
// A tree on disk with true owners and modes, and back: what an overlay's upper layer changed, folded into the tree.
// Both run inside the user namespace of enter_user_namespace(), where the process is root over ids 0 to 65535.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "builder/store/store.h"
#include "builder/store/tree.h"

namespace ainode {

/// Writes the tree below `directory` (created, must not exist). Objects that are root-owned, plain-moded and without
/// xattrs are hard-linked: the checkout is for reading only (an overlay's lower layer).
void check_out(const Store& store, const Tree& tree, const std::filesystem::path& directory);

/// A directory that shows one tree after the other; what the next one has in common with the last stays as it is. The
/// store keeps one from build to build, for whoever comes first; the others have theirs for themselves. Nothing may be
/// mounted over it while it changes.
class Checkout {
 public:
  explicit Checkout(Store& store);
  /// What keep() was told by the build before; empty when there is nothing to take up.
  const std::string& left() const { return left_; }
  /// `tree` is what left() names. It is held to that, each object to its hash, and made anew where it differs.
  void take_up(const Store& store, const Tree& tree);
  /// Brings the directory to `tree`, as check_out() would write it, and names it.
  std::filesystem::path show(const Store& store, const Tree& tree);
  /// Leaves what is shown now to the next build.
  void keep(Store& store, const std::string& name);

  static std::filesystem::path kept_in(const Store& store) { return store.directory() / "checkout"; }

 private:
  std::optional<FileLock> lock_;  ///< of the one that is kept
  std::optional<TemporaryDirectory> own_;
  std::filesystem::path directory_;
  std::string left_;
  std::optional<Tree> shown_;
};

/// The first path below `directory` (given back whole) that is not exactly as check_out() wrote it: content, owner,
/// mode, attributes, or there at all.
std::optional<std::filesystem::path> difference_from_checkout(const Store& store, const Tree& tree,
                                                              const std::filesystem::path& directory);

/// One object where anything or nothing lies, with its true owner and mode.
void place_file(const Store& store, const std::string& checksum, const std::filesystem::path& path);

/// Who changed a path whose inode changed last at this time (nanoseconds since 1970).
using Attribution = std::function<std::string(std::int64_t changed)>;

/// Applies an overlayfs upper directory (userxattr) to the tree: whiteouts, opaque directories, new and changed files.
/// New files are written to the store (inside a Transaction); who made them is added to their owners. Device nodes and
/// sockets are refused.
void fold_upper(Store& store, Tree& tree, const std::filesystem::path& upper, const Attribution& attribution);

/// Whether a path of the tree, put there by `owner`, is wanted.
using Wanted = std::function<bool(const std::string& path, const std::string& owner)>;
/// Lets wanted paths of the tree that an upper directory hides show again: files, and directories of which all is
/// wanted. The overlay must not be mounted.
void show_again(const Tree& tree, const std::filesystem::path& upper, const Wanted& is_wanted);

/// The upper directory by itself: what is new or changed goes into `changes`, what is gone is returned.
std::vector<std::string> fold_changes(Store& store, Tree& changes, const std::filesystem::path& upper,
                                      const std::string& owner);

}  // namespace ainode
