// SPDX-License-Identifier: Apache-2.0
// What the command line asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/llm/error.h"
#include "validators/checks/memory_speed.h"

namespace ainode::memory {

using llm::Error;
using llm::Exit;

struct Options {
  std::string command;                    // run, nodes
  std::optional<int> from, to;            // --from, --to; else every node that can be
  std::vector<checks::MemoryWork> works;  // --work
  std::uint64_t bytes = 0;                // --size, of each array; 0: by the caches
  std::size_t threads = 0;                // --threads; 0: one a processor
  std::size_t repetitions = 10;           // --repeat
  bool is_json = false;                   // --json
};

/// Throws Error(usage) that names the argument.
Options parse_options(const std::vector<std::string>& arguments);

extern const char* const kUsage;

}  // namespace ainode::memory
