// SPDX-License-Identifier: Apache-2.0
// Flags and their variables, read in one place.
#include "cli/recipe_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace ainode::cli {

namespace {

void add_mirror(MirrorOptions& mirrors, const std::string& distribution, const std::string& uri,
                const std::string& origin) {
  const bool is_known_scheme = uri.starts_with("http://") || uri.starts_with("https://") || uri.starts_with("file://");
  if (distribution.empty() || !is_known_scheme)
    throw Error(codes::usage_error, fmt::format("{} does not name a mirror", origin))
        .help("write DISTRIBUTION=URI with an http, https or file URI");
  mirrors.given[distribution] = uri;
}

/// AINODE_MIRROR_DEBIAN_SECURITY speaks for debian-security.
std::string variable_of(const std::string& prefix, std::string distribution) {
  std::replace(distribution.begin(), distribution.end(), '-', '_');
  std::transform(distribution.begin(), distribution.end(), distribution.begin(),
                 [](unsigned char letter) { return std::toupper(letter); });
  return prefix + distribution;
}

/// Empty when it is not set.
std::string value_of(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value ? value : "";
}

}  // namespace

void RecipeArguments::declare(CLI::App& app, bool is_required) {
  app.add_option("NAME[@VARIANT]", name_, "a recipe's path, or its name in images/ or recipes/")->required(is_required);
  app.add_option("--arch", architecture_, "amd64 or arm64 (default: this machine's)")->type_name("ARCH");
  app.add_option("--mirror", mirrors_, "where a distribution is fetched from; may be repeated")
      ->type_name("DISTRIBUTION=URI")
      ->expected(1)
      ->take_all();
  app.add_option("--accept-stale", accept_stale_, "accept metadata past its Valid-Until; may be repeated")
      ->type_name("DISTRIBUTION")
      ->expected(1)
      ->delimiter(',')
      ->take_all();
}

Recipe RecipeArguments::load() const {
  return load_recipe(name_, {architecture_, {}});
}

MirrorOptions RecipeArguments::mirror_options(const Recipe& recipe) const {
  MirrorOptions mirrors;
  for (const std::string& given : mirrors_) {
    const std::size_t equals = std::min(given.find('='), given.size());
    add_mirror(mirrors, given.substr(0, equals), given.substr(std::min(equals + 1, given.size())),
               "--mirror " + given.substr(0, equals));
  }
  add_mirrors_of_environment(mirrors, recipe);
  mirrors.accept_stale.insert(accept_stale_.begin(), accept_stale_.end());
  return mirrors;
}

void add_mirrors_of_environment(MirrorOptions& mirrors, const Recipe& recipe) {
  for (const Repository& repository : recipe.repositories) {
    const std::string& distribution = repository.distribution.value;
    const std::string variable = variable_of("AINODE_MIRROR_", distribution);
    const std::string uri = value_of(variable);
    if (!uri.empty() && !mirrors.given.contains(distribution)) add_mirror(mirrors, distribution, uri, variable);
    const std::string keyring = value_of(variable_of("AINODE_KEYRING_", distribution));
    if (!keyring.empty()) mirrors.keyrings.emplace(distribution, keyring);
  }
}

}  // namespace ainode::cli
