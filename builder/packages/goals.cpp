// SPDX-License-Identifier: Apache-2.0
// What is asked of the solver: an image's packages, and the tools that shape its bytes.
#include "builder/packages/repositories.h"

namespace ainode {

Goal goal_of(const Recipe& recipe) {
  Goal goal;
  goal.install = recipe.packages.include;
  if (!recipe.kernel.package.value.empty()) goal.install.push_back(recipe.kernel.package);
  goal.exclude = recipe.packages.exclude;
  goal.pins = recipe.packages.pin;
  goal.recommends = recipe.packages.recommends.value;
  goal.image = recipe.name.value;
  goal.levels = recipe.package_levels;
  return goal;
}

Goal tools_goal() {
  Goal goal;
  // mke2fs reads the system root from a tar, for which it opens libarchive at run time.
  for (const char* name : {"busybox-static", "dosfstools", "e2fsprogs", "libarchive13t64", "zstd"}) {
    goal.install.push_back({name, {}});
  }
  goal.base_system = false;
  goal.image = "tools";
  return goal;
}

}  // namespace ainode
