// SPDX-License-Identifier: Apache-2.0
// Compressed bytes as a stream of unpacked chunks, with limits on what a hostile stream may cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ainode {

/// Unpacked bytes, chunk by chunk. Not for several threads at once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, empty at the end; valid until the next call. Throws deb_malformed naming the origin when the
  /// stream is corrupt, truncated, followed by other bytes, or passes its size limit.
  virtual std::string_view next_chunk() = 0;
};

/// xz, gzip, zstd, lz4 and bzip2, told by their first bytes; anything else passes through. `bytes` must outlive it.
std::unique_ptr<ByteSource> open_bytes(std::string_view bytes, const std::string& origin, std::uint64_t size_limit);

}  // namespace ainode
