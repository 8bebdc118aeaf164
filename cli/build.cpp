// SPDX-License-Identifier: Apache-2.0
// `ainode build`: what can be refused is refused before anything is made; then the builder runs as root of its own user
// namespace.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct BuildArguments {
  std::string recipe, architecture;
  std::vector<std::string> mirrors, accept_stale;
  BuildOptions options;
  bool exit_unchanged = false;
};

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

MirrorOptions mirror_options(const BuildArguments& arguments, const Recipe& recipe) {
  MirrorOptions mirrors;
  for (const std::string& given : arguments.mirrors) {
    const std::size_t equals = std::min(given.find('='), given.size());
    add_mirror(mirrors, given.substr(0, equals), given.substr(std::min(equals + 1, given.size())), "--mirror " + given);
  }
  for (const Repository& repository : recipe.repositories) {
    const std::string& distribution = repository.distribution.value;
    const std::string variable = variable_of("AINODE_MIRROR_", distribution);
    const std::string uri = value_of(variable);
    if (!uri.empty() && !mirrors.given.contains(distribution)) add_mirror(mirrors, distribution, uri, variable);
    const std::string keyring = value_of(variable_of("AINODE_KEYRING_", distribution));
    if (!keyring.empty()) mirrors.keyrings.emplace(distribution, keyring);
  }
  mirrors.accept_stale.insert(arguments.accept_stale.begin(), arguments.accept_stale.end());
  return mirrors;
}

/// A word as a shell reads it back.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+,@%=";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char letter : word) out += letter == '\'' ? "'\\''" : std::string(1, letter);
  return out + "'";
}

std::string summary(const BuildResult& result, const fs::path& out) {
  const Manifest& manifest = result.manifest;
  std::string text = fmt::format("{} {} for {} in {}\n", result.unchanged ? "unchanged:" : "built", manifest.name,
                                 manifest.architecture, out.string());
  text += fmt::format("  commit    {}\n  ref       {}\n  kernel    {}\n", manifest.commit, manifest.ref,
                      manifest.kernel_release);
  text += fmt::format("  ostree    {}\n", (out / "repo").string());
  for (const OutputFile& output : manifest.outputs)
    text += fmt::format("  {:<9} {}  ({}, sha256 {})\n", output.kind, (out / output.name).string(),
                        readable_size(output.size), output.sha256);
  text += fmt::format("  lock      {}\n", (out / manifest.lock).string());
  text += fmt::format("next:\n  ainode validate {0} --target qemu\n  ainode boot {0}\n", quoted(out.string()));
  return text;
}

Json answer(const BuildResult& result, const fs::path& out) {
  return {{"schema", "ainode.build/1"},       {"image", out.string()},      {"unchanged", result.unchanged},
          {"commit", result.manifest.commit}, {"ref", result.manifest.ref}, {"manifest", result.manifest.to_json()}};
}

int build(const Globals& globals, const BuildArguments& arguments) {
  const Recipe recipe = load_recipe(arguments.recipe, {arguments.architecture, {}});
  require_replaceable(arguments.options.out);
  BuildOptions options = arguments.options;
  options.mirrors = mirror_options(arguments, recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      const BuildResult result = build_image(run, recipe, options);
      globals.json ? print_json(answer(result, options.out)) : print(summary(result, options.out));
      const bool tells_unchanged = result.unchanged && arguments.exit_unchanged;
      return static_cast<int>(tells_unchanged ? Exit::unchanged : Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<BuildArguments>();
  app.add_option("NAME", arguments->recipe, "a recipe's path, or its name in images/ or recipes/")->required();
  app.add_option("--out", arguments->options.out, "the image directory to write")->required()->type_name("DIR");
  app.add_option("--arch", arguments->architecture, "amd64 or arm64 (default: this machine's)")->type_name("ARCH");
  app.add_flag("--locked", arguments->options.locked, "refuse a lock that does not fit the recipe");
  app.add_option("--mirror", arguments->mirrors, "where a distribution is fetched from; may be repeated")
      ->type_name("DISTRIBUTION=URI")
      ->expected(1)
      ->take_all();
  app.add_option("--accept-stale", arguments->accept_stale, "accept metadata past its Valid-Until; may be repeated")
      ->type_name("DISTRIBUTION")
      ->expected(1)
      ->delimiter(',')
      ->take_all();
  app.add_option("--store", arguments->options.store, "where packages and steps are kept (default: the cache)")
      ->type_name("DIR");
  app.add_flag("--exit-unchanged", arguments->exit_unchanged, "exit 77 when nothing had to be done");
  return [arguments](RunContext&, const Globals& globals) { return build(globals, *arguments); };
}

}  // namespace

Verb build_verb() {
  return {"build", "Recipe to signed commit and disk image",
          "ainode build recipes/qemu-base.yaml --out out/qemu-base\n"
          "ainode build qemu-base --out out/qemu-base --locked --offline   # only what the lock and the store hold\n"
          "ainode build qemu-base --out out/qemu-base --accept-stale debian-security",
          define};
}

}  // namespace ainode::cli
