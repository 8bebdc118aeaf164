// SPDX-License-Identifier: Apache-2.0
// What a review of a new lock has to look at: versions, sizes, maintainer scripts, the kernel's configuration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/lock.h"
#include "base/steps.h"
#include "builder/build_image.h"
#include "builder/kernel_configuration.h"

namespace ainode {

class Store;

struct PackageChange {
  std::optional<LockedPackage> before, after;  ///< one is absent for a package that is new or gone
  bool is_tool = false;
  std::vector<std::string> scripts;  ///< maintainer scripts that changed: postinst, triggers, …
};

struct LockDiff {
  std::vector<PackageChange> changes;  ///< sorted by name
  std::vector<std::string> recipe;     ///< how the effective recipe changed
  std::vector<std::string> repositories;
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< the image's .deb files
  std::string kernel_before, kernel_after;          ///< releases, empty where unknown
  std::vector<OptionChange> kernel_options;
  std::vector<std::string> unknown;  ///< what could not be compared, and why

  bool empty() const { return changes.empty() && recipe.empty() && repositories.empty(); }
};

/// What the locks alone tell: packages, recipe, repositories, sizes.
LockDiff compare_locks(const Lock& before, const Lock& after);

/// The versions' own files are needed to compare scripts and kernel configurations: what the store lacks is fetched; a
/// package that the archive no longer has is named in `unknown`.
LockDiff diff_locks(RunContext& run, Store& store, const Lock& before, const Lock& after, const BuildOptions& options);

std::string show_diff(const LockDiff& diff);
std::string show_change(const PackageChange& change);  ///< one line, without its end: "~ hello  1 → 2  +3 B"
std::string signed_size(std::int64_t bytes);           ///< "+1.2 MB"
Json diff_json(const LockDiff& diff);

}  // namespace ainode
