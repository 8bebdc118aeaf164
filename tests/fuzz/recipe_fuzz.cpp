// SPDX-License-Identifier: Apache-2.0
// Recipes: YAML and decoder. What is accepted has one digest, also in a second reading; every mistake has its place.
#include <algorithm>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/yaml.h"
#include "builder/recipe/load_recipe.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

constexpr const char* kFile = "recipes/fuzz.yaml";

/// A recipe root of its own; the runner removes what an aborted run leaves.
const fs::path& root() {
  static const TemporaryDirectory directory(fs::temp_directory_path(), "ainode-fuzz-");
  static const bool is_made = fs::create_directories(directory.path() / "recipes");
  promise(is_made, "the recipe root can be made");
  return directory.path();
}

void judge_node(const YamlNode& node, std::string_view text, int depth) {
  promise(depth <= 40, "a tree is not deep");
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  promise(node.place.line >= 0 && node.place.line <= lines + 1 && node.place.column >= 0, "a value lies in the file");
  for (const YamlNode& item : node.items) judge_node(item, text, depth + 1);
  for (const auto& [key, value] : node.entries) {
    promise(key.kind == YamlNode::Kind::scalar, "a key is text");
    promise(node.find(key.text) == &value, "a key stands once");
    judge_node(value, text, depth + 1);
  }
}

std::optional<Recipe> load(const char* architecture) {
  std::optional<Recipe> recipe;
  accepts([&] {
    try {
      recipe = load_recipe(kFile, {architecture, root()});
    } catch (const Errors& errors) {
      promise(!errors.all().empty(), "a refusal has a reason");
      for (const Error& error : errors.all()) promise(error.code().id.starts_with('R'), "a mistake is of the recipe");
      throw;
    }
  });
  return recipe;
}

}  // namespace

void judge_recipe(std::string_view text) {
  const bool is_yaml = accepts([&] { judge_node(parse_yaml(text, kFile), text, 0); });
  write_file(root() / kFile, text);
  for (const char* architecture : {"amd64", "arm64"}) {
    const std::optional<Recipe> recipe = load(architecture);
    promise(is_yaml || !recipe, "a recipe is YAML");
    if (!is_yaml) return;
    if (!recipe) continue;
    promise(recipe->architecture == architecture, "a recipe is for the architecture that was asked for");
    promise(recipe->digest.size() == 64, "a recipe has a digest");
    const std::optional<Recipe> again = load(architecture);
    promise(again && again->digest == recipe->digest, "a recipe has one digest");
  }
}

}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  ainode::fuzz::judge_recipe(text);
}
