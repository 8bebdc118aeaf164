// SPDX-License-Identifier: Apache-2.0
// Two trees side by side, name by name: equal checksums are equal files, so only what differs is looked into.
#include "builder/compare_trees.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"

namespace ainode {

namespace {

/// "mode 0644 → 0755" and its like.
void compare_ownership(std::vector<std::string>& what, const Ownership& was, const Ownership& is) {
  if (was.mode != is.mode) what.push_back(fmt::format("mode {:04o} → {:04o}", was.mode, is.mode));
  if (was.uid != is.uid || was.gid != is.gid)
    what.push_back(fmt::format("owner {}:{} → {}:{}", was.uid, was.gid, is.uid, is.gid));
  std::set<std::string> names;
  for (const Ownership* side : {&was, &is})
    for (const auto& [name, value] : side->xattrs) names.insert(name);
  for (const std::string& name : names) {
    const auto before = was.xattrs.find(name), after = is.xattrs.find(name);
    if (before == was.xattrs.end()) {
      what.push_back("xattr " + printable(name) + " added");
    } else if (after == is.xattrs.end()) {
      what.push_back("xattr " + printable(name) + " removed");
    } else if (before->second != after->second) {
      what.push_back("xattr " + printable(name) + " changed");
    }
  }
}

class TreeComparison {
 public:
  TreeComparison(const Store& before, const Store& after) : before_(before), after_(after) {}

  std::vector<FileChange> compare(const Tree& was, const Tree& is) {
    compare_directories(was.root(), is.root(), "/");
    return std::move(changes_);
  }

 private:
  using Kind = FileChange::Kind;

  /// What a name stands for on one side; nothing when it is not there.
  struct Entry {
    const TreeDirectory::File* file = nullptr;
    const TreeDirectory* directory = nullptr;
  };
  static Entry find(const TreeDirectory& directory, const std::string& name) {
    const auto file = directory.files.find(name);
    const auto child = directory.directories.find(name);
    return {file == directory.files.end() ? nullptr : &file->second,
            child == directory.directories.end() ? nullptr : child->second.get()};
  }

  void compare_directories(const TreeDirectory& was, const TreeDirectory& is, const std::string& path) {
    throw_if_interrupted();
    std::vector<std::string> what;
    compare_ownership(what, was.ownership, is.ownership);
    if (!what.empty()) changes_.push_back({Kind::changed, path, std::move(what), {}, {}});
    std::set<std::string> names;
    for (const TreeDirectory* side : {&was, &is}) {
      for (const auto& [name, file] : side->files) names.insert(name);
      for (const auto& [name, child] : side->directories) names.insert(name);
    }
    for (const std::string& name : names) compare_entries(find(was, name), find(is, name), path + name);
  }

  void compare_entries(const Entry& was, const Entry& is, const std::string& path) {
    if (was.directory && is.directory) return compare_directories(*was.directory, *is.directory, path + "/");
    if (was.file && is.file) return compare_files(*was.file, *is.file, path);
    if (was.directory && is.file) {
      replace(before_, *was.directory, after_, *is.file, Kind::removed, path);
    } else if (was.file && is.directory) {
      replace(after_, *is.directory, before_, *was.file, Kind::added, path);
    } else {
      add_all(before_, was, Kind::removed, path);
      add_all(after_, is, Kind::added, path);
    }
  }

  void compare_files(const TreeDirectory::File& was, const TreeDirectory::File& is, const std::string& path) {
    if (was.checksum == is.checksum) return;
    const FileObject before = before_.read_metadata(was.checksum), after = after_.read_metadata(is.checksum);
    FileChange change{Kind::changed, path, {}, size_of(before_, was, before), size_of(after_, is, after)};
    if (before.is_symlink != after.is_symlink) {
      change.what.push_back(before.is_symlink ? "symlink → file" : "file → symlink");
    } else if (before.is_symlink) {
      if (before.content != after.content)
        change.what.push_back(fmt::format("target {} → {}", printable(before.content), printable(after.content)));
    } else if (change.size_before != change.size_after || before.ownership == after.ownership ||
               before_.read_file(was.checksum).content != after_.read_file(is.checksum).content) {
      change.what.push_back("content");
    }
    if (before.is_symlink == after.is_symlink) compare_ownership(change.what, before.ownership, after.ownership);
    changes_.push_back(std::move(change));
  }

  /// A directory gave way to a file, or the other way round; `kind` is what became of what the directory holds.
  void replace(const Store& store, const TreeDirectory& directory, const Store& other, const TreeDirectory::File& file,
               Kind kind, const std::string& path) {
    const FileObject object = other.read_metadata(file.checksum);
    const char* type = object.is_symlink ? "symlink" : "file";
    FileChange change{Kind::changed, path, {}, {}, {}};
    change.what.push_back(kind == Kind::removed ? fmt::format("directory → {}", type)
                                                : fmt::format("{} → directory", type));
    (kind == Kind::removed ? change.size_after : change.size_before) = size_of(other, file, object);
    add_within(std::move(change), store, directory, kind, path + "/");
  }

  /// What came or went under one name.
  void add_all(const Store& store, const Entry& entry, Kind kind, const std::string& path) {
    if (entry.file) add_file(store, *entry.file, kind, path, false);
    if (entry.directory) add_directory(store, *entry.directory, kind, path + "/", false);
  }

  void add_file(const Store& store, const TreeDirectory::File& file, Kind kind, const std::string& path,
                bool is_within) {
    FileChange change{kind, path, {}, {}, {}, is_within};
    (kind == Kind::removed ? change.size_before : change.size_after) =
        size_of(store, file, store.read_metadata(file.checksum));
    changes_.push_back(std::move(change));
  }

  std::size_t add_directory(const Store& store, const TreeDirectory& directory, Kind kind, const std::string& path,
                            bool is_within) {
    return add_within({kind, path, {}, {}, {}, is_within}, store, directory, kind, path);
  }

  /// The change of a directory itself, then everything in it; returns how many files that are.
  std::size_t add_within(FileChange change, const Store& store, const TreeDirectory& directory, Kind kind,
                         const std::string& path) {
    throw_if_interrupted();
    const std::size_t place = changes_.size();
    changes_.push_back(std::move(change));
    std::size_t files = directory.files.size();
    for (const auto& [name, file] : directory.files) add_file(store, file, kind, path + name, true);
    for (const auto& [name, child] : directory.directories)
      files += add_directory(store, *child, kind, path + name + "/", true);
    changes_[place].files_within = files;
    return files;
  }

  static std::optional<std::uint64_t> size_of(const Store& store, const TreeDirectory::File& file,
                                              const FileObject& object) {
    if (object.is_symlink) return std::nullopt;
    return object_size(store, file.checksum);
  }

  const Store& before_;
  const Store& after_;
  std::vector<FileChange> changes_;
};

}  // namespace

std::uint64_t object_size(const Store& store, const std::string& checksum) {
  std::error_code missing;
  const std::uint64_t size = fs::file_size(store.object_path(checksum), missing);
  if (!missing) return size;
  throw Error(codes::object_corrupt, fmt::format("{} lacks object {}", store.directory().string(), checksum))
      .help("build the image again; `ainode verify` checks every object");
}

std::vector<FileChange> compare_trees(const Store& before, const Tree& was, const Store& after, const Tree& is) {
  return TreeComparison(before, after).compare(was, is);
}

}  // namespace ainode
