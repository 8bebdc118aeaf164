// SPDX-License-Identifier: Apache-2.0
// The folder that no file named by a recipe may leave.
#pragma once

#include <filesystem>
#include <string>

namespace ainode {

class RecipeFolder {
 public:
  /// `root`: what recipes are named from; `recipe`: the recipe's own file, from there.
  RecipeFolder(std::filesystem::path root, const std::string& recipe);

  /// As a user would name it: "the current directory", or the folder.
  std::string name() const;
  /// What `named` in the recipe file `from` means, from the root.
  static std::filesystem::path beside(const std::string& from, const std::string& named);
  /// Why `named` in `from` is not read: absolute, outside, through a symbolic link; empty when it may be.
  std::string objection(const std::string& from, const std::string& named) const;

 private:
  bool has_symlink(const std::filesystem::path& path) const;

  std::filesystem::path root_, folder_;
};

}  // namespace ainode
