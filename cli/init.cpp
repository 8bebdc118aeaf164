// SPDX-License-Identifier: Apache-2.0
// `ainode init`: a recipe to start from, and the schema for the editor beside it.
#include <fmt/format.h>

#include <memory>

#include "base/files.h"
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

constexpr const char* kSchemaFile = "ainode.schema.json";

struct InitArguments {
  std::string name, extends;
};

struct NewRecipe {
  std::string name;
  fs::path file;
};

NewRecipe place_of(const std::string& name, bool extends) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".yaml");
  if (is_path) return {fs::path(name).stem().string(), fs::path(name)};
  return {name, fs::path(extends ? "images" : "recipes") / (name + ".yaml")};
}

void refuse_existing(const NewRecipe& recipe) {
  if (!fs::exists(fs::symlink_status(recipe.file))) return;
  throw Error(codes::usage_error, fmt::format("{} exists already", recipe.file.string()))
      .help("choose another name, or edit it");
}

int init(const Globals& globals, const InitArguments& arguments) {
  const NewRecipe recipe = place_of(arguments.name, !arguments.extends.empty());
  refuse_existing(recipe);
  const fs::path folder = recipe.file.has_parent_path() ? recipe.file.parent_path() : fs::path(".");
  std::string extends;
  if (!arguments.extends.empty()) {
    // Refused now rather than in the new file: a recipe that cannot be read, or has mistakes of its own.
    const Recipe base = load_recipe(arguments.extends, {});
    extends = fs::path(base.file).lexically_relative(folder).string();
  }
  const std::string text = new_recipe(recipe.name, extends, kSchemaFile);
  make_directories(folder);
  write_file(folder / kSchemaFile, write_json(recipe_schema()));
  write_file(recipe.file, text);
  if (globals.json) {
    print_json({{"schema", "ainode.init/1"},
                {"recipe", recipe.file.string()},
                {"editor_schema", (folder / kSchemaFile).string()}});
  } else {
    print(fmt::format("{0}: written; next: ainode check {0}\n", recipe.file.string()));
  }
  return 0;
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<InitArguments>();
  app.add_option("NAME", arguments->name, "the recipe's name (recipes/NAME.yaml), or its path")->required();
  app.add_option("--extends", arguments->extends, "build on this recipe (then: images/NAME.yaml)")->type_name("RECIPE");
  return [arguments](RunContext&, const Globals& globals) { return init(globals, *arguments); };
}

}  // namespace

Verb init_verb() {
  return {"init", "Start a recipe",
          "ainode init my-node                       # recipes/my-node.yaml, which builds as it is\n"
          "ainode init gpu-node --extends qemu-base  # images/gpu-node.yaml on top of another",
          define};
}

}  // namespace ainode::cli
