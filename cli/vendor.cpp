// SPDX-License-Identifier: Apache-2.0
// `ainode vendor`: all that a locked recipe is built from, in one directory.
#include <fmt/format.h>

#include <memory>

#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct VendorArguments {
  RecipeArguments recipe;
  BuildOptions options;
};

int vendor(const Globals& globals, const VendorArguments& arguments) {
  const Recipe recipe = arguments.recipe.load();
  BuildOptions options = arguments.options;
  options.mirrors = arguments.recipe.mirror_options(recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      const Lock lock = vendor_packages(run, recipe, options);
      const std::size_t count = lock.packages.size() + lock.tools.size() + lock.module_build.size();
      if (globals.json) {
        print_json({{"schema", "ainode.vendor/1"},
                    {"directory", options.out.string()},
                    {"image_packages", lock.packages.size()},
                    {"tool_packages", lock.tools.size()},
                    {"module_build_packages", lock.module_build.size()}});
      } else {
        print(fmt::format("{0}: {1} packages and the lock\nnext: ainode build … --offline --vendor {0}\n",
                          options.out.string(), count));
      }
      return static_cast<int>(Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<VendorArguments>();
  arguments->recipe.declare(app);
  app.add_option("--out", arguments->options.out, "the directory to write")->required()->type_name("DIR");
  app.add_flag("--locked", arguments->options.locked, "refuse a lock that does not fit the recipe");
  app.add_option("--store", arguments->options.store, "where packages and steps are kept (default: the cache)")
      ->type_name("DIR");
  return [arguments](RunContext&, const Globals& globals) { return vendor(globals, *arguments); };
}

}  // namespace

Verb vendor_verb() {
  return {"vendor", "Export a recipe's locked packages for builds without a network",
          "ainode vendor qemu-base --out vendored\n"
          "ainode build qemu-base --out out/qemu-base --offline --vendor vendored",
          define};
}

}  // namespace ainode::cli
