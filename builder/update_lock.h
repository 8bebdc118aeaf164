// SPDX-License-Identifier: Apache-2.0
// A recipe's lock brought up to date, and what that changes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"
#include "builder/lock_diff.h"

namespace ainode {

struct LockRequest {
  bool update = false;            ///< resolve anew though the lock fits
  bool diff = false;              ///< say what changes; without `update`, nothing is written
  std::vector<std::string> only;  ///< with `update`: packages of other names keep their versions

  bool writes() const { return update || !diff; }
};

struct LockOutcome {
  std::filesystem::path path;
  Lock lock;
  bool written = false;          ///< false where the file held this very lock already
  std::optional<LockDiff> diff;  ///< from the lock that was there, when asked for and there was one
};

/// Throws what resolving throws; file_failed where the lock cannot be written.
LockOutcome update_lock(RunContext& run, const Recipe& recipe, const BuildOptions& options, const LockRequest& request);

}  // namespace ainode
