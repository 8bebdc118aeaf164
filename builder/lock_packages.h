// SPDX-License-Identifier: Apache-2.0
// The lock of a recipe: taken from its file where that fits, else resolved anew and written.
#pragma once

#include <filesystem>
#include <string>

#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"

namespace ainode {

class Store;

std::string lock_file_name(const Recipe& recipe);            ///< NAME[@VARIANT].ARCH.lock
std::filesystem::path lock_file_path(const Recipe& recipe);  ///< beside the recipe

/// With options.locked, throws lock_missing or lock_stale rather than resolve.
Lock lock_packages(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
