// SPDX-License-Identifier: Apache-2.0
// From a recipe and its lock to a commit in the store: the half of a build that decides every byte of the image.
#pragma once

#include <string>
#include <vector>

#include "builder/build_image.h"
#include "builder/stages/stages.h"

namespace ainode {

struct CommittedImage {
  std::string commit;
  Kernel kernel;
  std::vector<std::string> initrd_modules;
  std::vector<Declaration> declared;
  ToolsTree tools;
  std::string origins;  ///< who made each path: builder/stages/origins.h
};

/// All packages of the lock, but for what extra modules are compiled in where the store holds them compiled.
std::vector<LockedPackage> packages_to_obtain(const Store& store, const Recipe& recipe, const Lock& lock);

/// Every object that the commit reaches has been read back and hashed.
CommittedImage commit_image(RunContext& run, Store& store, const Recipe& recipe, const Lock& lock,
                            const BuildOptions& options);

}  // namespace ainode
