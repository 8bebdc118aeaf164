// SPDX-License-Identifier: Apache-2.0
// A read-only view of a disk image's bytes, partitions and ext4 files, without mounts, loop devices or rights. Every
// byte read here is foreign: each number is checked against what holds it before it is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

/// The virtual disk inside an image file. Threading: one thread at a time.
class DiskImage {
 public:
  virtual ~DiskImage() = default;
  std::uint64_t size() const { return size_; }  ///< bytes
  const std::string& name() const { return name_; }
  /// Exactly `length` bytes from `offset`. Throws image_malformed when they reach past the end.
  std::string read(std::uint64_t offset, std::uint64_t length) const;

 protected:
  DiskImage(std::string name, std::uint64_t size) : name_(std::move(name)), size_(size) {}
  virtual void read_into(char* destination, std::uint64_t offset, std::uint64_t length) const = 0;

 private:
  std::string name_;
  std::uint64_t size_;
};

/// Opens raw bytes, or qcow2 version 2 or 3 without backing file, encryption, external data or compressed clusters
/// (qemu's docs/interop/qcow2.txt). Throws image_malformed or file_failed.
std::unique_ptr<DiskImage> open_disk_image(const std::filesystem::path& path);

/// Type GUIDs of the Discoverable Partitions Specification, in text form.
inline constexpr std::string_view kRootX86 = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
inline constexpr std::string_view kRootArm64 = "b921b045-1df0-41c3-af44-4c6f280d3fae";

/// One GPT partition, in bytes of the disk.
struct DiskPartition {
  std::string type;  ///< lower-case GUID
  std::uint64_t offset = 0, size = 0;
};
/// The partitions in the table's order (UEFI 2.10, 5.3; 512-byte sectors; both checksums are checked).
std::vector<DiskPartition> read_gpt(const DiskImage& disk);

/// Files of an ext4 file system (Linux: Documentation/filesystems/ext4). Extents only; checksums of metadata are not
/// read; journals that need recovery, encryption and inline data are refused. Borrows the disk.
class Ext4 {
 public:
  Ext4(const DiskImage& disk, const DiskPartition& partition);

  struct Inode {
    std::uint16_t mode = 0;
    std::uint32_t flags = 0;
    std::uint64_t size = 0;
    std::string block;  ///< i_block: 60 bytes
    bool is_directory() const { return (mode & 0170000) == 0040000; }
    bool is_symlink() const { return (mode & 0170000) == 0120000; }
    bool is_file() const { return (mode & 0170000) == 0100000; }
  };

  /// Follows symlinks inside the file system (at most 40). Throws image_malformed when there is no such file, or when
  /// it is larger than `limit` bytes.
  std::string read_file(const std::string& path, std::uint64_t limit = std::uint64_t{512} << 20) const;
  bool exists(const std::string& path) const;
  /// Names in a directory, sorted, without `.` and `..`.
  std::vector<std::string> list(const std::string& path) const;

 private:
  struct Entry {
    std::string name;
    std::uint32_t inode = 0;
  };
  [[noreturn]] void refuse(const std::string& what) const;
  std::string read_block(std::uint64_t block) const;
  Inode read_inode(std::uint32_t number) const;
  std::string read_content(const Inode& inode, std::uint64_t limit) const;
  void read_extents(std::string_view node, int depth, int& nodes_left, std::string& content) const;
  std::string link_target(const Inode& inode) const;
  std::vector<Entry> read_directory(const Inode& inode) const;
  std::uint32_t child(std::uint32_t directory, const std::string& name) const;
  /// The inode number at `path`, or 0.
  std::uint32_t resolve(const std::string& path) const;

  const DiskImage& disk_;
  DiskPartition partition_;
  std::uint64_t block_size_ = 0, block_count_ = 0;
  std::uint32_t inode_count_ = 0, inodes_per_group_ = 0, inode_size_ = 0, descriptor_size_ = 0, first_block_ = 0;
};

/// What a boot loader would start: the entry of /boot/loader/entries with the highest version.
struct BootEntry {
  std::string title, version, options;
  std::string kernel, initrd;  ///< the files' bytes; the initrd may be empty
};
/// Throws image_malformed naming the disk when there is no root partition, no entry, or a file of it is missing.
BootEntry read_boot_entry(const std::filesystem::path& disk);

}  // namespace ainode
