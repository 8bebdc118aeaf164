// SPDX-License-Identifier: Apache-2.0
// Objects of one checksum are the same file with the same owner and mode: only the others are looked into.
#include "builder/compare_trees.h"

#include <fmt/format.h>

#include <algorithm>

namespace ainode {

namespace {

std::string described(const Ownership& ownership) {
  return fmt::format("{}:{}", ownership.uid, ownership.gid);
}

void add(std::string& list, const std::string& item) {
  list += (list.empty() ? "" : ", ") + item;
}

std::string ownership_changes(const Ownership& before, const Ownership& after) {
  std::string changes;
  if (before.mode != after.mode) add(changes, fmt::format("mode {:04o} to {:04o}", before.mode, after.mode));
  if (before.uid != after.uid || before.gid != after.gid)
    add(changes, fmt::format("owner {} to {}", described(before), described(after)));
  if (before.xattrs != after.xattrs) add(changes, "extended attributes");
  return changes;
}

class Comparison {
 public:
  Comparison(const Store& store_a, const Store& store_b) : store_a_(store_a), store_b_(store_b) {}

  void directories(const TreeDirectory& a, const TreeDirectory& b, const std::string& path) {
    if (const std::string changes = ownership_changes(a.ownership, b.ownership); !changes.empty())
      differences_.push_back({PathDifference::Kind::changed, path.empty() ? "." : path, changes});
    const std::string prefix = path.empty() ? "" : path + "/";
    for (const auto& [name, file] : a.files) {
      const auto other = b.files.find(name);
      if (other != b.files.end())
        files(file, other->second, prefix + name);
      else if (b.directories.contains(name))
        differences_.push_back({PathDifference::Kind::changed, prefix + name, "a file to a directory"});
      else
        differences_.push_back({PathDifference::Kind::removed, prefix + name, ""});
    }
    for (const auto& [name, file] : b.files) {
      if (a.files.contains(name)) continue;
      const bool was_directory = a.directories.contains(name);
      differences_.push_back({was_directory ? PathDifference::Kind::changed : PathDifference::Kind::added,
                              prefix + name, was_directory ? "a directory to a file" : ""});
    }
    for (const auto& [name, child] : a.directories) {
      const auto other = b.directories.find(name);
      if (other != b.directories.end())
        directories(*child, *other->second, prefix + name);
      else if (!b.files.contains(name))
        differences_.push_back({PathDifference::Kind::removed, prefix + name, ""});
    }
    for (const auto& [name, child] : b.directories)
      if (!a.directories.contains(name) && !a.files.contains(name))
        differences_.push_back({PathDifference::Kind::added, prefix + name, ""});
  }

  std::vector<PathDifference> sorted() && {
    std::sort(differences_.begin(), differences_.end(), [](const auto& x, const auto& y) { return x.path < y.path; });
    return std::move(differences_);
  }

 private:
  void files(const TreeDirectory::File& a, const TreeDirectory::File& b, const std::string& path) {
    if (a.checksum == b.checksum) return;
    const FileObject before = store_a_.read_file(a.checksum), after = store_b_.read_file(b.checksum);
    if (before.is_symlink != after.is_symlink) {  // then their modes say nothing
      const char* change = before.is_symlink ? "a symlink to a file" : "a file to a symlink";
      return differences_.push_back({PathDifference::Kind::changed, path, change});
    }
    std::string changes;
    if (before.content != after.content)
      changes = before.is_symlink ? fmt::format("target {} to {}", before.content, after.content) : "content";
    if (const std::string rest = ownership_changes(before.ownership, after.ownership); !rest.empty())
      add(changes, rest);
    differences_.push_back({PathDifference::Kind::changed, path, changes});
  }

  const Store& store_a_;
  const Store& store_b_;
  std::vector<PathDifference> differences_;
};

}  // namespace

std::vector<PathDifference> compare_trees(const Store& store_a, const Tree& a, const Store& store_b, const Tree& b) {
  Comparison comparison(store_a, store_b);
  comparison.directories(a.root(), b.root(), "");
  return std::move(comparison).sorted();
}

}  // namespace ainode
