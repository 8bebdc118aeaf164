// SPDX-License-Identifier: Apache-2.0
// Writing tar and newc, by hand: their bytes reach the image's digest, so they must not change with libarchive's
// version.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/archive.h"
#include "base/error.h"

namespace ainode {
namespace {

using Type = ArchiveEntry::Type;
constexpr std::size_t kBlock = 512;
constexpr std::size_t kRecord = 20 * kBlock;

Error refused(const ArchiveEntry& entry, std::string_view why) {
  return Error(codes::archive_entry_refused, fmt::format("`{}` cannot be written: {}", printable(entry.path), why));
}

std::string padding(std::uint64_t size, std::size_t unit) {
  return std::string((unit - size % unit) % unit, '\0');
}

// ---- tar: POSIX ustar, with a pax header for what does not fit (POSIX.1-2017, pax) ----

struct PaxRecords {
  std::string text;
  void add(std::string_view key, std::string_view value) {
    // A record's length counts its own digits.
    std::size_t length = key.size() + value.size() + 3;
    length += std::to_string(length + std::to_string(length).size()).size();
    text += fmt::format("{} {}=", length, key);
    text.append(value).append("\n");
  }
};

struct UstarHeader {
  std::string block = std::string(kBlock, '\0');
  void put(std::size_t at, std::string_view value) { block.replace(at, value.size(), value); }
  void put_octal(std::size_t at, int digits, std::uint64_t value) { put(at, fmt::format("{:0{}o}", value, digits)); }
  const std::string& sealed() {
    put(148, "        ");
    std::uint64_t sum = 0;
    for (const char byte : block) sum += static_cast<unsigned char>(byte);
    put(148, fmt::format("{:06o}", sum));
    block[154] = '\0';
    return block;
  }
};

char type_flag(const ArchiveEntry& entry) {
  switch (entry.type) {
    case Type::file:
      return '0';
    case Type::hardlink:
      return '1';
    case Type::symlink:
      return '2';
    case Type::directory:
      return '5';
    case Type::fifo:
      return '6';
    default:
      throw refused(entry, "devices and sockets do not belong in a tar");
  }
}

// A number that does not fit its octal field goes into the pax header, and the field holds 0.
std::uint64_t fitting(PaxRecords& pax, std::string_view key, std::int64_t value, std::int64_t limit) {
  if (value >= 0 && value < limit) return static_cast<std::uint64_t>(value);
  pax.add(key, std::to_string(value));
  return 0;
}

void put_path(UstarHeader& header, PaxRecords& pax, const std::string& path) {
  if (path.size() <= 100) return header.put(0, path);
  // prefix (155) '/' name (100): the first slash that leaves a short enough name
  const std::size_t slash = path.find('/', path.size() - 101);
  if (slash != std::string::npos && slash > 0 && slash <= 155 && slash + 1 < path.size()) {
    header.put(345, path.substr(0, slash));
    return header.put(0, path.substr(slash + 1));
  }
  pax.add("path", path);
  header.put(0, path.substr(0, 100));
}

void put_fixed(UstarHeader& header, std::uint32_t mode, char flag, std::uint64_t mtime) {
  header.put_octal(100, 7, mode);
  header.put_octal(136, 11, mtime);
  header.block[156] = flag;
  header.put(257, std::string_view("ustar\00000", 8));
}

constexpr std::int64_t kOctal7 = std::int64_t{1} << 21, kOctal11 = std::int64_t{1} << 33;

std::string tar_header(const ArchiveEntry& entry, std::uint64_t size) {
  UstarHeader header;
  PaxRecords pax;
  put_path(header, pax, entry.path);
  const std::uint64_t mtime = fitting(pax, "mtime", entry.mtime, kOctal11);
  put_fixed(header, entry.mode & 07777, type_flag(entry), mtime);
  header.put_octal(108, 7, fitting(pax, "uid", entry.uid, kOctal7));
  header.put_octal(116, 7, fitting(pax, "gid", entry.gid, kOctal7));
  header.put_octal(124, 11, fitting(pax, "size", static_cast<std::int64_t>(size), kOctal11));
  if (entry.target.size() > 100) pax.add("linkpath", entry.target);
  header.put(157, entry.target.substr(0, 100));
  for (const auto& [name, value] : entry.xattrs) pax.add("SCHILY.xattr." + name, value);
  if (pax.text.empty()) return header.sealed();

  UstarHeader extended;
  extended.put(0, "PaxHeaders/entry");
  put_fixed(extended, 0644, 'x', mtime);
  extended.put_octal(108, 7, 0);
  extended.put_octal(116, 7, 0);
  extended.put_octal(124, 11, pax.text.size());
  return extended.sealed() + pax.text + padding(pax.text.size(), kBlock) + header.sealed();
}

// ---- newc: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst ----

std::uint32_t type_bits(const ArchiveEntry& entry) {
  switch (entry.type) {
    case Type::file:
      return 0100000;
    case Type::directory:
      return 0040000;
    case Type::symlink:
      return 0120000;
    case Type::fifo:
      return 0010000;
    default:
      throw refused(entry, "newc is written without hard links, devices and sockets");
  }
}

std::uint32_t narrow(const ArchiveEntry& entry, std::string_view what, std::int64_t value) {
  if (value < 0 || value > 0xffffffffLL) throw refused(entry, fmt::format("its {} does not fit newc", what));
  return static_cast<std::uint32_t>(value);
}

std::string newc_header(const ArchiveEntry& entry, std::uint32_t inode, std::uint32_t mode, std::uint64_t size) {
  const std::uint32_t links = entry.type == Type::directory ? 2 : 1;
  std::string header = "070701";
  for (const std::uint32_t field :
       {inode, mode, narrow(entry, "owner", entry.uid), narrow(entry, "group", entry.gid), links,
        narrow(entry, "time", entry.mtime), narrow(entry, "size", static_cast<std::int64_t>(size)), 0U, 0U, 0U, 0U,
        static_cast<std::uint32_t>(entry.path.size() + 1), 0U})
    header += fmt::format("{:08X}", field);
  header.append(entry.path).push_back('\0');
  return header + padding(header.size(), 4);
}

}  // namespace

struct ArchiveWriter::State {
  Format format;
  Sink sink;
  std::uint64_t written = 0;
  std::uint32_t inode = 0;

