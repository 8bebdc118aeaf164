// SPDX-License-Identifier: Apache-2.0
#include "builder/recipe/recipe_folder.h"

#include <algorithm>

namespace ainode {

namespace fs = std::filesystem;

namespace {

bool leads_out(const fs::path& relative) {
  return relative.empty() || relative.is_absolute() || *relative.begin() == "..";
}

/// The working directory where the recipe lies below it, else the folder above images/ or recipes/, else the recipe's
/// own.
fs::path folder_of(const fs::path& recipe) {
  const fs::path lexical = recipe.lexically_normal();
  if (!leads_out(lexical)) return ".";
  const fs::path folder = lexical.parent_path();
  const bool is_collection = folder.filename() == "images" || folder.filename() == "recipes";
  return is_collection ? folder.parent_path() : folder;
}

}  // namespace

RecipeFolder::RecipeFolder(fs::path root, const std::string& recipe)
    : root_(std::move(root)), folder_(folder_of(recipe)) {}

std::string RecipeFolder::name() const {
  return folder_ == "." ? "the current directory" : folder_.string();
}

fs::path RecipeFolder::beside(const std::string& from, const std::string& named) {
  return (fs::path(from).parent_path() / named).lexically_normal();
}

std::string RecipeFolder::objection(const std::string& from, const std::string& named) const {
  if (named.find('\0') != std::string::npos) return "it holds a NUL";
  if (named.starts_with('/')) return "it is absolute";
  const fs::path path = beside(from, named);
  if (leads_out(path.lexically_relative(folder_.lexically_normal()))) return "it leads out";
  return has_symlink(path) ? "it leads through a symbolic link" : "";
}

bool RecipeFolder::has_symlink(const fs::path& path) const {
  const fs::path inner = path.lexically_relative(folder_.lexically_normal());
  fs::path walked = root_ / folder_;
  return std::any_of(inner.begin(), inner.end(), [&](const fs::path& part) {
    walked /= part;
    return fs::is_symlink(fs::symlink_status(walked));
  });
}

}  // namespace ainode
