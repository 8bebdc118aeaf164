// SPDX-License-Identifier: Apache-2.0
// `ainode check`: all mistakes of recipes at once.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error_json.h"
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
  std::string digest;                 ///< of a good recipe
  std::vector<std::string> overlays;  ///< variants and matrix values, each checked too
  std::vector<Error> errors;          ///< each once, though it may show in several variants
  std::string rendered;
};

std::vector<Error> all_of(const Error& error) {
  const auto* several = dynamic_cast<const Errors*>(&error);
  return several ? several->all() : std::vector<Error>{error};
}

void add(Outcome& outcome, const Error& error, const Globals& globals) {
  for (const Error& each : all_of(error)) {
    const std::string text = render(each, globals.colour_err);
    if (outcome.rendered.find(text) != std::string::npos) continue;
    if (!outcome.rendered.empty()) outcome.rendered += '\n';
    outcome.rendered += text;
    outcome.errors.push_back(each);
  }
}

/// Here a recipe's mistakes are the answer, so they become a value: one bad file, or one bad variant, must not hide the
/// next.
Outcome outcome_of(const std::string& name, const Globals& globals, const std::string& architecture) {
  Outcome outcome{name, "", {}, {}, ""};
  try {
    const EffectiveRecipe effective = load_effective_recipe(name, {architecture, {}});
    outcome.file = effective.recipe.file;
    outcome.digest = effective.recipe.digest;
    if (effective.recipe.variant.empty()) outcome.overlays = effective.picks;
  } catch (const Error& error) {
    add(outcome, error, globals);
  }
  for (const std::string& pick : outcome.overlays) {
    try {
      load_recipe(name + "@" + pick, {architecture, {}});
    } catch (const Error& error) {
      add(outcome, error, globals);
    }
  }
  return outcome;
}

Json answer(const std::vector<Outcome>& outcomes) {
  Json recipes = Json::array();
  for (const Outcome& outcome : outcomes) {
    const bool is_good = outcome.errors.empty();
    Json recipe = {{"file", outcome.file}, {"good", is_good}, {"overlays", outcome.overlays}};
    if (!is_good) recipe["error"] = error_json(Errors(outcome.errors));
    if (is_good) recipe["digest"] = outcome.digest;
    recipes.push_back(std::move(recipe));
  }
  return {{"schema", "ainode.check/1"}, {"recipes", std::move(recipes)}};
}

std::string described(const Outcome& outcome) {
  if (outcome.overlays.empty()) return outcome.file + ": good\n";
  return fmt::format("{}: good, also with {}\n", outcome.file, fmt::join(outcome.overlays, ", "));
}

int check(const Globals& globals, const CheckArguments& arguments) {
  std::vector<Outcome> outcomes;
  for (const std::string& name : arguments.recipes)
    outcomes.push_back(outcome_of(name, globals, arguments.architecture));
  int status = static_cast<int>(Exit::done);
  for (const Outcome& outcome : outcomes) {
    std::fputs(outcome.rendered.c_str(), stderr);
    if (outcome.errors.empty() && !globals.json) print(described(outcome));
    if (!outcome.errors.empty() && status == 0) status = static_cast<int>(outcome.errors[0].code().exit);
  }
  const auto bad =
      std::find_if(outcomes.begin(), outcomes.end(), [](const Outcome& one) { return !one.errors.empty(); });
  if (bad != outcomes.end()) point_to_explanation(globals, bad->errors[0]);
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
