// SPDX-License-Identifier: Apache-2.0
// What must hold between the statements that shape the running system: none contradicts another, none is written twice.
#pragma once

#include "base/recipe.h"
#include "builder/recipe/mistakes.h"

namespace ainode {

void check_statements(Mistakes& mistakes, const Recipe& recipe);

}  // namespace ainode
