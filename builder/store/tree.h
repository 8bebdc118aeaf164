// SPDX-License-Identifier: Apache-2.0
// A file tree as metadata only: directories in memory, file contents named by their OSTree checksum in the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ainode {

using Xattrs = std::map<std::string, std::string>;

struct Ownership {
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t mode = 0755;  ///< permission bits only
  Xattrs xattrs;
  auto tied() const { return std::tie(uid, gid, mode, xattrs); }
  bool operator==(const Ownership& other) const { return tied() == other.tied(); }
  bool operator<(const Ownership& other) const { return tied() < other.tied(); }
};

/// Who made a path and who changed it: "base-passwd, then the postinst of dbus". A maker that stands last already is
/// not repeated.
std::string origin_chain(const std::string& before, const std::string& maker);

struct TreeDirectory {
  struct File {
    std::string checksum;  ///< 64 hex digits of the content object (a regular file or a symlink)
    std::string owner;     ///< who put it here: a package's name, or a chain of makers
  };
  Ownership ownership;
  std::string owner;
  std::map<std::string, File> files;
  std::map<std::string, std::unique_ptr<TreeDirectory>> directories;

  TreeDirectory& ensure(const std::string& name);  ///< root:root 0755 when new
};

/// Paths are relative to the root, without a leading slash: "usr/bin/sh". No path walks through symlinks.
class Tree {
 public:
  Tree() : root_(std::make_unique<TreeDirectory>()) {}
  Tree(Tree&&) = default;
  Tree& operator=(Tree&&) = default;
  Tree clone() const;

  TreeDirectory& root() { return *root_; }
  const TreeDirectory& root() const { return *root_; }

  TreeDirectory* directory(std::string_view path);
  const TreeDirectory* directory(std::string_view path) const;
  const TreeDirectory::File* file(std::string_view path) const;
  bool exists(std::string_view path) const { return directory(path) || file(path); }

  TreeDirectory& make_directories(std::string_view path);
  void put_file(std::string_view path, std::string checksum,
                std::string owner);    ///< makes parents; replaces a file or directory
  bool remove(std::string_view path);  ///< a file or a whole directory; false when nothing was there
  bool move(std::string_view from,
            std::string_view to);  ///< to must not exist; makes parents; false when nothing was there

  /// Every file: a directory's own first, then its subdirectories, each sorted by name.
  void for_each_file(const std::function<void(const std::string& path, const TreeDirectory::File&)>& visit) const;
  /// Every directory, parents first, sorted; the root has the path "".
  void for_each_directory(const std::function<void(const std::string& path, const TreeDirectory&)>& visit) const;

 private:
  std::unique_ptr<TreeDirectory> root_;
};

}  // namespace ainode
