// SPDX-License-Identifier: Apache-2.0
// One loop a format.
#include "validators/checks/unpack.h"

#include <lzma.h>
#include <zlib.h>

#include <array>
#include <memory>

#include "base/handle.h"

namespace ainode::checks {

namespace {

using GzipPiece = std::array<std::uint8_t, 65536>;
// Small, since what an xz reader looks for stands near the start: 64 KiB pieces take twice the time over all modules.
using XzPiece = std::array<std::uint8_t, 4096>;
constexpr std::uint64_t kXzMemoryLimit = std::uint64_t{64} << 20;
constexpr int kGzipOnly = 16 + MAX_WBITS;

}  // namespace

std::optional<std::string> unpack_gzip(std::string_view packed, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return std::nullopt;
  const Handle<z_stream, inflateEnd> guard(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  const auto buffer = std::make_unique<GzipPiece>();
  std::string unpacked;
  int state = Z_OK;
  while (state == Z_OK && unpacked.size() <= limit) {
    stream.next_out = buffer->data();
    stream.avail_out = static_cast<uInt>(buffer->size());
    state = inflate(&stream, Z_NO_FLUSH);
    unpacked.append(reinterpret_cast<const char*>(buffer->data()), buffer->size() - stream.avail_out);
  }
  if (state != Z_STREAM_END || unpacked.size() > limit) return std::nullopt;
  return unpacked;
}

bool unpack_xz(std::string_view packed, const std::function<bool(std::string_view piece)>& sink) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kXzMemoryLimit, 0) != LZMA_OK) return false;
  const Handle<lzma_stream, lzma_end> guard(&stream);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  const auto buffer = std::make_unique<XzPiece>();
  lzma_ret state = LZMA_OK;
  while (state == LZMA_OK) {
    stream.next_out = buffer->data();
    stream.avail_out = buffer->size();
    state = lzma_code(&stream, LZMA_FINISH);
    const std::size_t size = buffer->size() - stream.avail_out;
    if (size > 0 && !sink({reinterpret_cast<const char*>(buffer->data()), size})) return true;
  }
  return state == LZMA_STREAM_END;
}

}  // namespace ainode::checks
