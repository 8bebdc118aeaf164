// SPDX-License-Identifier: Apache-2.0
// What the command line asks for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/llm/engine.h"
#include "bench/llm/shape.h"
#include "bench/llm/speed.h"

namespace ainode::llm {

struct Options {
  std::string command;
  std::string file;              // a model, in place of shape and type
  const Shape* shape = nullptr;  // --shape
  std::optional<Type> type;      // --type
  std::string output;            // -o
  std::string kernels = "auto";  // --kernels
  std::size_t threads = 1;       // --threads
  Load load;                     // --prefill, --decode, --repeat
  std::vector<Token> tokens;     // --tokens
  double tolerance = 0;          // --tolerance
  bool is_json = false;          // --json
  bool is_remake = false;        // --remake
};

/// Throws Error(usage) that names the argument.
Options parse_options(const std::vector<std::string>& arguments);

extern const char* const kUsage;

}  // namespace ainode::llm
