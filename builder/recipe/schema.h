// SPDX-License-Identifier: Apache-2.0
// The recipe language for editors.
#pragma once

#include "base/json.h"

namespace ainode {

/// A JSON Schema (draft 2020-12) made from the language's tables. It accepts every recipe that the program accepts;
/// what holds between values, and what a rule says beyond its pattern, only the program knows.
Json recipe_schema();

}  // namespace ainode
