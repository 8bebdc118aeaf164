// SPDX-License-Identifier: Apache-2.0
// The GUID partition table: one header whose checksum covers itself and its array of entries.
#include <fmt/format.h>

#include "base/error.h"
#include "validators/machines/disk_image.h"
#include "validators/machines/foreign_bytes.h"

namespace ainode {

namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint32_t kMaxEntries = 1024;

Error malformed(const DiskImage& disk, const std::string& what) {
  return Error(codes::image_malformed, fmt::format("{}: {}", disk.name(), what));
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320 : 0);
  }
  return ~crc;
}

/// GUIDs lie on disk with their first three fields little-endian.
std::string guid_text(std::string_view bytes) {
  std::string tail;
  for (const char byte : bytes.substr(8, 8)) tail += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return fmt::format("{:08x}-{:04x}-{:04x}-{}-{}", little_endian<std::uint32_t>(bytes, 0),
                     little_endian<std::uint16_t>(bytes, 4), little_endian<std::uint16_t>(bytes, 6), tail.substr(0, 4),
                     tail.substr(4));
}

std::string read_header(const DiskImage& disk) {
  if (disk.size() < 2 * kSector) throw malformed(disk, "the disk is too small for a partition table");
  std::string header = disk.read(kSector, kSector);
  if (header.compare(0, 8, "EFI PART") != 0) throw malformed(disk, "there is no GUID partition table");
  const auto length = little_endian<std::uint32_t>(header, 12);
  if (length < 92 || length > kSector) throw malformed(disk, "the partition table's header has a wrong size");
  const auto stored = little_endian<std::uint32_t>(header, 16);
  header.resize(length);
  std::string blanked = header;
  blanked.replace(16, 4, 4, '\0');
  if (crc32(blanked) != stored) throw malformed(disk, "the partition table's header has a wrong checksum");
  return header;
}

}  // namespace

std::vector<DiskPartition> read_gpt(const DiskImage& disk) {
  const std::string header = read_header(disk);
  const auto first = little_endian<std::uint64_t>(header, 72);
  const auto count = little_endian<std::uint32_t>(header, 80);
  const auto entry_size = little_endian<std::uint32_t>(header, 84);
  const std::uint64_t sectors = disk.size() / kSector;
  if (count > kMaxEntries || entry_size < 128 || entry_size > 4096 || first >= sectors)
    throw malformed(disk, "the partition table's entries have an impossible place or size");
  const std::string entries = disk.read(first * kSector, std::uint64_t{count} * entry_size);
  if (crc32(entries) != little_endian<std::uint32_t>(header, 88))
    throw malformed(disk, "the partition table's entries have a wrong checksum");

  std::vector<DiskPartition> partitions;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view entry = std::string_view(entries).substr(std::size_t{i} * entry_size, entry_size);
    if (entry.substr(0, 16).find_first_not_of('\0') == std::string_view::npos) continue;
    const auto begin = little_endian<std::uint64_t>(entry, 32);
    const auto last = little_endian<std::uint64_t>(entry, 40);
    if (begin > last || last >= sectors)
      throw malformed(disk, fmt::format("partition {} lies outside the disk", i + 1));
    partitions.push_back({guid_text(entry.substr(0, 16)), begin * kSector, (last - begin + 1) * kSector});
  }
  return partitions;
}

}  // namespace ainode
