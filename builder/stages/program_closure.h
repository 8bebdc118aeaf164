// SPDX-License-Identifier: Apache-2.0
// A program of a tree with all that it loads.
#pragma once

#include <map>
#include <string>

#include "builder/store/store.h"

namespace ainode {

/// The program, its loader and every library that the dynamic loader will look for, at the paths where it looks; each
/// with its object's checksum. Throws tree_malformed naming what is missing and `who`
/// needs it.
std::map<std::string, std::string> program_closure(const Store& store, const Tree& tree, const std::string& program,
                                                   const std::string& who);

}  // namespace ainode
