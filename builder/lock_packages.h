// SPDX-License-Identifier: Apache-2.0
// The lock of a recipe: taken from its file where that fits, else resolved anew and written.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/build_image.h"

namespace ainode {

class Store;

std::string lock_file_name(const Recipe& recipe);            ///< NAME[@VARIANT].ARCH.lock
std::filesystem::path lock_file_path(const Recipe& recipe);  ///< beside the recipe

/// What lies beside the recipe, and how it fits; the vendor directory's lock where that one fits and the recipe's own
/// does not, or there is no other.
struct LockState {
  std::filesystem::path path;
  std::optional<Lock> lock;
  std::vector<std::string> drift;  ///< a line for each difference from the recipe; empty: the lock fits
  std::string passed_over;         ///< why the vendor directory's lock is taken though one lies beside the recipe

  bool fits() const { return lock && drift.empty(); }
};
/// Throws lock_malformed.
LockState read_lock_state(const Recipe& recipe, const BuildOptions& options);

/// What lies at `path`, and how it fits.
LockState lock_state_of(const std::filesystem::path& path, const Recipe& recipe);
/// The lock that fits; throws lock_stale, with each difference, or lock_missing.
Lock fitting_lock(LockState state);

/// The lock to build by. With options.locked, throws lock_missing or lock_stale rather than resolve. A lock that
/// differs from the recipe only in what the solver is not asked keeps its packages.
Lock lock_packages(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options);

/// The lock that a recipe whose lock does not fit would get; nothing is written.
Lock lock_for(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options,
              const LockState& state);
/// Writes a lock beside the recipe. A recipe on a read-only file system still builds: then a warning says so.
void write_beside_recipe(RunContext& run, const Recipe& recipe, const Lock& lock);

/// What `ainode lock --update` would write. With `only`, packages of other names stay as they are locked wherever the
/// archive still has them. Throws bad_value for a name that the lock does not hold.
Lock resolve_anew(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options,
                  const std::optional<Lock>& before = {}, const std::vector<std::string>& only = {});

/// Pins the locked packages, those named in `except` left out, to their versions wherever the candidates still have
/// them; returns those that are gone.
std::vector<LockedPackage> hold_to_lock(Goal& goal, const std::vector<LockedPackage>& packages,
                                        const std::vector<std::string>& except, const Candidates& candidates);

/// The verified metadata of the recipe's repositories. Throws offline when the run is.
Candidates read_candidates(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
