// SPDX-License-Identifier: Apache-2.0
// A lock that fits the recipe is the answer; otherwise signed metadata, libsolv, and a new lock beside the recipe.
#include "builder/lock_packages.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/suggestion.h"
#include "base/version.h"
#include "builder/lock_drift.h"
#include "builder/packages/repositories.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

constexpr std::size_t kMostLockBytes = std::size_t{64} << 20;
constexpr std::size_t kMostDriftLines = 12;

std::string described(const std::vector<std::string>& drift) {
  return drift.size() == 1 ? drift[0] : fmt::format("{} (and {} more)", drift[0], drift.size() - 1);
}

Error stale(const LockState& state) {
  Error error(codes::lock_stale, fmt::format("{} no longer fits the recipe", state.path.string()));
  for (std::size_t i = 0; i < std::min(state.drift.size(), kMostDriftLines); ++i) error.chain(state.drift[i]);
  if (state.drift.size() > kMostDriftLines)
    error.chain(fmt::format("… and {} more", state.drift.size() - kMostDriftLines));
  return error.help("`ainode lock` brings it up to date; review what it writes");
}

std::vector<std::string> drift_of(const Lock& lock, const Recipe& recipe) {
  std::vector<std::string> drift;
  if (lock.recipe_name != recipe.name.value) drift.push_back(fmt::format("it is of recipe `{}`", lock.recipe_name));
  if (lock.variant != recipe.variant) drift.push_back(fmt::format("it is of variant `{}`", lock.variant));
  if (lock.architecture != recipe.architecture) drift.push_back(fmt::format("it is for {}", lock.architecture));
  if (drift.empty() && lock.recipe_digest != recipe.digest) drift = describe_drift(lock.recipe_values, recipe.values);
  return drift;
}

void describe_recipe(Lock& lock, const Recipe& recipe) {
  lock.recipe_name = recipe.name.value;
  lock.variant = recipe.variant;
  lock.architecture = recipe.architecture;
  lock.recipe_digest = recipe.digest;
  lock.recipe_values = recipe.values;
  lock.builder_version = kVersion;
}

/// The same packages answer for the recipe, though other values of it changed.
bool can_keep_packages(const LockState& state, const Recipe& recipe) {
  return state.lock && ask_for_the_same_packages(state.lock->recipe_values, recipe.values);
}

void check_names(const std::vector<std::string>& only, const std::optional<Lock>& before, const std::string& recipe) {
  if (!before && !only.empty())
    throw Error(codes::lock_missing, fmt::format("`{}` has no lock yet, so no package of it can be updated", recipe))
        .help(fmt::format("ainode lock {}", recipe));
  if (!before) return;
  std::vector<std::string_view> known;
  for (const auto* packages : {&before->packages, &before->tools, &before->module_build})
    for (const LockedPackage& package : *packages) known.push_back(package.name);
  for (const std::string& name : only) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string suggestion = nearest(name, known);
    throw Error(codes::bad_value, fmt::format("the lock of `{}` holds no package `{}`", recipe, printable(name)))
        .help(suggestion.empty() ? "only what is locked can be updated"
                                 : fmt::format("did you mean `{}`?", suggestion));
  }
}

std::vector<LockedPackage> resolved(RunContext& run, Goal goal, const std::vector<LockedPackage>* before,
                                    const std::vector<std::string>& only, const Candidates& candidates) {
  if (before && !only.empty())
    for (const LockedPackage& package : hold_to_lock(goal, *before, only, candidates))
      run.events.note("resolve", fmt::format("the archive no longer has {}: it is updated too", package.str()));
  try {
    return resolve(goal, candidates);
  } catch (Error& error) {
    if (only.empty() || error.code().id != codes::unsatisfiable.id) throw;
    throw error.help(
        "packages that are not named keep their locked versions: name more of them, or none to update all");
  }
}

}  // namespace

std::string lock_file_name(const Recipe& recipe) {
  const std::string variant = recipe.variant.empty() ? "" : "@" + recipe.variant;
  return recipe.name.value + variant + "." + recipe.architecture + ".lock";
}

fs::path lock_file_path(const Recipe& recipe) {
  return fs::path(recipe.file).parent_path() / lock_file_name(recipe);
}

LockState lock_state_of(const fs::path& path, const Recipe& recipe) {
  LockState state{path, {}, {}, {}};
  if (const auto text = read_file_if_any(path, kMostLockBytes)) {
    state.lock = read_lock(*text, path.string());
    state.drift = drift_of(*state.lock, recipe);
  }
  return state;
}

