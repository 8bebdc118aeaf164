// SPDX-License-Identifier: Apache-2.0
// The recipe language as tables of fields.
#pragma once

#include "base/recipe.h"
#include "builder/recipe/reader.h"
#include "builder/recipe/rules.h"

namespace ainode {

/// Reads the whole document into `recipe`, whose `file` and `architecture` are set; mistakes are told to the reader.
void read_recipe_fields(Reader& reader, const YamlNode& document, Recipe& recipe);

}  // namespace ainode
