// SPDX-License-Identifier: Apache-2.0
// ext4, read from the superblock down: group descriptors → inodes → extent trees → directory entries. Hashed
// directories are read linearly: their index blocks look like empty entries to such a reader, by design.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "validators/machines/disk_image.h"
#include "validators/machines/foreign_bytes.h"

namespace ainode {

namespace {

constexpr std::uint32_t kFiletype = 0x2, kExtents = 0x40, k64Bit = 0x80, kFlexGroups = 0x200, kChecksumSeed = 0x2000,
                        kLargeDirectory = 0x4000;
constexpr std::uint32_t kUnderstood = kFiletype | kExtents | k64Bit | kFlexGroups | kChecksumSeed | kLargeDirectory;
constexpr std::uint32_t kInodeExtents = 0x80000, kInodeInline = 0x10000000, kInodeEncrypted = 0x800;
constexpr std::uint16_t kExtentMagic = 0xf30a;
constexpr int kMaxDepth = 5, kMaxExtentNodes = 100000, kMaxLinks = 40, kMaxSteps = 4096;
constexpr std::uint32_t kRootInode = 2;
constexpr std::size_t kFastLink = 60;
constexpr std::uint64_t kMaxDirectory = std::uint64_t{64} << 20;

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (end > start) parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace

void Ext4::refuse(const std::string& what) const {
  throw Error(codes::image_malformed, fmt::format("{}: the root file system: {}", disk_.name(), what));
}

Ext4::Ext4(const DiskImage& disk, const DiskPartition& partition) : disk_(disk), partition_(partition) {
  if (partition.size < 2048) refuse("the partition is too small");
  const std::string super = disk.read(partition.offset + 1024, 1024);
  if (little_endian<std::uint16_t>(super, 56) != 0xef53) refuse("it is not ext4");
  const auto features = little_endian<std::uint32_t>(super, 96);
  if ((features & ~kUnderstood) != 0 || !(features & kExtents))
    refuse(fmt::format("its features {:#x} are not among those of a clean ext4 with extents", features));
  const auto block_bits = little_endian<std::uint32_t>(super, 24);
  if (block_bits > 5) refuse(fmt::format("blocks of 2^{} bytes are not allowed", block_bits + 10));
  block_size_ = std::uint64_t{1024} << block_bits;
  block_count_ = little_endian<std::uint32_t>(super, 4);
  if (features & k64Bit) block_count_ |= std::uint64_t{little_endian<std::uint32_t>(super, 336)} << 32;
  if (block_count_ > partition.size / block_size_) refuse("it is larger than its partition");
  inode_count_ = little_endian<std::uint32_t>(super, 0);
  inodes_per_group_ = little_endian<std::uint32_t>(super, 40);
  inode_size_ = little_endian<std::uint16_t>(super, 88);
  first_block_ = little_endian<std::uint32_t>(super, 20);
  descriptor_size_ = (features & k64Bit) ? little_endian<std::uint16_t>(super, 254) : 32;
  const bool sizes_fit = inode_size_ >= 128 && inode_size_ <= block_size_ && descriptor_size_ >= 32 &&
                         descriptor_size_ <= 1024 && first_block_ <= 1 && inodes_per_group_ > 0 &&
                         inodes_per_group_ <= block_size_ * 8;
  if (!sizes_fit || ((features & k64Bit) && descriptor_size_ < 64)) refuse("its superblock contradicts itself");
}

std::string Ext4::read_block(std::uint64_t block) const {
  if (block >= block_count_) refuse(fmt::format("block {} lies outside it", block));
  return disk_.read(partition_.offset + block * block_size_, block_size_);
}

Ext4::Inode Ext4::read_inode(std::uint32_t number) const {
  if (number == 0 || number > inode_count_) refuse(fmt::format("inode {} does not exist", number));
  const std::uint64_t group = (number - 1) / inodes_per_group_, index = (number - 1) % inodes_per_group_;
  const std::uint64_t descriptor_at = (first_block_ + 1) * block_size_ + group * descriptor_size_;
  const std::string descriptor = disk_.read(partition_.offset + descriptor_at, descriptor_size_);
  std::uint64_t table = little_endian<std::uint32_t>(descriptor, 8);
  if (descriptor_size_ >= 64) table |= std::uint64_t{little_endian<std::uint32_t>(descriptor, 40)} << 32;
  if (table >= block_count_) refuse(fmt::format("the inode table of group {} lies outside it", group));
  const std::uint64_t inode_at = table * block_size_ + index * inode_size_;
  if (inode_at + inode_size_ > block_count_ * block_size_) refuse(fmt::format("inode {} lies outside it", number));
  const std::string raw = disk_.read(partition_.offset + inode_at, 128);
  Inode inode;
  inode.mode = little_endian<std::uint16_t>(raw, 0);
  inode.flags = little_endian<std::uint32_t>(raw, 32);
  inode.size = little_endian<std::uint32_t>(raw, 4) | std::uint64_t{little_endian<std::uint32_t>(raw, 108)} << 32;
  inode.block = raw.substr(40, 60);
  return inode;
}

std::string Ext4::read_content(const Inode& inode, std::uint64_t limit) const {
  if (inode.flags & (kInodeInline | kInodeEncrypted)) refuse("inline and encrypted files are refused");
  if (!(inode.flags & kInodeExtents)) refuse("files without extents are refused");
  if (inode.size > limit) refuse(fmt::format("a file of {} bytes is larger than {}", inode.size, limit));
  // A file cannot hold more than its file system: refuse to reserve memory for one that says so.
  if (inode.size > block_count_ * block_size_) refuse("a file is larger than the whole file system");
  std::string content(inode.size, '\0');
  int nodes_left = kMaxExtentNodes;
  read_extents(inode.block, kMaxDepth, nodes_left, content);
  return content;
}

void Ext4::read_extents(std::string_view node, int depth, int& nodes_left, std::string& content) const {
  if (--nodes_left < 0) refuse("an extent tree is too large");
  if (little_endian<std::uint16_t>(node, 0) != kExtentMagic) refuse("an extent tree is damaged");
  const auto count = little_endian<std::uint16_t>(node, 2);
  const int own_depth = little_endian<std::uint16_t>(node, 6);
  // Each level must lie strictly below the one above it: this is what ends a tree that points back at itself.
  if (own_depth > depth || (12u + 12u * count) > node.size()) refuse("an extent tree is damaged");
  for (std::size_t at = 12; at < 12u + 12u * count; at += 12) {
    if (own_depth > 0) {
      const std::uint64_t child =
          little_endian<std::uint32_t>(node, at + 4) | std::uint64_t{little_endian<std::uint16_t>(node, at + 8)} << 32;
      read_extents(read_block(child), own_depth - 1, nodes_left, content);
      continue;
    }
    const auto stored_length = little_endian<std::uint16_t>(node, at + 4);
    if (stored_length > 32768) continue;  // allocated but never written: reads as zeros
    const std::uint64_t start =
        little_endian<std::uint32_t>(node, at + 8) | std::uint64_t{little_endian<std::uint16_t>(node, at + 6)} << 32;
    const std::uint64_t begin = little_endian<std::uint32_t>(node, at) * block_size_;
    if (start + stored_length > block_count_) refuse("an extent lies outside it");
    if (begin >= content.size()) continue;
    const std::uint64_t length = std::min(stored_length * block_size_, content.size() - begin);
    content.replace(begin, length, disk_.read(partition_.offset + start * block_size_, length));
  }
}

std::string Ext4::link_target(const Inode& inode) const {
  if (inode.size < kFastLink && !(inode.flags & kInodeExtents)) return inode.block.substr(0, inode.size);
  return read_content(inode, 4096);
}

std::vector<Ext4::Entry> Ext4::read_directory(const Inode& inode) const {
  const std::string content = read_content(inode, kMaxDirectory);
  if (content.size() % block_size_ != 0) refuse("a directory has half a block");
  std::vector<Entry> entries;
  for (std::size_t at = 0; at < content.size();) {
    const auto number = little_endian<std::uint32_t>(content, at);
    const std::size_t length = little_endian<std::uint16_t>(content, at + 4);
    const std::size_t name_length = static_cast<unsigned char>(content[at + 6]);
    const std::size_t left_in_block = block_size_ - at % block_size_;
    if (length < 8 || length % 4 != 0 || length > left_in_block || 8 + name_length > length)
      refuse("a directory is damaged");
    if (number != 0 && name_length > 0) entries.push_back({content.substr(at + 8, name_length), number});
    at += length;
  }
  return entries;
}

std::uint32_t Ext4::child(std::uint32_t directory, const std::string& name) const {
  for (const Entry& entry : read_directory(read_inode(directory))) {
    if (entry.name == name) return entry.inode;
  }
  return 0;
}

std::uint32_t Ext4::resolve(const std::string& path) const {
  std::vector<std::string> todo = split_path(path);
  std::reverse(todo.begin(), todo.end());
  std::vector<std::uint32_t> trail = {kRootInode};
  int links = 0, steps = 0;
  while (!todo.empty()) {
    if (++steps > kMaxSteps) refuse(fmt::format("{} has too many steps", path));
    const std::string name = todo.back();
    todo.pop_back();
    if (name == ".") continue;
    if (name == "..") {
      if (trail.size() > 1) trail.pop_back();
      continue;
    }
    if (!read_inode(trail.back()).is_directory()) return 0;
    const std::uint32_t number = child(trail.back(), name);
    if (number == 0) return 0;
    const Inode inode = read_inode(number);
    if (!inode.is_symlink()) {
      trail.push_back(number);
      continue;
    }
    if (++links > kMaxLinks) refuse(fmt::format("{} leads through too many symbolic links", path));
    const std::string target = link_target(inode);
    if (!target.empty() && target.front() == '/') trail.resize(1);
    const std::vector<std::string> parts = split_path(target);
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
  }
  return trail.back();
}

bool Ext4::exists(const std::string& path) const {
  return resolve(path) != 0;
}

std::string Ext4::read_file(const std::string& path, std::uint64_t limit) const {
  const std::uint32_t number = resolve(path);
  if (number == 0) refuse(fmt::format("there is no file {}", path));
  const Inode inode = read_inode(number);
  if (!inode.is_file()) refuse(fmt::format("{} is not a regular file", path));
  return read_content(inode, limit);
}

std::vector<std::string> Ext4::list(const std::string& path) const {
  const std::uint32_t number = resolve(path);
  if (number == 0) refuse(fmt::format("there is no directory {}", path));
  const Inode inode = read_inode(number);
  if (!inode.is_directory()) refuse(fmt::format("{} is not a directory", path));
  std::vector<std::string> names;
  for (const Entry& entry : read_directory(inode)) {
    if (entry.name != "." && entry.name != "..") names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ainode
