// SPDX-License-Identifier: Apache-2.0
// `ainode build`: what can be refused is refused before anything is made; then the builder runs as root of its own user
// namespace.
#include <fmt/format.h>

#include <memory>

#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct BuildArguments {
  RecipeArguments recipe;
  BuildOptions options;
  bool exit_unchanged = false;
};

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
  const Recipe recipe = arguments.recipe.load();
  require_replaceable(arguments.options.out);
  BuildOptions options = arguments.options;
  options.mirrors = arguments.recipe.mirror_options(recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      if (globals.offline) leave_network();  // whatever the build runs: nothing of it can reach a network
      const BuildResult result = build_image(run, recipe, options);
      globals.json ? print_json(answer(result, options.out)) : print(summary(result, options.out));
      const bool tells_unchanged = result.unchanged && arguments.exit_unchanged;
      return static_cast<int>(tells_unchanged ? Exit::unchanged : Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<BuildArguments>();
  arguments->recipe.declare(app);
  app.add_option("--out", arguments->options.out, "the image directory to write")->required()->type_name("DIR");
  app.add_flag("--locked", arguments->options.locked, "refuse a lock that does not fit the recipe");
  app.add_option("--vendor", arguments->options.vendor,
                 "take packages from what `ainode vendor` wrote, not the network")
      ->type_name("DIR");
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
