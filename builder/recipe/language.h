// SPDX-License-Identifier: Apache-2.0
// The recipe language: every key, what it holds, and how it is read.
#pragma once

#include "builder/recipe/shape.h"

namespace ainode {

/// The whole recipe: a table.
const Shape& recipe_shape();
/// What a variant or a matrix value may say: the recipe's table without the keys that make a file a recipe of its own.
const Shape& overlay_shape();
/// A row of a table; null when it has none of this name.
const Key* find_key(const Shape& table, std::string_view key);

}  // namespace ainode
