// SPDX-License-Identifier: Apache-2.0
// An initramfs that does one thing: find the root disk and hand over to the deployment on it. No udev, no systemd: that
// saves 20 CPU seconds of an emulated boot.
#include "builder/stages/initrd_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/archive.h"
#include "base/error.h"
#include "builder/stages/initrd_elf.h"
#include "builder/stages/initrd_modules.h"
#include "builder/stages/initrd_script.h"

namespace ainode {

namespace {

const std::string kPrepareRoot = "usr/lib/ostree/ostree-prepare-root";
const std::string kPrepareRootConfig = "usr/lib/ostree/prepare-root.conf";

/// Buses, then disks, then what file systems need, then the file systems, then what the harness speaks through.
const std::vector<std::string> kWantedModules = {"virtio_pci",   "virtio_mmio",    "virtio_blk", "virtio_scsi",
                                                 "sd_mod",       "nvme",           "crc32c",     "crc32c_generic",
                                                 "crc32c_intel", "libcrc32c",      "ext4",       "erofs",
                                                 "overlay",      "virtio_console", "qemu_fw_cfg"};

/// Paths of the initrd and what lies there; parents are made by write().
class InitrdContent {
 public:
  void directory(const std::string& path, std::uint32_t mode = 0755) {
    put(path, ArchiveEntry::Type::directory, mode, {});
  }
  void file(const std::string& path, std::string content, std::uint32_t mode) {
    put(path, ArchiveEntry::Type::file, mode, std::move(content));
  }
  void symlink(const std::string& path, const std::string& target) {
    put(path, ArchiveEntry::Type::symlink, 0777, target);
  }
  bool holds(const std::string& path) const { return entries_.count(path) != 0; }

  /// Sorted, so that parents come first; owner, group and time are 0.
  std::string newc() const {
    std::string bytes;
    ArchiveWriter writer(ArchiveWriter::Format::newc, [&](std::string_view piece) { bytes += piece; });
    for (const auto& [path, item] : entries_) {
      ArchiveEntry entry;
      entry.path = path;
      entry.type = item.type;
      entry.mode = item.mode;
      const bool is_link = item.type == ArchiveEntry::Type::symlink;
      if (is_link) entry.target = item.content;
      if (!is_link) entry.size = item.content.size();
      writer.add(entry, is_link ? std::string_view() : item.content);
    }
    writer.finish();
    return bytes;
  }

 private:
  struct Item {
    ArchiveEntry::Type type;
    std::uint32_t mode;
    std::string content;
  };
  void put(const std::string& path, ArchiveEntry::Type type, std::uint32_t mode, std::string content) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      entries_.emplace(path.substr(0, slash), Item{ArchiveEntry::Type::directory, 0755, {}});
    entries_.insert_or_assign(path, Item{type, mode, std::move(content)});
  }
  std::map<std::string, Item> entries_;
};

/// A tree seen as the kernel sees it: paths may walk through symlinks.
class ResolvedTree {
 public:
  ResolvedTree(const Store& store, const Tree& tree) : store_(store), tree_(tree) {}

  /// The regular file that `path` leads to, or null.
  const TreeDirectory::File* file(const std::string& path) const { return follow(path, 0); }
  std::string content(const TreeDirectory::File& file) const { return store_.read_file(file.checksum).content; }

 private:
  const TreeDirectory::File* follow(const std::string& path, int depth) const {
    if (depth > 40) return nullptr;
    std::string walked;
    for (std::size_t start = 0; start < path.size();) {
      const std::size_t end = std::min(path.find('/', start), path.size());
      const std::string name = path.substr(start, end - start);
      const std::string rest = end < path.size() ? path.substr(end) : "";
      start = end + 1;
      if (name.empty() || name == ".") continue;
      if (name == "..") {
        walked.resize(walked.rfind('/') == std::string::npos ? 0 : walked.rfind('/'));
        continue;
      }
      const std::string parent = walked;
      walked += (walked.empty() ? "" : "/") + name;
      const TreeDirectory::File* found = tree_.file(walked);
      if (!found) continue;  // a directory, or nothing: then the end finds nothing either
      const FileObject object = store_.read_metadata(found->checksum);
      if (!object.is_symlink) return rest.empty() ? found : nullptr;
      const bool is_absolute = object.content.rfind('/', 0) == 0;
      return follow((is_absolute ? "" : parent + "/") + object.content + rest, depth + 1);
    }
    return nullptr;
  }

