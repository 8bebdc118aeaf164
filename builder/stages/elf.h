// SPDX-License-Identifier: Apache-2.0
// What is to be known of ELF files (System V ABI, 64-bit little-endian): what they need, and a kernel module's own
// words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ainode {

struct DynamicNeeds {
  std::string interpreter;             ///< PT_INTERP; empty when there is none
  std::vector<std::string> libraries;  ///< DT_NEEDED, in order
  std::vector<std::string> run_paths;  ///< DT_RUNPATH or DT_RPATH, split; `$ORIGIN` unexpanded
};
/// Every offset is checked against the file. Throws tree_malformed naming `origin`.
DynamicNeeds read_dynamic_needs(std::string_view elf, const std::string& origin);

/// The NUL-separated `key=value` strings of a module's .modinfo section. Throws like read_dynamic_needs.
std::vector<std::string> read_module_info(std::string_view elf, const std::string& origin);

}  // namespace ainode
