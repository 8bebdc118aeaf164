// SPDX-License-Identifier: Apache-2.0
// The tools tree as those see it who run programs from it; how it is composed is a stage's matter.
#pragma once

#include <filesystem>
#include <string>

namespace ainode {

/// The tools tree on disk: programs that shape bytes, unpacked and not configured.
struct ToolsTree {
  std::filesystem::path root;
  std::string key;  ///< identity: hash of its locked packages
};

}  // namespace ainode
