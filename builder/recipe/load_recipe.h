// SPDX-License-Identifier: Apache-2.0
// From a recipe's name to the effective Recipe, or to all its mistakes at once.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/recipe.h"
#include "base/yaml.h"

namespace ainode {

struct RecipeOptions {
  std::string architecture;    ///< amd64 or arm64; empty: this machine's
  std::filesystem::path root;  ///< where images/ and recipes/ lie and paths start; empty: the current directory
};

struct EffectiveRecipe {
  Recipe recipe;
  /// What all files and the chosen overlays say together, values for this architecture only; every value with the place
  /// that set it.
  YamlNode tree;
  std::vector<std::string> files;  ///< that it was read from, in the order in which they were laid over each other
  std::vector<std::string> picks;  ///< that may stand behind `@`: the variants, then AXIS=VALUE of every axis
};

/// `name` is a path (it holds `/` or ends in .yaml), or a bare name looked for in images/, then recipes/; behind an `@`
/// stand the overlays to lay over it, in order: variants, and AXIS=VALUE of the matrix: `node@debug,kernel=latest`.
/// Throws Errors with every mistake of its files, each with its place; recipe_not_found, recipe_unreadable or
/// unknown_variant otherwise.
EffectiveRecipe load_effective_recipe(const std::string& name, const RecipeOptions& options);
Recipe load_recipe(const std::string& name, const RecipeOptions& options);

/// This machine's architecture as Debian calls it: amd64 or arm64. Throws bad_value for any other machine.
std::string host_architecture();

}  // namespace ainode
