// SPDX-License-Identifier: Apache-2.0
// What every verb that resolves a recipe takes: the recipe, its architecture, and where its packages come from.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "builder/interface.h"

namespace ainode::cli {

class RecipeArguments {
 public:
  /// Declares NAME[@VARIANT], --arch, --mirror and --accept-stale.
  void declare(CLI::App& app, bool is_required = true);
  bool is_given() const { return !name_.empty(); }

  Recipe load() const;
  /// --mirror before AINODE_MIRROR_DISTRIBUTION; the host's own configuration is asked later. Throws usage_error.
  MirrorOptions mirror_options(const Recipe& recipe) const;

 private:
  std::string name_, architecture_;
  std::vector<std::string> mirrors_, accept_stale_;
};

/// AINODE_MIRROR_DISTRIBUTION and AINODE_KEYRING_DISTRIBUTION, for the recipe's distributions that have no mirror yet.
void add_mirrors_of_environment(MirrorOptions& mirrors, const Recipe& recipe);

}  // namespace ainode::cli
