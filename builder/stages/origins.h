// SPDX-License-Identifier: Apache-2.0
// Who made and changed each path of a tree: a chain such as "base-passwd, then postinst of dbus, then normaliser
// backups". In memory it is the owner of a file; a kept tree carries it along as text.
#pragma once

#include <string>
#include <string_view>

#include "builder/store/tree.h"

namespace ainode {

/// A line for each path with an owner, in the tree's own order: path, tab, owner. Directories end in `/`.
std::string write_origins(const Tree& tree);
/// The reverse, for the paths that are in the tree. Lines that are malformed are passed over.
void apply_origins(Tree& tree, std::string_view text);

}  // namespace ainode
