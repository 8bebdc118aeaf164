// SPDX-License-Identifier: Apache-2.0
// The long text of every error code: what it means, how it comes about, and the cure.
#pragma once

#include <span>
#include <string_view>

#include "base/error_codes.h"

namespace ainode::cli {

struct Explanation {
  ErrorCode code;
  std::string_view text;  ///< plain lines of at most 100 columns, each ended; examples are indented by two blanks
};

/// One for each code, in the order of all_error_codes().
std::span<const Explanation> all_explanations();

}  // namespace ainode::cli
