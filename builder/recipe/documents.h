// SPDX-License-Identifier: Apache-2.0
// The files a recipe is made of.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/recipe/mistakes.h"

namespace ainode {

struct Document {
  std::string file;  ///< as a user would write it, from the root
  YamlNode tree;
};

/// Where a recipe lies: a path (it holds `/` or ends in .yaml) as it is, a bare name in images/, then recipes/. Throws
/// recipe_not_found.
std::string find_recipe_file(const std::string& name_or_path, const std::filesystem::path& root);

/// The recipe's file and all that it extends, each once, every file after those that it builds on, the recipe itself
/// last. A file that cannot be read or parsed throws; a wrong `extends` (absolute, outside the recipe's root, through a
/// symbolic link, missing, a circle, more than 64 files) is a mistake with its place.
std::vector<Document> read_documents(Mistakes& mistakes, const std::string& file, const std::filesystem::path& root);

}  // namespace ainode
