// SPDX-License-Identifier: Apache-2.0
// An initramfs that does one thing: find the root disk and hand over to the deployment on it. No udev, no systemd: that
// saves 20 CPU seconds of an emulated boot.
#include "builder/stages/initrd_archive.h"

#include <fmt/format.h>

#include <map>

#include "base/archive.h"
#include "builder/stages/initrd_modules.h"
#include "builder/stages/initrd_script.h"
#include "builder/stages/program_closure.h"

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
  for (const auto& [path, checksum] : program_closure(store, tree, kPrepareRoot, "the initrd"))
    content.file(path, store.read_file(checksum).content, 0755);
  const bool has_config = tree.file(kPrepareRootConfig) != nullptr;
  content.file(kPrepareRootConfig,
               has_config ? store.read_text(tree, kPrepareRootConfig) : "[sysroot]\nreadonly = true\n", 0644);
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
