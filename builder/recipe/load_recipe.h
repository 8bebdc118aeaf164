// SPDX-License-Identifier: Apache-2.0
// From a recipe's name to the effective Recipe, or to all its mistakes at once.
#pragma once

#include <filesystem>
#include <string>

#include "base/recipe.h"

namespace ainode {

struct RecipeOptions {
  std::string architecture;    ///< amd64 or arm64; empty: this machine's
  std::filesystem::path root;  ///< where images/ and recipes/ lie and paths start; empty: the current directory
};

/// `name_or_path` is a path (it holds `/` or ends in .yaml), or a bare name looked for in images/, then recipes/.
/// Throws Errors with every mistake of the file, each with its place; recipe_not_found or recipe_unreadable otherwise.
Recipe load_recipe(const std::string& name_or_path, const RecipeOptions& options);

/// This machine's architecture as Debian calls it: amd64 or arm64. Throws bad_value for any other machine.
std::string host_architecture();

}  // namespace ainode