  const Store& store_;
  const Tree& tree_;
};

/// Adds programs and all libraries that the dynamic loader will look for, at the paths where it looks.
class LibraryCloser {
 public:
  LibraryCloser(const ResolvedTree& tree, InitrdContent& content) : tree_(tree), content_(content) {}

  void add_program(const std::string& path) {
    const TreeDirectory::File* file = tree_.file(path);
    if (!file) throw Error(codes::tree_malformed, fmt::format("the tree has no /{}, which the initrd needs", path));
    add(path, *file);
  }

 private:
  void add(const std::string& path, const TreeDirectory::File& file) {
    if (content_.holds(path)) return;
    std::string bytes = tree_.content(file);
    const DynamicNeeds needs = read_dynamic_needs(bytes, path);
    content_.file(path, std::move(bytes), 0755);
    if (needs.interpreter.size() > 1) {
      const std::string loader = under_usr(needs.interpreter.substr(1));
      multiarch_ = multiarch_of(loader);
      add_program(loader);
    }
    for (const std::string& library : needs.libraries) add_library(library, needs.run_paths, path);
  }

  void add_library(const std::string& name, const std::vector<std::string>& run_paths, const std::string& user) {
    if (!seen_.insert(name).second) return;
    std::vector<std::string> places;
    for (const std::string& place : run_paths)
      if (place.rfind('/', 0) == 0) places.push_back(under_usr(place.substr(1)));
    places.insert(places.end(), {"usr/lib/" + multiarch_, "usr/lib", "usr/lib64"});
    for (const std::string& place : places) {
      const std::string path = place + "/" + name;
      if (const TreeDirectory::File* file = tree_.file(path)) return add(path, *file);
      if (content_.holds(path)) return;
    }
    throw Error(codes::tree_malformed, fmt::format("the tree has no {}, which /{} needs", printable(name), user));
  }

  /// In the initrd /lib and /lib64 are links into /usr, as in the tree.
  static std::string under_usr(const std::string& path) { return path.rfind("usr/", 0) == 0 ? path : "usr/" + path; }

  /// Debian's library directory, from the loader's name: ld-linux-x86-64.so.2, ld-linux-aarch64.so.1.
  static std::string multiarch_of(const std::string& loader) {
    return loader.find("aarch64") != std::string::npos ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  }

  const ResolvedTree& tree_;
  InitrdContent& content_;
  std::set<std::string> seen_;
  std::string multiarch_ = "x86_64-linux-gnu";
};

InitrdContent skeleton(std::string busybox) {
  InitrdContent content;
  for (const char* path : {"dev", "proc", "sys", "run", "sysroot", "usr/bin", "usr/lib", "usr/lib64", "etc"})
    content.directory(path);
  content.directory("tmp", 01777);
  content.symlink("bin", "usr/bin");
  content.symlink("sbin", "usr/bin");
  content.symlink("lib", "usr/lib");
  content.symlink("lib64", "usr/lib64");
  content.file("usr/bin/busybox", std::move(busybox), 0755);
  return content;
}

}  // namespace

InitrdArchive make_initrd_archive(const Store& store, const Tree& tree, const std::string& release,
                                  const std::string& busybox) {
  InitrdContent content = skeleton(busybox);
  const ResolvedTree resolved(store, tree);
  LibraryCloser(resolved, content).add_program(kPrepareRoot);
  const TreeDirectory::File* config = tree.file(kPrepareRootConfig);
  content.file(kPrepareRootConfig, config ? resolved.content(*config) : "[sysroot]\nreadonly = true\n", 0644);
  InitrdArchive archive;
  for (KernelModule& module : select_modules(store, tree, release, kWantedModules)) {
    archive.modules.push_back(module.name);
    content.file(fmt::format("usr/lib/modules/{}.ko", module.name), std::move(module.content), 0644);
  }
  content.file("init", initrd_script(archive.modules), 0755);
  archive.newc = content.newc();
  return archive;
}

}  // namespace ainode
