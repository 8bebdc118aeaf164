// SPDX-License-Identifier: Apache-2.0
// How one effective recipe differs from another, key by key.
#pragma once

#include <string>
#include <vector>

namespace ainode {

/// A line for each difference, in the order of the keys: "packages.include: `gdb` was added". `was` and `is` are
/// Recipe::values.
std::vector<std::string> describe_drift(const std::string& was, const std::string& is);

/// Whether two effective recipes ask the solver for the same: repositories, packages, the kernel's package and those of
/// its extra modules, architecture.
bool ask_for_the_same_packages(const std::string& was, const std::string& is);

}  // namespace ainode
