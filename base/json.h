// SPDX-License-Identifier: Apache-2.0
// JSON values with keys in the order they were set, so that what we write is what we meant.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ainode {

using Json = nlohmann::ordered_json;

/// Parses strictly (no duplicate keys, no comments); throws `code` naming `origin`, with line and column.
Json parse_json(std::string_view text, const std::string& origin, const ErrorCode& code);

}  // namespace ainode
