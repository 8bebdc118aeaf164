// SPDX-License-Identifier: Apache-2.0
// The solver's questions, asked of a recipe.
#include "builder/explain_package.h"

#include "base/files.h"
#include "builder/lock_packages.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

struct Question {
  Candidates candidates;
  Goal goal;
};

Question question_of(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  const Store store(options.store.empty() ? cache_directory() : options.store);
  const LockState state = read_lock_state(recipe, options);
  Question question{read_candidates(run, store, recipe, options), goal_of(recipe)};
  if (state.fits()) hold_to_lock(question.goal, state.lock->packages, {}, question.candidates);
  return question;
}

}  // namespace

std::optional<WhyChain> explain_package(RunContext& run, const Recipe& recipe, const BuildOptions& options,
                                        const std::string& package) {
  const Question question = run_step(run, "resolve", [&] { return question_of(run, recipe, options); });
  return why(question.goal, question.candidates, package);
}

WhyNot explain_absence(RunContext& run, const Recipe& recipe, const BuildOptions& options, const std::string& package) {
  const Question question = run_step(run, "resolve", [&] { return question_of(run, recipe, options); });
  return why_not(question.goal, question.candidates, package);
}

std::vector<SoleReason> explain_sizes(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  const Question question = run_step(run, "resolve", [&] { return question_of(run, recipe, options); });
  return sole_reason_bytes(question.goal, question.candidates);
}

}  // namespace ainode
