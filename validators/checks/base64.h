// SPDX-License-Identifier: Apache-2.0
// RFC 4648 base64 without a library, for the static agent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ainode::checks {

std::string base64(std::string_view bytes);
/// Nothing for what base64() would not write.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace ainode::checks
