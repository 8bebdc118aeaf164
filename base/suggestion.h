// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word nearest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ainode {

/// The candidate nearest by edit distance (at most a third of the word's length, at least 1); empty when none is near.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace ainode