  void write(std::string_view bytes) {
    if (bytes.empty()) return;
    written += bytes.size();
    sink(bytes);
  }
};

ArchiveWriter::ArchiveWriter(Format format, Sink sink)
    : state_(std::make_unique<State>(State{format, std::move(sink)})) {}
ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::add(const ArchiveEntry& entry, std::string_view content) {
  State& state = *state_;
  if (entry.path.empty() || entry.path.find('\0') != std::string::npos) throw refused(entry, "it has no usable name");
  if (entry.type != Type::file) content = {};
  if (state.format == Format::tar) {
    state.write(tar_header(entry, content.size()));
    state.write(content);
    state.write(padding(content.size(), kBlock));
    return;
  }
  const std::string_view data = entry.type == Type::symlink ? std::string_view(entry.target) : content;
  state.write(newc_header(entry, ++state.inode, type_bits(entry) | (entry.mode & 07777), data.size()));
  state.write(data);
  state.write(padding(data.size(), 4));
}

void ArchiveWriter::finish() {
  State& state = *state_;
  if (state.format == Format::tar) {
    state.write(std::string(2 * kBlock, '\0'));
    return state.write(padding(state.written, kRecord));
  }
  ArchiveEntry trailer;
  trailer.path = "TRAILER!!!";
  state.write(newc_header(trailer, 0, 0, 0));
  state.write(padding(state.written, kBlock));
}

}  // namespace ainode
