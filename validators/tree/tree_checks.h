// SPDX-License-Identifier: Apache-2.0
// The checks of an image that was never booted: those of validators/checks that read files alone, and those here, which
// are too much work for a node under emulation.
#pragma once

#include <vector>

#include "validators/checks/check.h"

namespace ainode::tree {

/// Those that no node runs. They share what they read, so each list is for one tree.
std::vector<checks::Check> tree_only_checks();

/// In running order: those of the chosen families whose statements the image makes.
std::vector<checks::Check> checks_of_tree(const checks::Expected& expected);

}  // namespace ainode::tree
