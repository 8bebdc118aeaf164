// SPDX-License-Identifier: Apache-2.0
// The file that this code was loaded from: the program, or a module in somebody else's program.
#pragma once

#include <filesystem>

namespace ainode {

struct OwnFile {
  std::filesystem::path path;  ///< absolute; /proc/self/exe for the program, which names it even when it was replaced
  bool is_module = false;      ///< loaded by a program that is not ours
};

/// It identifies our code where /proc/self/exe would be the program that embeds us.
OwnFile own_file();

}  // namespace ainode
