// SPDX-License-Identifier: Apache-2.0
// Integers out of foreign bytes. A position outside the bytes is an error of the input, never undefined behaviour.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ainode {

template <class Integer>
Integer little_endian(std::string_view bytes, std::size_t position) {
  if (position > bytes.size() || bytes.size() - position < sizeof(Integer))
    throw Error(codes::image_malformed, "a disk structure ends before its fields do");
  Integer value = 0;
  for (std::size_t i = sizeof(Integer); i > 0; --i)
    value = static_cast<Integer>((static_cast<std::uint64_t>(value) << 8) |
                                 static_cast<unsigned char>(bytes[position + i - 1]));
  return value;
}

template <class Integer>
Integer big_endian(std::string_view bytes, std::size_t position) {
  if (position > bytes.size() || bytes.size() - position < sizeof(Integer))
    throw Error(codes::image_malformed, "a disk structure ends before its fields do");
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    value = static_cast<Integer>((static_cast<std::uint64_t>(value) << 8) |
                                 static_cast<unsigned char>(bytes[position + i]));
  return value;
}

}  // namespace ainode
