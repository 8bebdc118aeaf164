// SPDX-License-Identifier: Apache-2.0
// The checks of an image that was never booted: those of validators/checks that read files alone, and those here, which
// are too much work for a node under emulation.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validators/checks/check.h"

namespace ainode::tree {

/// Those that no node runs.
std::vector<checks::Check> tree_only_checks();

/// In running order: those of the chosen families whose statements the image makes.
std::vector<checks::Check> checks_of_tree(const checks::Expected& expected);

/// Where the one kernel of the tree lies: /usr/lib/modules/RELEASE/vmlinuz. Nothing where there is none, or several.
std::optional<std::string> find_kernel(const checks::Node& node);

}  // namespace ainode::tree
