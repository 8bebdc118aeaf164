// SPDX-License-Identifier: Apache-2.0
// Reads, resolves, compares, writes: in this order, so that nothing is written when anything fails.
#include "builder/update_lock.h"

#include "base/files.h"
#include "builder/lock_packages.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

Lock lock_after(RunContext& run, const Store& store, const Recipe& recipe, const BuildOptions& options,
                const LockRequest& request, const LockState& state) {
  const bool resolves_anew = request.update || (request.diff && state.fits());
  if (resolves_anew) return resolve_anew(run, store, recipe, options, state.lock, request.only);
  return state.fits() ? *state.lock : lock_for(run, store, recipe, options, state);
}

}  // namespace

LockOutcome update_lock(RunContext& run, const Recipe& recipe, const BuildOptions& options,
                        const LockRequest& request) {
  Store store(options.store.empty() ? cache_directory() : options.store);
  const LockState state = read_lock_state(recipe, options);
  LockOutcome outcome{lock_file_path(recipe), {}, false, {}};
  outcome.lock = run_step(run, "resolve", [&] { return lock_after(run, store, recipe, options, request, state); });
  if (request.diff && state.lock)
    outcome.diff = run_step(run, "compare", [&] { return diff_locks(run, store, *state.lock, outcome.lock, options); });
  const bool is_same = state.lock && write_lock(*state.lock) == write_lock(outcome.lock);
  if (is_same || !request.writes()) return outcome;
  write_file(outcome.path, write_lock(outcome.lock));
  outcome.written = true;
  return outcome;
}

}  // namespace ainode
