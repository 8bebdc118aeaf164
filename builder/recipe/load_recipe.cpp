// SPDX-License-Identifier: Apache-2.0
// The page: files, each checked for itself; laid over each other, then the chosen overlays; checked as a whole; read.
#include "builder/recipe/load_recipe.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <unordered_set>

#include "base/files.h"
#include "base/suggestion.h"
#include "builder/recipe/check_shape.h"
#include "builder/recipe/documents.h"
#include "builder/recipe/effective.h"
#include "builder/recipe/language.h"
#include "builder/recipe/merge.h"
#include "builder/recipe/rules.h"
#include "builder/recipe/source_files.h"

namespace ainode {

namespace {

constexpr std::size_t kMostPicks = 256;  // `check` looks into each

struct Request {
  std::string file;
  std::vector<std::string> picks;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
  }
  return parts;
}

Request parse_request(const std::string& name, const fs::path& root) {
  const std::size_t at = name.rfind('@');
  if (at == std::string::npos || at == 0 || fs::exists(root / name)) return {find_recipe_file(name, root), {}};
  return {find_recipe_file(name.substr(0, at), root), split(name.substr(at + 1), ',')};
}

void check_documents(Mistakes& mistakes, const std::vector<Document>& documents, const std::string& architecture) {
  for (const Document& document : documents)
    check_shape(mistakes, document.tree, recipe_shape(), "", Extent::part, architecture);
  if (documents.size() == 1) return;  // the check of the whole says what is missing
  for (const Document& document : documents) {
    if (!document.tree.find("ainode"))
      mistakes.add(Error(codes::missing_key, "`ainode` is missing")
                       .at(document.tree.place)
                       .help("add `ainode`: the format's version, 1"));
  }
  const YamlNode& own = documents.back().tree;
  if (!own.find("name"))
    mistakes.add(Error(codes::missing_key, "`name` is missing")
                     .at(own.place)
                     .help("add `name`: an image that builds on others needs a name of its own"));
}

const YamlNode* find_path(const YamlNode& tree, std::initializer_list<std::string_view> keys) {
  const YamlNode* node = &tree;
  for (const std::string_view key : keys)
    if (node) node = node->find(key);
  return node;
}

const YamlNode* find_overlay(const Document& document, const std::string& pick) {
  const std::size_t equals = pick.find('=');
  if (equals == std::string::npos) return find_path(document.tree, {"variants", pick});
  const std::string_view axis = std::string_view(pick).substr(0, equals);
  return find_path(document.tree, {"matrix", axis, std::string_view(pick).substr(equals + 1)});
}

std::vector<std::string> known_picks(const std::vector<Document>& documents) {
  std::vector<std::string> variants, cells;
  std::unordered_set<std::string> seen;
  const auto add = [&](std::vector<std::string>& list, const std::string& pick) {
    if (seen.insert(pick).second) list.push_back(pick);
  };
  for (const Document& document : documents) {
    if (const YamlNode* named = document.tree.find("variants"))
      for (const YamlEntry& entry : named->entries) add(variants, entry.first.text);
    if (const YamlNode* matrix = document.tree.find("matrix"))
      for (const YamlEntry& axis : matrix->entries)
        for (const YamlEntry& value : axis.second.entries) add(cells, axis.first.text + "=" + value.first.text);
  }
  variants.insert(variants.end(), cells.begin(), cells.end());
  return variants;
}

[[noreturn]] void tell_unknown_pick(const std::string& file, const std::string& pick,
                                    const std::vector<std::string>& known) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string suggestion = nearest(pick, names);
  const bool is_cell = pick.find('=') != std::string::npos;
  throw Error(codes::unknown_variant,
              fmt::format("{} has no {} `{}`", file, is_cell ? "matrix value" : "variant", printable(pick)))
      .help(!suggestion.empty() ? fmt::format("did you mean `{}`?", suggestion)
            : known.empty()     ? fmt::format("build `{}` itself", fs::path(file).stem().string())
                                : fmt::format("it has {}", fmt::join(known, ", ")));
}

void check_picks(const Request& request, const std::vector<Document>& documents,
                 const std::vector<std::string>& known) {
  std::vector<std::string> axes;
  for (const std::string& pick : request.picks) {
    const bool is_known = std::any_of(documents.begin(), documents.end(), [&](const Document& document) {
      return find_overlay(document, pick) != nullptr;
    });
    if (!is_known) tell_unknown_pick(request.file, pick, known);
    const std::string axis = pick.substr(0, pick.find('='));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end())
      throw Error(codes::unknown_variant, fmt::format("`{}` is chosen twice", axis)).help("choose one of its values");
    axes.push_back(axis);
  }
}

