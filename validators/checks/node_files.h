// SPDX-License-Identifier: Apache-2.0
// Small readers of what /proc and /sys say in one line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "validators/checks/node.h"

namespace ainode::checks {

/// The text with one space between its words: "1024\t60999\n" → "1024 60999".
std::optional<std::string> read_words(const Node& node, const std::string& path);
std::optional<std::int64_t> read_number(const Node& node, const std::string& path);
/// "always [madvise] never" → "madvise"; the whole where nothing is chosen.
std::optional<std::string> chosen_word(const Node& node, const std::string& path);

}  // namespace ainode::checks
