// SPDX-License-Identifier: Apache-2.0
// `ainode lock`: resolve and write the lock, or say what an update would change.
#include <fmt/format.h>

#include <memory>

#include "base/files.h"
#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct LockArguments {
  RecipeArguments recipe;
  BuildOptions options;
  LockRequest request;
};

std::string summary(const LockOutcome& outcome, bool only_shows) {
  const char* what = outcome.written ? "written" : only_shows ? "left as it is" : "fits, nothing to do";
  std::uint64_t bytes = 0;
  for (const LockedPackage& package : outcome.lock.packages) bytes += package.size;
  return fmt::format("{}: {}; {} packages, {}\n", outcome.path.string(), what, outcome.lock.packages.size(),
                     readable_size(bytes));
}

int lock(const Globals& globals, const LockArguments& arguments) {
  if (!arguments.request.only.empty() && !arguments.request.update)
    throw Error(codes::usage_error, "packages can be named only with --update").help("ainode lock NAME --update PKG…");
  const Recipe recipe = arguments.recipe.load();
  BuildOptions options = arguments.options;
  options.mirrors = arguments.recipe.mirror_options(recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      const LockOutcome outcome = update_lock(run, recipe, options, arguments.request);
      if (globals.json) {
        Json json = {{"schema", "ainode.lock/1"},
                     {"lock", outcome.path.string()},
                     {"written", outcome.written},
                     {"packages", outcome.lock.packages.size()}};
        if (outcome.diff) json["diff"] = diff_json(*outcome.diff);
        print_json(json);
      } else {
        if (outcome.diff) print(show_diff(*outcome.diff));
        print(summary(outcome, !arguments.request.writes()));
      }
      return static_cast<int>(Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<LockArguments>();
  arguments->recipe.declare(app);
  app.add_option("PKG", arguments->request.only, "with --update: only these packages; the others keep their versions");
  app.add_flag("--update", arguments->request.update, "resolve anew though the lock fits");
  app.add_flag("--diff", arguments->request.diff, "say what an update changes; without --update nothing is written");
  app.add_option("--store", arguments->options.store, "where packages and steps are kept (default: the cache)")
      ->type_name("DIR");
  return [arguments](RunContext&, const Globals& globals) { return lock(globals, *arguments); };
}

}  // namespace

Verb lock_verb() {
  return {"lock", "Resolve a recipe and write its lock",
          "ainode lock qemu-base                     # beside the recipe, unless the lock there fits\n"
          "ainode lock qemu-base --diff              # what an update would change: versions, scripts, kernel options\n"
          "ainode lock qemu-base --update openssl    # only this package\n"
          "ainode lock qemu-base@debug --update --diff --json",
          define};
}

}  // namespace ainode::cli