/// A document without the keys that only say how files are combined.
YamlNode body_of(const Document& document) {
  YamlNode body = document.tree;
  std::erase_if(body.entries, [](const YamlEntry& entry) {
    return entry.first.text == "extends" || entry.first.text == "variants" || entry.first.text == "matrix";
  });
  return body;
}

YamlNode lay_over_each_other(Mistakes& mistakes, const std::vector<Document>& documents,
                             const std::vector<std::string>& picks) {
  YamlNode tree;
  for (const Document& document : documents) tree = merge(mistakes, std::move(tree), body_of(document));
  for (const std::string& pick : picks)
    for (const Document& document : documents)
      if (const YamlNode* overlay = find_overlay(document, pick); overlay && overlay->kind == YamlNode::Kind::mapping) {
        const Place place = tree.place;
        tree = merge(mistakes, std::move(tree), *overlay);
        tree.place = place;
      }
  return tree;
}

PackageLevel level_of(const Recipe& recipe, std::string name) {
  PackageLevel level{std::move(name), {}, recipe.packages.recommends.value};
  for (const Text& package : recipe.packages.include) level.packages.push_back(package.value);
  if (!recipe.kernel.package.value.empty()) level.packages.push_back(recipe.kernel.package.value);
  return level;
}

std::vector<PackageLevel> package_levels(const std::vector<Document>& documents, const Recipe& effective) {
  std::vector<PackageLevel> levels;
  const std::size_t below = effective.variant.empty() ? documents.size() - 1 : documents.size();
  Mistakes told_elsewhere;
  YamlNode tree;
  for (std::size_t i = 0; i < below; ++i) {
    tree = merge(told_elsewhere, std::move(tree), body_of(documents[i]));
    const Recipe recipe =
        read_recipe(told_elsewhere, for_architecture(tree, effective.architecture), effective.architecture);
    levels.push_back(level_of(recipe, fs::path(documents[i].file).stem()));
  }
  const std::string variant = effective.variant.empty() ? "" : "@" + effective.variant;
  levels.push_back(level_of(effective, fs::path(documents.back().file).stem().string() + variant));
  return levels;
}

std::string joined(const std::vector<std::string>& picks) {
  return fmt::format("{}", fmt::join(picks, ","));
}

}  // namespace

std::string host_architecture() {
  utsname system{};
  uname(&system);
  const std::string machine = system.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  throw Error(codes::bad_value, fmt::format("this machine is a {}, for which there are no images", machine))
      .help("choose one with --arch: amd64 or arm64");
}

EffectiveRecipe load_effective_recipe(const std::string& name, const RecipeOptions& options) {
  const fs::path root = options.root.empty() ? fs::path(".") : options.root;
  const std::string architecture = options.architecture.empty() ? host_architecture() : options.architecture;
  if (const std::string problem = check_architecture(architecture); !problem.empty())
    throw Error(codes::bad_value, fmt::format("`{}` is not an architecture", architecture)).help(problem);
  const Request request = parse_request(name, root);

  Mistakes mistakes;
  const std::vector<Document> documents = read_documents(mistakes, request.file, root);
  const bool has_all_files = mistakes.empty();
  check_documents(mistakes, documents, architecture);
  EffectiveRecipe effective;
  effective.picks = known_picks(documents);
  if (effective.picks.size() > kMostPicks)
    throw Error(codes::yaml_too_large,
                fmt::format("{} has more than {} variants and matrix values", request.file, kMostPicks))
        .help("make recipes of their own that extend this one");
  check_picks(request, documents, effective.picks);
  for (const Document& document : documents) effective.files.push_back(document.file);

  effective.tree = lay_over_each_other(mistakes, documents, request.picks);
  if (has_all_files) check_shape(mistakes, effective.tree, recipe_shape(), "", Extent::whole, architecture);
  effective.tree = for_architecture(std::move(effective.tree), architecture);
  effective.recipe = read_recipe(mistakes, effective.tree, architecture);
  effective.recipe.file = request.file;
  effective.recipe.variant = joined(request.picks);
  read_source_files(mistakes, effective.recipe, root);
  mistakes.throw_if_any();
  add_sources(effective.recipe);
  effective.recipe.package_levels = package_levels(documents, effective.recipe);
  return effective;
}

Recipe load_recipe(const std::string& name, const RecipeOptions& options) {
  return load_effective_recipe(name, options).recipe;
}

const Repository* Recipe::repository(const std::string& id) const {
  const auto found = std::find_if(repositories.begin(), repositories.end(),
                                  [&](const Repository& repository) { return repository.id.value == id; });
  return found == repositories.end() ? nullptr : &*found;
}

}  // namespace ainode
