// SPDX-License-Identifier: Apache-2.0
// What a build would do, without doing it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"

namespace ainode {

struct PlannedStep {
  std::string name;    ///< as `build` announces it
  bool runs = true;    ///< false: its result is there
  std::string reason;  ///< why it runs, or where the result comes from
};

struct Plan {
  std::vector<PlannedStep> steps;        ///< in the order in which they run
  std::vector<LockedPackage> downloads;  ///< packages that would be fetched
  std::uint64_t download_bytes = 0;
  std::uint64_t package_count = 0;  ///< of the image

  bool has_work() const;
};

/// Reads the lock, or resolves without writing it; looks into the store. With options.out, an image that is up to date
/// there needs no step at all. Throws what resolving throws.
Plan plan_build(RunContext& run, const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
