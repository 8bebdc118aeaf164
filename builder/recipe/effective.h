// SPDX-License-Identifier: Apache-2.0
// From the one tree that all files make together to the typed Recipe.
#pragma once

#include "base/recipe.h"
#include "base/yaml.h"
#include "builder/recipe/mistakes.h"

namespace ainode {

/// Values that differ by architecture become the one for `architecture`.
YamlNode for_architecture(YamlNode tree, const std::string& architecture);

/// Reads a checked tree and tells what does not fit between its values. `values` and `digest` are set when nothing is
/// wrong.
Recipe read_recipe(Mistakes& mistakes, const YamlNode& tree, const std::string& architecture);

/// The files that the recipe names become part of `values` and `digest`: their contents, by path.
void add_sources(Recipe& recipe);

}  // namespace ainode
