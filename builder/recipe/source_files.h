// SPDX-License-Identifier: Apache-2.0
// The files that a recipe puts into the image: what it says of them held together, and their contents.
#pragma once

#include <filesystem>
#include <string>

#include "base/recipe.h"
#include "builder/recipe/mistakes.h"

namespace ainode {

/// Reads every `source` of `files`, every file of `systemd.units` and those `sources` of `kernel.extra-modules` that no
/// package holds, relative to the recipe file that names it and at most 1 MiB long. What cannot be read is a mistake
/// with its place.
void read_source_files(Mistakes& mistakes, Recipe& recipe, const std::filesystem::path& root);

}  // namespace ainode
