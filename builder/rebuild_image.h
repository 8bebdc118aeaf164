// SPDX-License-Identifier: Apache-2.0
// An image made a second time, under conditions that differ on purpose, and every difference with its culprit.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/build_image.h"
#include "builder/compare_trees.h"

namespace ainode {

struct RebuiltPath {
  FileChange change;
  std::vector<std::string> makers;  ///< as explain_path() has them; the last one is the first to ask
};

struct Rebuild {
  std::string commit;   ///< of the image
  std::string rebuilt;  ///< of the second build
  std::vector<RebuiltPath> paths;
  bool is_equal() const { return commit == rebuilt; }
};

/// Builds the image's recipe by the image's own lock in an empty store below `options.store`'s directory, with another
/// umask, time zone, locale, home, host name, number of threads and environment, and compares the two commits. Nothing
/// is signed. Downloads that `options.store` still has are used. Throws lock_stale when the recipe's values are no
/// longer those of the image. Must run inside in_user_namespace(); this process keeps the other conditions.
Rebuild rebuild_image(RunContext& run, const std::filesystem::path& image, const Recipe& recipe,
                      const BuildOptions& options);

}  // namespace ainode
