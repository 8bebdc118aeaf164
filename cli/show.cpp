// SPDX-License-Identifier: Apache-2.0
// `ainode show`: the effective recipe.
#include <memory>

#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct ShowArguments {
  std::string recipe, architecture;
  bool origin = false;
};

Json answer(const EffectiveRecipe& effective) {
  const Recipe& recipe = effective.recipe;
  return {{"schema", "ainode.show/1"},
          {"name", recipe.name.value},
          {"variant", recipe.variant},
          {"architecture", recipe.architecture},
          {"files", effective.files},
          {"picks", effective.picks},
          {"digest", recipe.digest},
          {"recipe", Json::parse(recipe.values)},
          {"origins", recipe_origins(effective)}};
}

int show(const Globals& globals, const ShowArguments& arguments) {
  const EffectiveRecipe effective = load_effective_recipe(arguments.recipe, {arguments.architecture, {}});
  if (globals.json) {
    print_json(answer(effective));
  } else {
    print(show_recipe(effective, arguments.origin));
  }
  return 0;
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<ShowArguments>();
  app.add_option("NAME[@VARIANT]", arguments->recipe, "a path, or a name in images/ or recipes/")->required();
  app.add_option("--arch", arguments->architecture, "amd64 or arm64 (default: this machine's)")->type_name("ARCH");
  app.add_flag("--origin", arguments->origin, "say behind each value which file and line set it");
  return [arguments](RunContext&, const Globals& globals) { return show(globals, *arguments); };
}

}  // namespace

Verb show_verb() {
  return {"show", "The effective recipe, all files and overlays laid over each other",
          "ainode show qemu-base\n"
          "ainode show images/node.yaml@debug --origin   # which line set each value\n"
          "ainode show node@kernel=latest --arch arm64 --json",
          define};
}

}  // namespace ainode::cli
