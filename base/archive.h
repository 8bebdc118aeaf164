// SPDX-License-Identifier: Apache-2.0
// Reading and writing archives in memory, over libarchive. Policy (which entries are allowed) belongs to the callers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

struct ArchiveEntry {
  enum class Type { file, directory, symlink, hardlink, character_device, block_device, fifo, socket };
  std::string path;  ///< as stored, raw bytes
  Type type = Type::file;
  std::uint32_t mode = 0;  ///< permission bits with setuid, setgid, sticky; no type bits
  std::int64_t uid = 0, gid = 0;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::string target;  ///< of a symlink or hardlink
  std::map<std::string, std::string> xattrs;
};

/// Reads a tar (any compression) that lies in memory; the memory must outlive the reader.
/// Throws deb_malformed naming `origin` for truncated or corrupt input, and when the unpacked size passes `size_limit`.
class TarReader {
 public:
  TarReader(std::string_view archive, std::string origin, std::uint64_t size_limit = std::uint64_t{8} << 30);
  ~TarReader();
  /// The next entry, or null at the end. Valid until the next call.
  const ArchiveEntry* next();
  /// The current file's whole content; valid until the next call of next().
  std::string_view content();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One member of an ar archive (a .deb), by exact checks of magic, sizes and order.
struct ArMember {
  std::string name;
  std::string_view data;  ///< into the archive's memory
};
std::vector<ArMember> read_ar(std::string_view archive, const std::string& origin);

/// Unpacks one compressed stream (xz, gzip, zstd, lz4, bzip2), or returns the input when it is not compressed.
std::string decompress(std::string_view bytes, const std::string& origin,
                       std::uint64_t size_limit = std::uint64_t{4} << 30);

/// Writes a tar (pax where needed) or a newc cpio; bytes go to the sink as they come. Entries are written as given:
/// mtime, owner and order are the caller's.
class ArchiveWriter {
 public:
  enum class Format { tar, newc };
  using Sink = std::function<void(std::string_view bytes)>;
  ArchiveWriter(Format format, Sink sink);
  ~ArchiveWriter();
  void add(const ArchiveEntry& entry, std::string_view content = {});
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ainode
