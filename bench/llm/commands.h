// SPDX-License-Identifier: Apache-2.0
// The program's commands: each returns what to print and the verdict, and prints nothing itself.
#pragma once

#include <string>

#include "bench/llm/error.h"
#include "bench/llm/options.h"

namespace ainode::llm {

struct Answer {
  std::string text;
  Exit exit = Exit::good;
};

/// Options as parse_options makes them. Throws Error.
Answer run_command(const Options& options);

}  // namespace ainode::llm
