// SPDX-License-Identifier: Apache-2.0
// A GUID partition table (UEFI specification 2.10, chapter 5) as bytes: no device, no tool.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

inline constexpr std::uint64_t kSectorSize = 512;
inline constexpr std::uint64_t kDiskAlignment = std::uint64_t{1} << 20;

struct TablePartition {
  std::string type_uuid, uuid;  ///< textual, either case
  std::string name;             ///< ASCII, at most 36 characters
  std::uint64_t offset = 0;     ///< bytes from the disk's start; a multiple of kDiskAlignment
  std::uint64_t size = 0;       ///< bytes; a multiple of kDiskAlignment
};

struct PartitionTable {
  std::string primary;          ///< the disk's first bytes: protective MBR, header, entries
  std::string backup;           ///< its last bytes: entries, header
  std::uint64_t disk_size = 0;  ///< bytes
};

/// The table of a disk that ends one alignment unit after its last partition. Partitions are ascending and disjoint, at
/// most 128.
PartitionTable make_partition_table(const std::string& disk_uuid, const std::vector<TablePartition>& partitions);

/// A textual UUID as GPT stores it: the first three groups little-endian. 16 bytes.
std::string mixed_endian_uuid(std::string_view uuid);

}  // namespace ainode
