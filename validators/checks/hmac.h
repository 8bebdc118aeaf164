// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) and HMAC (RFC 2104) without a library, for the static agent.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ainode::checks {

using Sum = std::array<std::uint8_t, 32>;

Sum sha256(std::string_view bytes);
Sum hmac_sha256(std::string_view key, std::string_view message);
std::string hexadecimal(const Sum& sum);

}  // namespace ainode::checks
