// SPDX-License-Identifier: Apache-2.0
// Unpacking in memory with what links statically into the agent: zlib and liblzma.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ainode::checks {

/// Nothing when the input is not one whole gzip stream or unpacks to more than `limit` bytes.
std::optional<std::string> unpack_gzip(std::string_view packed, std::size_t limit);

/// Gives the unpacked pieces of an xz stream, in order, until `sink` answers false. Returns false for a stream that is
/// malformed or cut off before that.
bool unpack_xz(std::string_view packed, const std::function<bool(std::string_view piece)>& sink);

}  // namespace ainode::checks