LockState read_lock_state(const Recipe& recipe, const BuildOptions& options) {
  LockState beside = lock_state_of(lock_file_path(recipe), recipe);
  if (beside.fits() || options.vendor.empty()) return beside;
  LockState vendored = lock_state_of(options.vendor / lock_file_name(recipe), recipe);
  if (!vendored.lock || (beside.lock && !vendored.fits())) return beside;
  if (beside.lock)
    vendored.passed_over = fmt::format("{} no longer fits: {}", beside.path.string(), described(beside.drift));
  return vendored;
}

Candidates read_candidates(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options) {
  if (run.offline) {
    throw Error(codes::offline, fmt::format("the packages of `{}` cannot be resolved offline", recipe.name.value))
        .help("run it once without --offline; a build by a lock that fits needs no resolving");
  }
  std::set<std::string> distributions;
  for (const Repository& repository : recipe.repositories) distributions.insert(repository.distribution.value);
  const Mirrors mirrors = find_mirrors(distributions, options.mirrors);
  for (const auto& [distribution, origin] : mirrors.origins) run.events.detail("resolve", distribution + ": " + origin);
  return read_repositories(run, recipe.repositories, recipe.architecture, mirrors, options.mirrors,
                           store.directory() / "indices");
}

std::vector<LockedPackage> hold_to_lock(Goal& goal, const std::vector<LockedPackage>& packages,
                                        const std::vector<std::string>& except, const Candidates& candidates) {
  const std::set<std::string> offered = still_offered(candidates, packages);
  std::vector<LockedPackage> gone;
  for (const LockedPackage& package : packages) {
    if (std::find(except.begin(), except.end(), package.name) != except.end()) continue;
    if (offered.contains(package.name)) {
      goal.pins.insert({package.name, {package.version, {}}});
    } else {
      gone.push_back(package);
    }
  }
  return gone;
}

Lock resolve_anew(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options,
                  const std::optional<Lock>& before, const std::vector<std::string>& only) {
  check_names(only, before, recipe.name.value);
  const Candidates candidates = read_candidates(run, store, recipe, options);
  Lock lock;
  describe_recipe(lock, recipe);
  lock.epoch = candidates.newest_date;
  lock.repositories = candidates.repositories;
  lock.packages = resolved(run, goal_of(recipe), before ? &before->packages : nullptr, only, candidates);
  lock.tools = resolved(run, tools_goal(), before ? &before->tools : nullptr, only, candidates);
  if (!recipe.kernel.extra_modules.empty())
    lock.module_build = resolved(run, module_build_goal(recipe, lock.packages),
                                 before ? &before->module_build : nullptr, only, candidates);
  return lock;
}

Lock lock_for(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options,
              const LockState& state) {
  if (can_keep_packages(state, recipe)) {
    Lock lock = *state.lock;
    describe_recipe(lock, recipe);
    run.events.note("resolve", fmt::format("the packages stay as they are locked: {}", described(state.drift)));
    return lock;
  }
  if (state.lock)
    run.events.note("resolve",
                    fmt::format("{} no longer fits: {}; resolving anew", state.path.string(), described(state.drift)));
  return resolve_anew(run, store, recipe, options);
}

void write_beside_recipe(RunContext& run, const Recipe& recipe, const Lock& lock) {
  const fs::path path = lock_file_path(recipe);
  try {
    write_file(path, write_lock(lock));
    run.events.note("resolve", fmt::format("wrote {}", path.string()));
  } catch (const Error& error) {
    run.events.warn("resolve", fmt::format("the lock stays in the image directory only: {}", error.message()));
  }
}

Lock fitting_lock(LockState state) {
  if (state.fits()) return *std::move(state.lock);
  if (state.lock) throw stale(state);
  throw Error(codes::lock_missing, fmt::format("there is no lock {}", state.path.string()))
      .help("`ainode lock` writes it");
}

Lock lock_packages(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options) {
  const auto fitting = [&](const LockState& state) {
    if (!state.fits()) return false;
    if (!state.passed_over.empty())
      run.events.note("resolve", fmt::format("{}; taking {}, which fits", state.passed_over, state.path.string()));
    run.events.detail("resolve", "taken from " + state.path.string());
    return true;
  };
  LockState state = read_lock_state(recipe, options);
  if (fitting(state)) return *std::move(state.lock);
  if (options.locked) return fitting_lock(std::move(state));
  // Of several builds of one recipe, the first resolves.
  const StepKey key = StepKey("resolve", 1).add(fs::absolute(state.path).lexically_normal().string());
  const FileLock maker = store.lock_maker(run, key, state.path.string());
  state = read_lock_state(recipe, options);
  if (fitting(state)) return *std::move(state.lock);
  Lock lock = lock_for(run, store, recipe, options, state);
  write_beside_recipe(run, recipe, lock);
  return lock;
}

}  // namespace ainode
