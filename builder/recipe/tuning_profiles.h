// SPDX-License-Identifier: Apache-2.0
// Statements that go together, under one name.
#pragma once

#include "base/recipe.h"

namespace ainode {

/// Adds what `tuning.profile` implies, at its place, where the recipe does not say it itself.
void apply_tuning_profile(Recipe& recipe);

}  // namespace ainode
