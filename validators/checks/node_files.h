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

std::string module_name(std::string name);  ///< as the kernel calls it: br-netfilter → br_netfilter
/// A built-in module counts as loaded.
bool is_module_loaded(const Node& node, const std::string& name);
/// By what modprobe(8) would do last: load the module itself, or run what modprobe.d(5) installs in its place.
bool can_load_module(const Node& node, const std::string& name);

}  // namespace ainode::checks
