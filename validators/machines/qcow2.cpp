// SPDX-License-Identifier: Apache-2.0
// Image files: raw, or the uncompressed part of qcow2: two levels of big-endian tables from guest to file offsets.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "validators/machines/disk_image.h"
#include "validators/machines/foreign_bytes.h"

namespace ainode {

namespace {

constexpr std::uint64_t kOffsetMask = 0x00fffffffffffe00;
constexpr std::uint64_t kCompressed = std::uint64_t{1} << 62;
constexpr std::uint64_t kReadsAsZero = 1;
constexpr std::uint64_t kMaxTable = std::uint64_t{32} << 20;  // QEMU's own limit for an L1 table
constexpr std::uint64_t kMaxDisk = std::uint64_t{64} << 40;

Error malformed(const std::string& disk, const std::string& what) {
  return Error(codes::image_malformed, fmt::format("{}: {}", disk, what));
}

/// The file that holds the image, read at any offset.
class ImageFile {
 public:
  explicit ImageFile(const fs::path& path) : path_(path), file_(open_file(path, O_RDONLY)) {
    struct stat status = {};
    if (fstat(file_.get(), &status) != 0) throw system_error("look at " + path.string(), errno);
    if (!S_ISREG(status.st_mode)) throw malformed(path.string(), "the disk image is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  std::uint64_t size() const { return size_; }
  std::string name() const { return path_.string(); }
  void read(char* destination, std::uint64_t offset, std::uint64_t length) const {
    if (offset > size_ || size_ - offset < length) throw malformed(name(), "the image file is truncated");
    while (length > 0) {
      const ssize_t count = pread(file_.get(), destination, length, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_error("read " + name(), errno);
      if (count == 0) throw malformed(name(), "the image file is truncated");
      destination += count;
      offset += static_cast<std::uint64_t>(count);
      length -= static_cast<std::uint64_t>(count);
    }
  }
  std::string read(std::uint64_t offset, std::uint64_t length) const {
    if (offset > size_ || size_ - offset < length) throw malformed(name(), "the image file is truncated");
    std::string bytes(length, '\0');
    read(bytes.data(), offset, length);
    return bytes;
  }

 private:
  fs::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

class RawImage : public DiskImage {
 public:
  explicit RawImage(ImageFile file) : DiskImage(file.name(), file.size()), file_(std::move(file)) {}

 private:
  void read_into(char* destination, std::uint64_t offset, std::uint64_t length) const override {
    file_.read(destination, offset, length);
  }
  ImageFile file_;
};

struct Qcow2Header {
  std::uint32_t cluster_bits = 0, l1_entries = 0;
  std::uint64_t size = 0, l1_offset = 0;
};

Qcow2Header read_header(const ImageFile& file) {
  const std::string bytes = file.read(0, std::min<std::uint64_t>(file.size(), 104));
  const auto version = big_endian<std::uint32_t>(bytes, 4);
  if (version != 2 && version != 3) throw malformed(file.name(), fmt::format("qcow2 version {} is unknown", version));
  if (big_endian<std::uint64_t>(bytes, 8) != 0) throw malformed(file.name(), "a qcow2 with a backing file is refused");
  if (big_endian<std::uint32_t>(bytes, 32) != 0) throw malformed(file.name(), "an encrypted qcow2 is refused");
  Qcow2Header header;
  header.cluster_bits = big_endian<std::uint32_t>(bytes, 20);
  header.size = big_endian<std::uint64_t>(bytes, 24);
  header.l1_entries = big_endian<std::uint32_t>(bytes, 36);
  header.l1_offset = big_endian<std::uint64_t>(bytes, 40);
  if (header.cluster_bits < 9 || header.cluster_bits > 21)
    throw malformed(file.name(), fmt::format("qcow2 clusters of 2^{} bytes are not allowed", header.cluster_bits));
  if (header.size > kMaxDisk) throw malformed(file.name(), "the qcow2 says that its disk is larger than 64 TiB");
  // Bit 0 says only that reference counts may be stale; they are not read here.
  if (version == 3 && (big_endian<std::uint64_t>(bytes, 72) & ~std::uint64_t{1}) != 0)
    throw malformed(file.name(), "the qcow2 uses a feature that this reader does not know");
  return header;
}

class Qcow2Image : public DiskImage {
 public:
  Qcow2Image(ImageFile file, const Qcow2Header& header)
      : DiskImage(file.name(), header.size), file_(std::move(file)), header_(header) {
    const std::uint64_t table_reach = std::uint64_t{1} << (2 * header.cluster_bits - 3);
    const std::uint64_t needed = (header.size + table_reach - 1) / table_reach;
    if (needed > header.l1_entries || std::uint64_t{header.l1_entries} * 8 > kMaxTable)
      throw malformed(file_.name(), "the qcow2's first table does not fit its disk");
    l1_ = file_.read(header.l1_offset, std::uint64_t{header.l1_entries} * 8);
  }

 private:
  void read_into(char* destination, std::uint64_t offset, std::uint64_t length) const override {
    const std::uint64_t cluster_size = std::uint64_t{1} << header_.cluster_bits;
    while (length > 0) {
      const std::uint64_t inside = offset & (cluster_size - 1);
      const std::uint64_t part = std::min(length, cluster_size - inside);
      if (const std::uint64_t cluster = cluster_at(offset); cluster != 0)
        file_.read(destination, cluster + inside, part);
      else
        std::memset(destination, 0, part);
      destination += part;
      offset += part;
      length -= part;
    }
  }

  /// The file offset of the cluster that holds a guest offset; 0 reads as zeros.
  std::uint64_t cluster_at(std::uint64_t offset) const {
    const std::uint32_t l2_bits = header_.cluster_bits - 3;
    const std::uint64_t cluster = offset >> header_.cluster_bits;
    const std::uint64_t table = big_endian<std::uint64_t>(l1_, (cluster >> l2_bits) * 8) & kOffsetMask;
    if (table == 0) return 0;
    if (table != l2_offset_) {
      l2_ = file_.read(table, std::uint64_t{1} << header_.cluster_bits);
      l2_offset_ = table;
    }
    const auto entry = big_endian<std::uint64_t>(l2_, (cluster & ((std::uint64_t{1} << l2_bits) - 1)) * 8);
    if (entry & kCompressed) throw malformed(file_.name(), "a qcow2 with compressed clusters is refused");
    return (entry & kReadsAsZero) ? 0 : entry & kOffsetMask;
  }

  ImageFile file_;
  Qcow2Header header_;
  std::string l1_;
  mutable std::string l2_;  // the table used last
  mutable std::uint64_t l2_offset_ = 0;
};

}  // namespace

std::string DiskImage::read(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || size_ - offset < length)
    throw malformed(name_, fmt::format("{} bytes at {} lie outside the disk of {} bytes", length, offset, size_));
  std::string bytes(length, '\0');
  read_into(bytes.data(), offset, length);
  return bytes;
}

std::unique_ptr<DiskImage> open_disk_image(const fs::path& path) {
  ImageFile file(path);
  const std::string magic = file.size() < 4 ? "" : file.read(0, 4);
  if (magic != "QFI\xfb") return std::make_unique<RawImage>(std::move(file));
  const Qcow2Header header = read_header(file);
  return std::make_unique<Qcow2Image>(std::move(file), header);
}

}  // namespace ainode
