// SPDX-License-Identifier: Apache-2.0
// Two trees, path by path.
#pragma once

#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

struct PathDifference {
  enum class Kind { added, removed, changed };
  Kind kind;
  std::string path;  ///< relative to the root
  std::string what;  ///< of a change: "content, mode 0644 to 0600"; empty otherwise
};

/// Sorted by path. A directory that only one of them has is one difference, not one for each file below.
std::vector<PathDifference> compare_trees(const Store& store_a, const Tree& a, const Store& store_b, const Tree& b);

}  // namespace ainode
