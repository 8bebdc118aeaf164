// SPDX-License-Identifier: Apache-2.0
// `ainode plan`: what a build would do.
#include <fmt/format.h>

#include <memory>

#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct PlanArguments {
  RecipeArguments recipe;
  BuildOptions options;
};

std::string shown(const Plan& plan) {
  std::string text;
  for (const PlannedStep& step : plan.steps)
    text += fmt::format("  {:<7} {:<10} {}\n", step.runs ? "run" : "cached", step.name, step.reason);
  if (!plan.downloads.empty())
    text += fmt::format("download: {} packages, {}\n", plan.downloads.size(), readable_size(plan.download_bytes));
  return text + (plan.has_work() ? "" : "nothing to do\n");
}

Json answer(const Plan& plan) {
  Json steps = Json::array(), downloads = Json::array();
  for (const PlannedStep& step : plan.steps)
    steps.push_back({{"name", step.name}, {"runs", step.runs}, {"reason", step.reason}});
  for (const LockedPackage& package : plan.downloads)
    downloads.push_back({{"name", package.name}, {"version", package.version}, {"size", package.size}});
  return {{"schema", "ainode.plan/1"}, {"has_work", plan.has_work()},       {"packages", plan.package_count},
          {"steps", std::move(steps)}, {"downloads", std::move(downloads)}, {"download_bytes", plan.download_bytes}};
}

int plan(const Globals& globals, const PlanArguments& arguments) {
  const Recipe recipe = arguments.recipe.load();
  BuildOptions options = arguments.options;
  options.mirrors = arguments.recipe.mirror_options(recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      const Plan plan = plan_build(run, recipe, options);
      globals.json ? print_json(answer(plan)) : print(shown(plan));
      return static_cast<int>(Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<PlanArguments>();
  arguments->recipe.declare(app);
  app.add_option("--out", arguments->options.out, "the image directory that would be written")->type_name("DIR");
  app.add_option("--vendor", arguments->options.vendor, "packages would come from what `ainode vendor` wrote")
      ->type_name("DIR");
  app.add_option("--store", arguments->options.store, "where packages and steps are kept (default: the cache)")
      ->type_name("DIR");
  return [arguments](RunContext&, const Globals& globals) { return plan(globals, *arguments); };
}

}  // namespace

Verb plan_verb() {
  return {"plan", "What a build would do: steps, what is cached and why not, downloads",
          "ainode plan qemu-base\n"
          "ainode plan qemu-base --out out/qemu-base --json",
          define};
}

}  // namespace ainode::cli
