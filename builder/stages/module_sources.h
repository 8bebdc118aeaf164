// SPDX-License-Identifier: Apache-2.0
// What a module of the recipe's is compiled from.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "builder/stages/stages.h"

namespace ainode {

/// Contents by path in the module's folder.
using ModuleSources = std::map<std::string, std::string>;

/// The files that the recipe gives, or those that it names in the module's package: a file, a folder with all below it
/// (links left out), or a file inside an archive (usr/src/linux-source.tar.xz/lib/test_hmm.c), from the tree at
/// `build_root`. Without a Kbuild or Makefile among them one is made, which compiles all C files into the one module.
/// Throws bad_value, with the recipe's place, for what the package does not hold and where nothing says how the module
/// is made.
ModuleSources module_sources(const ExtraModule& module, const std::filesystem::path& build_root);

}  // namespace ainode
