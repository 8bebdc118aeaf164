// SPDX-License-Identifier: Apache-2.0
// A directory that holds all that a locked recipe is built from.
#pragma once

#include <filesystem>

#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"

namespace ainode {

/// Writes the lock and every locked package (image and tools) below `out`, packages under their pool paths. The
/// directory appears whole; it replaces only one that `vendor` wrote. Throws out_not_empty otherwise. Returns the lock.
Lock vendor_packages(RunContext& run, const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
