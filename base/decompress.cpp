// SPDX-License-Identifier: Apache-2.0
// Unpacking in chunks: xz by liblzma itself, for its memory limit and exact end; the others by libarchive's raw format.
#include "base/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <lzma.h>

#include <array>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/error.h"
#include "base/handle.h"

namespace ainode {
namespace {

// `xz -9` needs 65 MiB to unpack; a header that asks for more is an attack or a mistake.
constexpr std::uint64_t kXzMemory = std::uint64_t{128} << 20;
constexpr std::size_t kChunk = std::size_t{1} << 18;

Error malformed(const std::string& origin, const std::string& what) {
  return Error(codes::deb_malformed, fmt::format("{}: {}", origin, what));
}

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(std::string_view bytes) : bytes_(bytes) {}
  std::string_view next_chunk() override { return std::exchange(bytes_, {}); }

 private:
  std::string_view bytes_;
};

class XzSource : public ByteSource {
 public:
  XzSource(std::string_view bytes, std::string origin) : origin_(std::move(origin)), buffer_(kChunk) {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    stream_.avail_in = bytes.size();
    check(lzma_stream_decoder(&stream_, kXzMemory, LZMA_TELL_UNSUPPORTED_CHECK));
  }
  ~XzSource() override { lzma_end(&stream_); }
  XzSource(const XzSource&) = delete;

  std::string_view next_chunk() override {
    if (ended_) return {};
    stream_.next_out = buffer_.data();
    stream_.avail_out = buffer_.size();
    while (stream_.avail_out > 0 && !ended_) {
      const lzma_ret status = lzma_code(&stream_, LZMA_FINISH);
      ended_ = status == LZMA_STREAM_END;
      if (!ended_) check(status);
    }
    if (ended_ && stream_.avail_in > 0)
      throw malformed(origin_, fmt::format("{} bytes follow the end of the xz stream", stream_.avail_in));
    return {reinterpret_cast<const char*>(buffer_.data()), buffer_.size() - stream_.avail_out};
  }

 private:
  void check(lzma_ret status) const {
    switch (status) {
      case LZMA_OK:
        return;
      case LZMA_BUF_ERROR:
        throw malformed(origin_, "the xz stream is truncated");
      case LZMA_MEMLIMIT_ERROR:
        throw malformed(origin_, fmt::format("the xz stream needs {} MiB to unpack, more than the {} MiB allowed",
                                             lzma_memusage(&stream_) >> 20, kXzMemory >> 20));
      case LZMA_MEM_ERROR:
        throw std::bad_alloc();
      case LZMA_UNSUPPORTED_CHECK:
      case LZMA_OPTIONS_ERROR:
        throw malformed(origin_, "the xz stream uses features that are not supported");
      default:
        throw malformed(origin_, "the xz stream is corrupt");
    }
  }

  std::string origin_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  std::vector<std::uint8_t> buffer_;
  bool ended_ = false;
};

using Filter = int (*)(::archive*);

class FilteredSource : public ByteSource {
 public:
  FilteredSource(std::string_view bytes, std::string origin, Filter filter)
      : input_(bytes.size()), origin_(std::move(origin)), archive_(archive_read_new()) {
    if (!archive_) throw std::bad_alloc();
    archive_entry* entry = nullptr;
    if (filter(archive_.get()) != ARCHIVE_OK || archive_read_support_format_raw(archive_.get()) != ARCHIVE_OK ||
        archive_read_support_format_empty(archive_.get()) != ARCHIVE_OK)
      throw malformed(origin_, "libarchive here cannot unpack it");
    if (archive_read_open_memory(archive_.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) throw corrupt();
    const int status = archive_read_next_header(archive_.get(), &entry);
    ended_ = status == ARCHIVE_EOF;
    if (status != ARCHIVE_OK && !ended_) throw corrupt();
    // libarchive would go on unpacking as long as it recognizes something: exactly one filter above the memory.
    if (archive_filter_count(archive_.get()) != 2) throw malformed(origin_, "the stream is compressed more than once");
  }

  std::string_view next_chunk() override {
    while (!ended_) {
      const void* data = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(archive_.get(), &data, &size, &offset);
      if (status == ARCHIVE_EOF) {
        ended_ = true;
        check_end();
      } else if (status != ARCHIVE_OK) {
        throw corrupt();
      } else if (size > 0) {
        return {static_cast<const char*>(data), size};
      }
    }
    return {};
  }

 private:
  Error corrupt() const {
    const char* reason = archive_error_string(archive_.get());
    return malformed(origin_, fmt::format("the compressed stream is corrupt or truncated ({})", reason ? reason : "?"));
  }
  void check_end() const {
    const auto used = static_cast<std::size_t>(archive_filter_bytes(archive_.get(), -1));
    if (used < input_)
      throw malformed(origin_, fmt::format("{} bytes follow the end of the compressed stream", input_ - used));
  }

  std::size_t input_;
  std::string origin_;
  Handle<::archive, archive_read_free> archive_;
  bool ended_ = false;
};

class LimitedSource : public ByteSource {
 public:
  LimitedSource(std::unique_ptr<ByteSource> inner, std::string origin, std::uint64_t limit)
      : inner_(std::move(inner)), origin_(std::move(origin)), limit_(limit) {}
  std::string_view next_chunk() override {
    const std::string_view chunk = inner_->next_chunk();
    total_ += chunk.size();
    if (total_ > limit_) throw malformed(origin_, fmt::format("unpacks to more than the {} bytes allowed", limit_));
    return chunk;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::string origin_;
  std::uint64_t limit_, total_ = 0;
};

struct Magic {
  std::string_view bytes;
  Filter filter;  // null: xz
};
constexpr std::array<Magic, 5> kMagics{{
    {std::string_view("\xfd\x37\x7a\x58\x5a\x00", 6), nullptr},
    {"\x1f\x8b", archive_read_support_filter_gzip},
    {"\x28\xb5\x2f\xfd", archive_read_support_filter_zstd},
    {"\x04\x22\x4d\x18", archive_read_support_filter_lz4},
    {"BZh", archive_read_support_filter_bzip2},
}};

std::unique_ptr<ByteSource> open_unlimited(std::string_view bytes, const std::string& origin) {
  for (const Magic& magic : kMagics) {
    if (!bytes.starts_with(magic.bytes)) continue;
    if (!magic.filter) return std::make_unique<XzSource>(bytes, origin);
    return std::make_unique<FilteredSource>(bytes, origin, magic.filter);
  }
  return std::make_unique<PlainSource>(bytes);
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(std::string_view bytes, const std::string& origin, std::uint64_t size_limit) {
  return std::make_unique<LimitedSource>(open_unlimited(bytes, origin), origin, size_limit);
}

std::string decompress(std::string_view bytes, const std::string& origin, std::uint64_t size_limit) {
  const auto source = open_bytes(bytes, origin, size_limit);
  std::string whole;
  for (std::string_view chunk = source->next_chunk(); !chunk.empty(); chunk = source->next_chunk()) whole += chunk;
  return whole;
}

}  // namespace ainode
