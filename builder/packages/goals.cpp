// SPDX-License-Identifier: Apache-2.0
// What is asked of the solver: an image's packages, and the tools that shape its bytes.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "builder/packages/repositories.h"

namespace ainode {

namespace {

constexpr std::string_view kPrefix = "linux-image-";

/// The package of the kernel itself: linux-image-6.12.118+deb13-amd64, or the same with -unsigned. Others only depend
/// on it, or hold what debuggers want.
const LockedPackage* kernel_package(const std::vector<LockedPackage>& packages) {
  const auto found = std::find_if(packages.begin(), packages.end(), [&](const LockedPackage& package) {
    return package.name.starts_with(kPrefix) && package.name.size() > kPrefix.size() &&
           package.name[kPrefix.size()] >= '0' && package.name[kPrefix.size()] <= '9' &&
           !package.name.ends_with("-dbg");
  });
  return found == packages.end() ? nullptr : &*found;
}

std::string headers_of(const LockedPackage& kernel) {
  constexpr std::string_view kUnsigned = "-unsigned";
  std::string release = kernel.name.substr(kPrefix.size());
  if (release.ends_with(kUnsigned)) release.resize(release.size() - kUnsigned.size());
  return "linux-headers-" + release;
}

}  // namespace

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

Goal module_build_goal(const Recipe& recipe, const std::vector<LockedPackage>& image) {
  const Text& first = recipe.kernel.extra_modules.front().name;
  const LockedPackage* kernel = kernel_package(image);
  if (!kernel)
    throw Error(codes::kernel_missing, fmt::format("module `{}` has no kernel to be compiled for", first.value))
        .at(first.place)
        .help("`kernel.package` must lead to a linux-image-VERSION, which linux-headers-VERSION goes with");
  Goal goal;
  const std::string headers = headers_of(*kernel);
  // The headers depend on the compiler that the kernel was made with.
  goal.install = {{headers, first.place}, {"binutils", first.place}, {"make", first.place}};
  for (const ExtraModule& module : recipe.kernel.extra_modules)
    if (!module.package.value.empty()) goal.install.push_back(module.package);
  goal.pins = recipe.packages.pin;
  goal.pins[headers] = {kernel->version, first.place};
  goal.image = fmt::format("{} (extra modules)", recipe.name.value);
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
