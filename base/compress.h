// SPDX-License-Identifier: Apache-2.0
// The other way around: archive.h has decompress().
#pragma once

#include <string>
#include <string_view>

namespace ainode {

/// One xz stream at the fastest setting, with the CRC32 that Linux's own reader asks for.
std::string to_xz(std::string_view bytes);

}  // namespace ainode
