// SPDX-License-Identifier: Apache-2.0
// What every fuzz target asserts. A broken promise aborts, and libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace ainode::fuzz {

inline void promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

inline bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// True when `read` accepted its input. It may refuse by Error only, and each Error can be shown; any other exception
/// ends the program.
template <class Read>
bool accepts(Read&& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    promise(!error.message().empty(), "an error says something");
    promise(render(error).ends_with('\n'), "an error can be shown");
    return false;
  }
}

}  // namespace ainode::fuzz

#define AINODE_FUZZ_TARGET(text)                                                       \
  static void judge(std::string_view text);                                            \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) { \
    judge({reinterpret_cast<const char*>(data), size});                                \
    return 0;                                                                          \
  }                                                                                    \
  static void judge(std::string_view text)
