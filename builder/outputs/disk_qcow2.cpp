// SPDX-License-Identifier: Apache-2.0
// Data first, in guest order, then the tables that name it: one pass, and nothing has to be known beforehand.
#include "builder/outputs/disk_qcow2.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/steps.h"

namespace ainode {

namespace {

constexpr std::uint64_t kClusterBits = 16, kCluster = std::uint64_t{1} << kClusterBits;
constexpr std::uint64_t kPerL2 = kCluster / 8;        // entries of an L2 table
constexpr std::uint64_t kPerRefcount = kCluster / 2;  // 16-bit entries of a refcount block
constexpr std::uint64_t kCopied = std::uint64_t{1} << 63;
constexpr std::size_t kHeaderLength = 104;

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

void put_big_endian(std::string& bytes, std::size_t offset, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * (width - 1 - i)));
}

bool is_zero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::string table_of(const std::vector<std::uint64_t>& entries, std::size_t width) {
  std::string bytes(divided_up(entries.size() * width, kCluster) * kCluster, '\0');
  for (std::size_t i = 0; i < entries.size(); ++i) put_big_endian(bytes, i * width, entries[i], width);
  return bytes;
}

class Qcow2Writer {
 public:
  Qcow2Writer(AtomicFile& output, std::uint64_t disk_size)
      : output_(output), disk_size_(disk_size), map_(divided_up(disk_size, kCluster)) {
    append(std::string(kCluster, '\0'));  // the header's place, filled by finish()
  }

  void add(std::uint64_t offset, std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::uint64_t position = offset + at;
      const std::size_t inside = position % kCluster;
      const std::size_t length = std::min<std::size_t>(kCluster - inside, bytes.size() - at);
      add_cluster(position / kCluster, inside, bytes.substr(at, length));
      at += length;
    }
  }

  void finish() {
    const std::uint64_t l2_tables = divided_up(map_.size(), kPerL2);
    std::vector<std::uint64_t> l1(l2_tables);
    for (std::uint64_t i = 0; i < l2_tables; ++i) l1[i] = write_l2(i * kPerL2);
    const std::uint64_t l1_at = append(table_of(l1, 8));
    write_header(l1_at, l2_tables, write_refcounts());
  }

 private:
  /// Appends whole clusters; their offset in the file.
  std::uint64_t append(std::string_view clusters) {
    const std::uint64_t at = used_ * kCluster;
    output_.write(clusters);
    used_ += clusters.size() / kCluster;
    return at;
  }

  void add_cluster(std::uint64_t index, std::size_t inside, std::string_view bytes) {
    if (is_zero(bytes)) return;
    assert(index < map_.size() && map_[index] == 0);
    if (bytes.size() == kCluster) {
      map_[index] = append(bytes);
      return;
    }
    std::string cluster(kCluster, '\0');
    cluster.replace(inside, bytes.size(), bytes);
    map_[index] = append(cluster);
  }

  std::uint64_t write_l2(std::uint64_t first) {
    const std::uint64_t last = std::min<std::uint64_t>(first + kPerL2, map_.size());
    std::vector<std::uint64_t> entries(kPerL2);
    bool any = false;
    for (std::uint64_t i = first; i < last; ++i) {
      if (map_[i] == 0) continue;
      entries[i - first] = map_[i] | kCopied;
      any = true;
    }
    return any ? append(table_of(entries, 8)) | kCopied : 0;
  }

  struct Refcounts {
    std::uint64_t offset, clusters;
  };

  /// Every cluster is used once, the refcount blocks and their table included: their number is the fixed point.
  Refcounts write_refcounts() {
    std::uint64_t blocks = 0, table = 0, before = 0;
    do {
      before = blocks + table;
      blocks = divided_up(used_ + before, kPerRefcount);
      table = divided_up(blocks * 8, kCluster);
    } while (blocks + table != before);
    const std::uint64_t total = used_ + blocks + table;
    std::vector<std::uint64_t> places;
    for (std::uint64_t block = 0; block < blocks; ++block) {
      const std::uint64_t count = std::min(kPerRefcount, total - block * kPerRefcount);
      std::vector<std::uint64_t> ones(kPerRefcount);
      std::fill_n(ones.begin(), count, 1);
      places.push_back(append(table_of(ones, 2)));
    }
    return {append(table_of(places, 8)), table};
  }

  void write_header(std::uint64_t l1_at, std::uint64_t l1_entries, const Refcounts& refcounts) {
    std::string header(kHeaderLength + 8, '\0');  // ends with the empty header extension
    header.replace(0, 4, "QFI\xfb");
    put_big_endian(header, 4, 3, 4);
    put_big_endian(header, 20, kClusterBits, 4);
    put_big_endian(header, 24, disk_size_, 8);
    put_big_endian(header, 36, l1_entries, 4);
    put_big_endian(header, 40, l1_at, 8);
    put_big_endian(header, 48, refcounts.offset, 8);
    put_big_endian(header, 56, refcounts.clusters, 4);
    put_big_endian(header, 96, 4, 4);  // refcounts of 2^4 bits
    put_big_endian(header, 100, kHeaderLength, 4);
    if (::lseek(output_.fd(), 0, SEEK_SET) < 0) throw system_error("seek in the disk image", errno);
    output_.write(header);
  }

  AtomicFile& output_;
  std::uint64_t disk_size_, used_ = 0;
  std::vector<std::uint64_t> map_;  // guest cluster → offset in the file; 0: not stored
};

/// Feeds a file's data extents, whole clusters at a time; holes are skipped where the host can tell them.
void add_file(Qcow2Writer& writer, const DiskPart& part) {
  const Descriptor file = open_file(part.file, O_RDONLY);
  std::string buffer(16 * kCluster, '\0');
  for (off_t at = 0;;) {
    throw_if_interrupted();
    const off_t data = ::lseek(file.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;
    if (data < 0) throw system_error("read " + part.file.string(), errno);
    at = static_cast<off_t>(static_cast<std::uint64_t>(data) / kCluster * kCluster);
    const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), at);
    if (count < 0) throw system_error("read " + part.file.string(), errno);
    if (count == 0) return;
    writer.add(part.offset + static_cast<std::uint64_t>(at), std::string_view(buffer.data(), count));
    at += count;
  }
}

}  // namespace

void write_qcow2(AtomicFile& output, std::uint64_t disk_size, const std::vector<DiskPart>& parts) {
  Qcow2Writer writer(output, disk_size);
  for (const DiskPart& part : parts) {
    if (part.file.empty())
      writer.add(part.offset, part.bytes);
    else
      add_file(writer, part);
  }
  writer.finish();
}

}  // namespace ainode
