// SPDX-License-Identifier: Apache-2.0
// The table is written twice: MBR, header and entries at the start; entries and header, mirrored, at the end.
#include "builder/outputs/disk_table.h"

#include <algorithm>
#include <cassert>

#include "base/crypto.h"

namespace ainode {

namespace {

constexpr std::size_t kEntryCount = 128, kEntrySize = 128, kHeaderSize = 92;
constexpr std::uint64_t kEntrySectors = kEntryCount * kEntrySize / kSectorSize;

/// CRC-32 of ISO 3309, reflected: the one that UEFI names.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320 : 0);
  }
  return ~crc;
}

void put(std::string& bytes, std::size_t offset, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i));
}

std::string entries_of(const std::vector<TablePartition>& partitions) {
  std::string entries(kEntryCount * kEntrySize, '\0');
  std::size_t at = 0;
  for (const TablePartition& partition : partitions) {
    entries.replace(at, 16, mixed_endian_uuid(partition.type_uuid));
    entries.replace(at + 16, 16, mixed_endian_uuid(partition.uuid));
    put(entries, at + 32, partition.offset / kSectorSize, 8);
    put(entries, at + 40, (partition.offset + partition.size) / kSectorSize - 1, 8);
    for (std::size_t i = 0; i < std::min<std::size_t>(partition.name.size(), 36); ++i)
      entries[at + 56 + 2 * i] = partition.name[i];
    at += kEntrySize;
  }
  return entries;
}

struct HeaderPlaces {
  std::uint64_t own, other, entries;  ///< sectors
};

std::string header(const HeaderPlaces& places, std::uint64_t sectors, const std::string& disk_uuid,
                   const std::string& entries) {
  std::string bytes(kSectorSize, '\0');
  bytes.replace(0, 8, "EFI PART");
  put(bytes, 8, 0x00010000, 4);
  put(bytes, 12, kHeaderSize, 4);
  put(bytes, 24, places.own, 8);
  put(bytes, 32, places.other, 8);
  put(bytes, 40, kDiskAlignment / kSectorSize, 8);
  put(bytes, 48, sectors - 2 - kEntrySectors, 8);
  bytes.replace(56, 16, mixed_endian_uuid(disk_uuid));
  put(bytes, 72, places.entries, 8);
  put(bytes, 80, kEntryCount, 4);
  put(bytes, 84, kEntrySize, 4);
  put(bytes, 88, crc32(entries), 4);
  put(bytes, 16, crc32(std::string_view(bytes).substr(0, kHeaderSize)), 4);
  return bytes;
}

/// One MBR entry of type 0xEE over the whole disk keeps tools that know no GPT away.
std::string protective_mbr(std::uint64_t sectors) {
  std::string bytes(kSectorSize, '\0');
  const std::size_t entry = 446;
  put(bytes, entry + 1, 0x000200, 3);
  put(bytes, entry + 4, 0xee, 1);
  put(bytes, entry + 5, 0xffffff, 3);
  put(bytes, entry + 8, 1, 4);
  put(bytes, entry + 12, std::min<std::uint64_t>(sectors - 1, 0xffffffff), 4);
  put(bytes, 510, 0xaa55, 2);
  return bytes;
}

}  // namespace

std::string mixed_endian_uuid(std::string_view uuid) {
  std::string digits;
  std::copy_if(uuid.begin(), uuid.end(), std::back_inserter(digits), [](char c) { return c != '-'; });
  std::string bytes = from_hex(digits);
  assert(bytes.size() == 16);
  std::reverse(bytes.begin(), bytes.begin() + 4);
  std::reverse(bytes.begin() + 4, bytes.begin() + 6);
  std::reverse(bytes.begin() + 6, bytes.begin() + 8);
  return bytes;
}

PartitionTable make_partition_table(const std::string& disk_uuid, const std::vector<TablePartition>& partitions) {
  assert(!partitions.empty() && partitions.size() <= kEntryCount);
  PartitionTable table;
  table.disk_size = partitions.back().offset + partitions.back().size + kDiskAlignment;
  const std::uint64_t sectors = table.disk_size / kSectorSize;
  const std::string entries = entries_of(partitions);
  table.primary = protective_mbr(sectors) + header({1, sectors - 1, 2}, sectors, disk_uuid, entries) + entries;
  table.backup = entries + header({sectors - 1, 1, sectors - 1 - kEntrySectors}, sectors, disk_uuid, entries);
  return table;
}

}  // namespace ainode
