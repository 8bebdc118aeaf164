// SPDX-License-Identifier: Apache-2.0
// Small real disks for tests: ext4 by mke2fs, a partition table written here, qcow2 by qemu-img.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/process.h"

namespace ainode {

template <class Integer>
void put(std::string& bytes, std::size_t at, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    bytes[at + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}

inline std::uint32_t crc32_of(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

inline void run_program(std::vector<std::string> words) {
  Command command;
  command.argv = std::move(words);
  run_or_throw(command);
}

/// A directory tree as text: path → content; a content that starts with "-> " is a symlink.
using TreeText = std::map<std::string, std::string>;

inline void write_tree(const fs::path& root, const TreeText& tree) {
  for (const auto& [path, content] : tree) {
    make_directories((root / path).parent_path());
    if (content.starts_with("-> "))
      fs::create_symlink(content.substr(3), root / path);
    else
      write_file(root / path, content);
  }
}

constexpr std::uint64_t kFirstSector = 2048;

/// The primary table alone, from the first sector on.
inline std::string partition_table(std::uint64_t sectors, std::uint64_t root_sectors) {
  std::string entries(std::size_t{128} * 128, '\0');
  const unsigned char type[16] = {0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d,
                                  0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09};
  entries.replace(0, 16, reinterpret_cast<const char*>(type), 16);
  entries.replace(16, 16, 16, 'u');
  put<std::uint64_t>(entries, 32, kFirstSector);
  put<std::uint64_t>(entries, 40, kFirstSector + root_sectors - 1);
  std::string header(512, '\0');
  header.replace(0, 8, "EFI PART");
  put<std::uint32_t>(header, 8, 0x10000);
  put<std::uint32_t>(header, 12, 92);
  put<std::uint64_t>(header, 24, 1);
  put<std::uint64_t>(header, 32, sectors - 1);
  put<std::uint64_t>(header, 40, 34);
  put<std::uint64_t>(header, 48, sectors - 34);
  put<std::uint64_t>(header, 72, 2);
  put<std::uint32_t>(header, 80, 128);
  put<std::uint32_t>(header, 84, 128);
  put<std::uint32_t>(header, 88, crc32_of(entries));
  put<std::uint32_t>(header, 16, crc32_of(header.substr(0, 92)));
  return std::string(512, '\0') + header + entries;
}

/// A raw disk with one root partition of `megabytes` that holds the tree.
inline fs::path make_raw_disk(const fs::path& directory, const TreeText& tree, int megabytes = 8,
                              const std::string& mke2fs_options = "^resize_inode") {
  write_tree(directory / "tree", tree);
  const fs::path root = directory / "root.ext4";
  run_program({"mke2fs", "-q", "-t", "ext4", "-b", "1024", "-O", mke2fs_options, "-m", "0", "-d",
               (directory / "tree").string(), root.string(), std::to_string(megabytes) + "M"});
  const std::string content = read_file(root);
  const std::uint64_t root_sectors = content.size() / 512, sectors = kFirstSector + root_sectors + 34;
  std::string disk = partition_table(sectors, root_sectors);
  disk.resize(kFirstSector * 512, '\0');
  disk += content + std::string(std::size_t{34} * 512, '\0');
  write_file(directory / "disk.raw", disk);
  return directory / "disk.raw";
}

inline fs::path make_qcow2(const fs::path& raw, const std::vector<std::string>& options = {}) {
  fs::path disk = raw.parent_path() / "disk.qcow2";
  std::vector<std::string> command = {"qemu-img", "convert", "-O", "qcow2"};
  command.insert(command.end(), options.begin(), options.end());
  command.insert(command.end(), {raw.string(), disk.string()});
  run_program(std::move(command));
  return disk;
}

/// What OSTree leaves on a disk: loader as a link, paths without /boot.
inline TreeText ostree_boot(const std::string& options) {
  return {{"boot/loader", "-> loader.1"},
          {"boot/loader.1/entries/ostree-1.conf",
           "title Test (ostree:0)\nversion 1\noptions " + options +
               "\nlinux /ostree/test-0/vmlinuz\ninitrd /ostree/test-0/initramfs.img\n"},
          {"boot/ostree/test-0/vmlinuz", "KERNEL"},
          {"boot/ostree/test-0/initramfs.img", "INITRD"}};
}

}  // namespace ainode
