// SPDX-License-Identifier: Apache-2.0
// The program's commands: each returns what to print and the verdict, and prints nothing itself.
#pragma once

#include <string>
#include <vector>

#include "bench/memory/options.h"

namespace ainode::memory {

struct Answer {
  std::string text;
  Exit exit = Exit::good;
};

/// Throws Error: usage for a node or a size that these nodes do not have, environment for what the machine refuses.
Answer run_command(const Options& options, const std::vector<checks::NumaNode>& nodes);

}  // namespace ainode::memory
