// SPDX-License-Identifier: Apache-2.0
// Normalisers: named passes that remove or regenerate what differs between two runs of the same maintainer scripts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "builder/store/store.h"

namespace ainode {

struct Normaliser {
  std::string_view name;
  std::string_view why;
  void (*apply)(Store& store, Tree& tree, const std::string& maker);  ///< `maker` names the pass to who asks
};

/// In the order in which they run, on the tree before it takes OSTree's layout.
std::span<const Normaliser> normalisers();

/// Throws volatile_path for the first file that is known to vary between two builds.
void refuse_volatile_paths(const Store& store, const Tree& tree);

}  // namespace ainode
