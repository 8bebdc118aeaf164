// SPDX-License-Identifier: Apache-2.0
// A lock that fits the recipe is the answer; otherwise signed metadata, libsolv, and a new lock beside the recipe.
#include "builder/lock_packages.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/version.h"
#include "builder/packages/repositories.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

Error stale(const fs::path& path, const std::string& reason) {
  return Error(codes::lock_stale, fmt::format("{} no longer fits the recipe: {}", path.string(), reason))
      .help("build without --locked to resolve anew, and review the new lock");
}

/// Why the lock does not answer for this recipe; empty when it does.
std::string misfit(const Lock& lock, const Recipe& recipe) {
  if (lock.recipe_name != recipe.name.value) return fmt::format("it is of recipe `{}`", lock.recipe_name);
  if (lock.architecture != recipe.architecture) return fmt::format("it is for {}", lock.architecture);
  if (lock.recipe_digest != recipe.digest) return "the recipe's effective values changed";
  return "";
}

Lock resolve_anew(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options) {
  if (run.offline) {
    throw Error(codes::offline,
                fmt::format("there is no lock of {} that fits, and resolving needs the network", recipe.name.value))
        .help("build once without --offline");
  }
  std::set<std::string> distributions;
  for (const Repository& repository : recipe.repositories) distributions.insert(repository.distribution.value);
  const Mirrors mirrors = find_mirrors(distributions, options.mirrors);
  for (const auto& [distribution, origin] : mirrors.origins) run.events.detail("resolve", distribution + ": " + origin);
  const Candidates candidates = read_repositories(run, recipe.repositories, recipe.architecture, mirrors,
                                                  options.mirrors, store.directory() / "indices");
  Lock lock;
  lock.recipe_name = recipe.name.value;
  lock.architecture = recipe.architecture;
  lock.recipe_digest = recipe.digest;
  lock.builder_version = kVersion;
  lock.epoch = candidates.newest_date;
  lock.repositories = candidates.repositories;
  lock.packages = resolve(goal_of(recipe), candidates);
  lock.tools = resolve(tools_goal(), candidates);
  return lock;
}

/// A recipe on a read-only file system still builds; its lock then lies in the image directory only.
void write_beside_recipe(RunContext& run, const Lock& lock, const fs::path& path) {
  try {
    write_file(path, write_lock(lock));
    run.events.note("resolve", fmt::format("wrote {}", path.string()));
  } catch (const Error& error) {
    run.events.warn("resolve", fmt::format("the lock stays in the image directory only: {}", error.message()));
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

Lock lock_packages(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options) {
  const fs::path path = lock_file_path(recipe);
  const auto text = read_file_if_any(path, std::size_t{64} << 20);
  if (text) {
    Lock lock = read_lock(*text, path.string());
    const std::string reason = misfit(lock, recipe);
    if (reason.empty()) {
      run.events.detail("resolve", "taken from " + path.string());
      return lock;
    }
    if (options.locked) throw stale(path, reason);
    run.events.note("resolve", fmt::format("{} no longer fits: {}; resolving anew", path.string(), reason));
  } else if (options.locked) {
    throw Error(codes::lock_missing, fmt::format("there is no lock {}", path.string()))
        .help("build once without --locked: it writes the lock");
  }
  Lock lock = resolve_anew(run, store, recipe, options);
  write_beside_recipe(run, lock, path);
  return lock;
}

}  // namespace ainode
