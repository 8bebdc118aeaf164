// SPDX-License-Identifier: Apache-2.0
#include "base/compress.h"

#include <lzma.h>

#include <cstdint>
#include <new>

namespace ainode {

std::string to_xz(std::string_view bytes) {
  std::string packed(lzma_stream_buffer_bound(bytes.size()), '\0');
  std::size_t size = 0;
  const lzma_ret status =
      lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                              bytes.size(), reinterpret_cast<std::uint8_t*>(packed.data()), &size, packed.size());
  if (status != LZMA_OK) throw std::bad_alloc();  // all else it can say is of its arguments
  packed.resize(size);
  return packed;
}

}  // namespace ainode
