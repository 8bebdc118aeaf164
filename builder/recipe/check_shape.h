// SPDX-License-Identifier: Apache-2.0
// Holds YAML against the language's tables.
#pragma once

#include "builder/recipe/mistakes.h"
#include "builder/recipe/shape.h"

namespace ainode {

enum class Extent {
  whole,  ///< an effective recipe: required keys must be there
  part,   ///< a file that may extend others, or an overlay: keys may be absent, lists may be edits
};

/// Tells everything that is not as `shape` says: unknown, missing and not yet built keys, wrong types, bad values.
/// `path` is the node's full name for messages ("kernel.cmdline"), empty at the top; `architecture` is the one whose
/// value a whole recipe must have where values differ by architecture.
void check_shape(Mistakes& mistakes, const YamlNode& node, const Shape& shape, const std::string& path, Extent extent,
                 const std::string& architecture);

/// A list's edit: a mapping of `replace`, or of `remove` and `append`, where a list belongs.
bool is_list_edit(const YamlNode& node);

}  // namespace ainode
