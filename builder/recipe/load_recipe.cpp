// SPDX-License-Identifier: Apache-2.0
// Finding a recipe, reading it by the tables in fields.cpp, and what must hold between values.
#include "builder/recipe/load_recipe.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/files.h"
#include "base/json.h"
#include "base/suggestion.h"
#include "builder/recipe/fields.h"

namespace ainode {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

/// The path as the user would write it (relative to the root).
using UserPath = std::string;

std::vector<UserPath> recipes_below(const fs::path& root) {
  std::vector<UserPath> found;
  for (const char* folder : {"images", "recipes"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root / folder, error))
      if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

[[noreturn]] void tell_not_found(const std::string& name, const fs::path& root) {
  Error error(codes::recipe_not_found, fmt::format("there is no recipe `{}`", name));
  const std::vector<UserPath> known = recipes_below(root);
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string suggestion = nearest(fs::path(name).stem().string(), names);
  if (!suggestion.empty() && suggestion != name) {
    error.help(fmt::format("did you mean `{}`?", suggestion));
  } else {
    error.help(
        "a bare name is looked for in images/ and recipes/ below the current directory; anything else is a path");
  }
  throw error;
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

UserPath find_recipe(const std::string& name, const fs::path& root) {
  if (is_path(name)) {
    if (fs::exists(root / name)) return name;
  } else {
    for (const std::string& candidate : {"images/" + name + ".yaml", "recipes/" + name + ".yaml"})
      if (fs::exists(root / candidate)) return candidate;
  }
  if (const std::size_t at = name.rfind('@'); at != std::string::npos && at > 0) {
    const UserPath file = find_recipe(name.substr(0, at), root);
    throw Error(codes::unknown_variant, fmt::format("{} has no variant `{}`", file, name.substr(at + 1)))
        .help(fmt::format("build `{}` itself", name.substr(0, at)));
  }
  tell_not_found(name, root);
}

std::string read_recipe_file(const UserPath& file, const fs::path& root) {
  if (!fs::is_regular_file(root / file))
    throw Error(codes::recipe_unreadable, fmt::format("{} is not a regular file", file)).help("name a recipe's file");
  if (fs::file_size(root / file) > kMaxFile)
    throw Error(codes::yaml_too_large, fmt::format("{} is larger than 1 MiB", file));
  try {
    return read_file(root / file, kMaxFile);
  } catch (const Error& error) {
    throw Error(codes::recipe_unreadable, fmt::format("{} cannot be read", file)).because(error);
  }
}

Json texts(const std::vector<Text>& from) {
  Json list = Json::array();
  for (const Text& text : from) list.push_back(text.value);
  return list;
}

Json repositories_json(const Recipe& recipe) {
  Json list = Json::array();
  for (const Repository& repository : recipe.repositories)
    list.push_back({{"id", repository.id.value},
                    {"distribution", repository.distribution.value},
                    {"suite", repository.suite.value},
                    {"components", texts(repository.components)}});
  return list;
}

Json partitions_json(const Recipe& recipe) {
  Json list = Json::array();
  for (const Partition& partition : recipe.partitions)
    list.push_back({{"id", partition.id.value},
                    {"type", partition.type.value},
                    {"fs", partition.filesystem.value},
                    {"size", partition.size.value},
                    {"mount", partition.mount.value}});
  return list;
}

/// Values without places, keys in this one order.
std::string digest_of(const Recipe& recipe) {
  Json pins = Json::object();
  for (const auto& [name, glob] : recipe.packages.pin) pins[name] = glob.value;
  const Json canonical = {
      {"ainode", 1},
      {"name", recipe.name.value},
      {"summary", recipe.summary.value},
      {"architecture", recipe.architecture},
      {"arch", texts(recipe.architectures)},
      {"repositories", repositories_json(recipe)},
      {"packages",
       {{"recommends", recipe.packages.recommends.value},
        {"include", texts(recipe.packages.include)},
        {"exclude", texts(recipe.packages.exclude)},
        {"pin", pins}}},
      {"kernel", {{"package", recipe.kernel.package.value}, {"cmdline", texts(recipe.kernel.cmdline)}}},
      {"default-target", recipe.default_target.value},
      {"partitions", partitions_json(recipe)},
      {"signing",
       {{"openpgp", recipe.signing.openpgp.value},
        {"ed25519", recipe.signing.ed25519.value},
        {"attestations", recipe.signing.attestations.value}}},
      {"ref", recipe.ostree_ref.value},
      {"disk", texts(recipe.disk_formats)},
      {"profile", texts(recipe.profiles)},
  };
  return sha256_hex(canonical.dump());
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

Recipe load_recipe(const std::string& name_or_path, const RecipeOptions& options) {
  const fs::path root = options.root.empty() ? fs::path(".") : options.root;
  const std::string architecture = options.architecture.empty() ? host_architecture() : options.architecture;
  if (const std::string problem = check_architecture(architecture); !problem.empty())
    throw Error(codes::bad_value, fmt::format("`{}` is not an architecture", architecture)).help(problem);
  const UserPath file = find_recipe(name_or_path, root);
  const YamlNode document = parse_yaml(read_recipe_file(file, root), file);
  Recipe recipe;
  recipe.file = file;
  recipe.architecture = architecture;
  Reader reader(file, architecture);
  read_recipe_fields(reader, document, recipe);
  reader.throw_mistakes();
  recipe.digest = digest_of(recipe);
  return recipe;
}

const Repository* Recipe::repository(const std::string& id) const {
  const auto found = std::find_if(repositories.begin(), repositories.end(),
                                  [&](const Repository& repository) { return repository.id.value == id; });
  return found == repositories.end() ? nullptr : &*found;
}

}  // namespace ainode
