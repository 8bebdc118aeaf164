// SPDX-License-Identifier: Apache-2.0
// The recipe that `ainode init` starts with.
#pragma once

#include <string>

namespace ainode {

/// A commented recipe of this name that builds as it stands. With `extends` (a path from the new file's folder) it
/// builds on that recipe. `schema` is the path of the JSON Schema from the new file's folder. Throws bad_value where
/// `name` cannot be a recipe's name.
std::string new_recipe(const std::string& name, const std::string& extends, const std::string& schema);

}  // namespace ainode
