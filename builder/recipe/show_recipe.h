// SPDX-License-Identifier: Apache-2.0
// An effective recipe as text.
#pragma once

#include <string>

#include "base/json.h"
#include "builder/recipe/load_recipe.h"

namespace ainode {

/// YAML that reads back to the same effective values. With `with_origin`, every value is followed by a comment with the
/// file and line that set it.
std::string show_recipe(const EffectiveRecipe& effective, bool with_origin);

/// From the full name of every value ("packages.include[0]") to FILE:LINE:COLUMN.
Json recipe_origins(const EffectiveRecipe& effective);

}  // namespace ainode
