// SPDX-License-Identifier: Apache-2.0
// Why a package is in an image, why another is not, and what each wish of the recipe costs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"
#include "builder/packages/why.h"

namespace ainode {

/// All over the recipe's signed metadata as it is now, held to the lock's versions where a lock fits and the archive
/// still has them. Throw what resolving throws.
std::optional<WhyChain> explain_package(RunContext& run, const Recipe& recipe, const BuildOptions& options,
                                        const std::string& package);
WhyNot explain_absence(RunContext& run, const Recipe& recipe, const BuildOptions& options, const std::string& package);
std::vector<SoleReason> explain_sizes(RunContext& run, const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
