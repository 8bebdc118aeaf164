// SPDX-License-Identifier: Apache-2.0
// Asks each step's cache the question that the step itself would ask.
#include "builder/plan_build.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "builder/choose_keys.h"
#include "builder/commit_image.h"
#include "builder/image_directory.h"
#include "builder/lock_packages.h"
#include "builder/obtain_packages.h"
#include "builder/stages/stages.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

constexpr const char* kAlways = "made anew for every image";

PlannedStep plan_lock(const LockState& state) {
  if (state.fits()) return {"resolve", false, fmt::format("{} fits the recipe", state.path.string())};
  if (!state.lock) return {"resolve", true, fmt::format("there is no lock {} yet", state.path.string())};
  const std::string more = state.drift.size() > 1 ? fmt::format(" (and {} more)", state.drift.size() - 1) : "";
  return {"resolve", true, fmt::format("{} no longer fits: {}{}", state.path.string(), state.drift[0], more)};
}

bool lies_fetched(const Store& store, const LockedPackage& package) {
  std::error_code missing;
  return fs::file_size(store.directory() / "debs" / (package.sha256 + ".deb"), missing) == package.size && !missing;
}

void plan_packages(Plan& plan, const Store& store, const Recipe& recipe, const Lock& lock,
                   const BuildOptions& options) {
  const std::vector<LockedPackage> missing = packages_to_import(store, packages_to_obtain(store, recipe, lock));
  if (missing.empty()) {
    plan.steps.push_back({"fetch", false, "the store holds every package"});
    plan.steps.push_back({"import", false, "the store holds every package"});
    return;
  }
  for (const LockedPackage& package : missing) {
    if (!options.vendor.empty() || lies_fetched(store, package)) continue;
    plan.downloads.push_back(package);
    plan.download_bytes += package.size;
  }
  const std::string from = options.vendor.empty() ? "fetched already" : "taken from " + options.vendor.string();
  plan.steps.push_back({"fetch", !plan.downloads.empty(),
                        plan.downloads.empty()
                            ? fmt::format("{} packages: {}", missing.size(), from)
                            : fmt::format("{} packages are neither in the store nor fetched", plan.downloads.size())});
  plan.steps.push_back({"import", true, fmt::format("{} packages are not in the store", missing.size())});
}

void plan_tools(Plan& plan, const Store& store, const Lock& lock) {
  const bool is_there = fs::exists(tools_tree_of(store, lock.tools).root);
  plan.steps.push_back(
      {"tools", !is_there, is_there ? "made before of the same packages" : "never made of these packages"});
}

/// A layer's key is read off its packages.
void plan_configure(Plan& plan, Store& store, const Recipe& recipe, const Lock& lock) {
  if (!packages_to_import(store, lock.packages).empty()) {
    plan.steps.push_back({"configure", true, "some of its packages are not in the store"});
    return;
  }
  const std::vector<Layer> layers = locked_layers(store, lock.packages, {recipe.users, recipe.groups});
  std::string missing;
  for (const Layer& layer : layers)
    if (!store.resolve(layer.ref)) missing += (missing.empty() ? "" : ", ") + layer.name;
  // The last layer holds all those below it.
  const bool is_there = store.resolve(layers.back().ref).has_value();
  plan.steps.push_back({"configure", !is_there,
                        is_there ? "made before of the same packages and accounts"
                                 : fmt::format("never made of these packages and accounts: layer {}", missing)});
}

void plan_modules(Plan& plan, const Store& store, const Recipe& recipe, const Lock& lock) {
  if (recipe.kernel.extra_modules.empty()) return;
  const bool is_there = has_extra_modules(store, recipe, lock.module_build);
  plan.steps.push_back({"modules", !is_there,
                        is_there ? "compiled before of the same sources, for the same kernel"
                                 : "never compiled of these sources for this kernel"});
}

bool is_up_to_date(const Store& store, const Recipe& recipe, const Lock& lock, const BuildOptions& options) {
  if (options.out.empty() || !fs::exists(options.out)) return false;
  const auto keys = keys_if_any(recipe, options);
  return keys &&
         unchanged_image(store, options.out, image_identity(recipe, lock, {keys->openpgp.path, keys->ed25519.path}));
}

}  // namespace

bool Plan::has_work() const {
  return std::any_of(steps.begin(), steps.end(), [](const PlannedStep& step) { return step.runs; });
}

Plan plan_build(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  Store store(options.store.empty() ? cache_directory() : options.store);
  const LockState state = read_lock_state(recipe, options);
  Plan plan;
  plan.steps.push_back(plan_lock(state));
  const Lock lock = state.fits() ? *state.lock : lock_for(run, store, recipe, options, state);
  plan.package_count = lock.packages.size();
  if (state.fits() && is_up_to_date(store, recipe, lock, options)) {
    plan.steps.push_back({"image", false, fmt::format("{} is up to date", options.out.string())});
    return plan;
  }
  plan_packages(plan, store, recipe, lock, options);
  plan_tools(plan, store, lock);
  plan_configure(plan, store, recipe, lock);
  plan_modules(plan, store, recipe, lock);
  plan.steps.push_back({"initrd", true, "put together for every image; compressed where its content is new"});
  for (const char* step : {"tune", "finalize", "commit", "sign", "export", "disk"})
    plan.steps.push_back({step, true, kAlways});
  return plan;
}

}  // namespace ainode
