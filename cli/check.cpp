// SPDX-License-Identifier: Apache-2.0
// `ainode check`: all mistakes of recipes at once.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct CheckArguments {
  std::vector<std::string> recipes;
  std::string architecture;
};

struct Outcome {
  std::string file;
  std::string digest;          ///< of a good recipe
  std::optional<Error> error;  ///< the first, for its exit status
  Json errors;                 ///< error_json; null when good
  std::string rendered;
};

/// Here a recipe's mistakes are the answer, so they become a value: one bad file must not hide the next.
Outcome outcome_of(const std::string& name, const Globals& globals, const std::string& architecture) {
  Outcome outcome{name, "", std::nullopt, nullptr, ""};
  try {
    const Recipe recipe = load_recipe(name, {architecture, {}});
    outcome.file = recipe.file;
    outcome.digest = recipe.digest;
  } catch (const Error& error) {
    outcome.error = error;
    outcome.errors = error_json(error);
    outcome.rendered = render(error, globals.colour_err);
  }
  return outcome;
}

Json answer(const std::vector<Outcome>& outcomes) {
  Json recipes = Json::array();
  for (const Outcome& outcome : outcomes) {
    Json recipe = {{"file", outcome.file}, {"good", !outcome.error}};
    if (outcome.error) recipe["error"] = outcome.errors;
    if (!outcome.error) recipe["digest"] = outcome.digest;
    recipes.push_back(std::move(recipe));
  }
  return {{"schema", "ainode.check/1"}, {"recipes", std::move(recipes)}};
}

int check(const Globals& globals, const CheckArguments& arguments) {
  std::vector<Outcome> outcomes;
  for (const std::string& name : arguments.recipes)
    outcomes.push_back(outcome_of(name, globals, arguments.architecture));
  int status = static_cast<int>(Exit::done);
  for (const Outcome& outcome : outcomes) {
    std::fputs(outcome.rendered.c_str(), stderr);
    if (!outcome.error && !globals.json) print(outcome.file + ": good\n");
    if (outcome.error && status == 0) status = static_cast<int>(outcome.error->code().exit);
  }
  const auto bad = std::find_if(outcomes.begin(), outcomes.end(), [](const Outcome& one) { return one.error; });
  if (bad != outcomes.end()) point_to_explanation(globals, *bad->error);
  if (globals.json) print_json(answer(outcomes));
  return status;
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<CheckArguments>();
  app.add_option("FILE", arguments->recipes, "recipes: paths, or names in images/ or recipes/")->required();
  app.add_option("--arch", arguments->architecture, "amd64 or arm64 (default: this machine's)")->type_name("ARCH");
  return [arguments](RunContext&, const Globals& globals) { return check(globals, *arguments); };
}

}  // namespace

Verb check_verb() {
  return {"check", "All mistakes of recipes at once",
          "ainode check recipes/*.yaml images/*.yaml\n"
          "ainode check qemu-base --arch arm64 --json",
          define};
}

}  // namespace ainode::cli
