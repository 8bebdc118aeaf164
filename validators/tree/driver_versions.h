// SPDX-License-Identifier: Apache-2.0
// A driver comes in parts that must be of one version: modules, the libraries that speak to them, the firmware that the
// modules load, and CDI files that show libraries to containers.
#pragma once

#include <string>
#include <vector>

#include "validators/checks/check.h"

namespace ainode::tree {

/// The check driver.userspace-match.
checks::Finding userspace_match(const checks::Node& node, const checks::Expected& expected);

/// Paths of the modules of the drivers that it knows.
std::vector<std::string> driver_modules(const checks::Node& node);

}  // namespace ainode::tree
