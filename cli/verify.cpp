// SPDX-License-Identifier: Apache-2.0
// `ainode verify`: both signatures and every hash of an image directory, or a second build beside it.
#include <fmt/format.h>

#include <memory>

#include "base/files.h"
#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct VerifyArguments {
  fs::path image, openpgp, ed25519, store;
  std::string recipe;
  bool rebuild = false;
};

int verify(RunContext& run, const Globals& globals, const VerifyArguments& arguments) {
  const VerifyOptions options = trust_keys_in(arguments.openpgp, arguments.ed25519);
  verify_image(run, arguments.image, options);
  const Manifest manifest = read_manifest(arguments.image);
  const auto keys = [](bool is_given) { return is_given ? "the key given" : "the manifest's own key"; };
  if (globals.json) {
    print_json({{"schema", "ainode.verify/1"},
                {"image", arguments.image.string()},
                {"commit", manifest.commit},
                {"openpgp", keys(options.trusted_openpgp.has_value())},
                {"ed25519", keys(options.trusted_ed25519.has_value())},
                {"good", true}});
    return static_cast<int>(Exit::done);
  }
  print(fmt::format("{} is good\n  commit    {}\n  openpgp   signed by {}\n  ed25519   signed by {}\n  hashes    {}\n",
                    arguments.image.string(), manifest.commit, keys(options.trusted_openpgp.has_value()),
                    keys(options.trusted_ed25519.has_value()),
                    "every object and output as the commit and manifest say"));
  return static_cast<int>(Exit::done);
}

constexpr std::size_t kMostPaths = 40;

std::string sign_of(FileChange::Kind kind) {
  return kind == FileChange::Kind::added ? "+" : kind == FileChange::Kind::removed ? "-" : "~";
}

Json rebuild_json(const fs::path& image, const Rebuild& rebuild) {
  Json paths = Json::array();
  for (const auto& [change, makers] : rebuild.paths)
    paths.push_back(
        {{"path", change.path}, {"change", sign_of(change.kind)}, {"what", change.what}, {"makers", makers}});
  return {{"schema", "ainode.verify-rebuild/1"}, {"image", image.string()},     {"commit", rebuild.commit},
          {"rebuilt", rebuild.rebuilt},          {"equal", rebuild.is_equal()}, {"paths", std::move(paths)}};
}

std::string rebuild_text(const fs::path& image, const Rebuild& rebuild) {
  if (rebuild.is_equal())
    return fmt::format("{} was built again, elsewhere and otherwise: the same commit\n  {}\n", image.string(),
                       rebuild.commit);
  std::string text = fmt::format("{} cannot be built again: {} paths differ\n  it is      {}\n  rebuilt as {}\n",
                                 image.string(), rebuild.paths.size(), rebuild.commit, rebuild.rebuilt);
  for (std::size_t i = 0; i < std::min(rebuild.paths.size(), kMostPaths); ++i) {
    const auto& [change, makers] = rebuild.paths[i];
    text += fmt::format("  {} {}{}{}\n", sign_of(change.kind), printable(change.path), change.what.empty() ? "" : ": ",
                        fmt::join(change.what, ", "));
    text += fmt::format("      by {}\n", makers.empty() ? "nobody in particular" : printable(makers.back()));
  }
  if (rebuild.paths.size() > kMostPaths)
    text += fmt::format("  … and {} more; --json lists all\n", rebuild.paths.size() - kMostPaths);
  return text;
}

int verify_by_rebuild(const Globals& globals, const VerifyArguments& arguments) {
  const Manifest manifest = read_manifest(arguments.image);
  const fs::path lock_file = arguments.image / manifest.lock;
  const Lock lock = read_lock(read_file(lock_file), lock_file.string());
  const std::string name = arguments.recipe.empty() ? manifest.recipe : arguments.recipe;
  const Recipe recipe =
      load_recipe(lock.variant.empty() ? name : name + "@" + lock.variant, {manifest.architecture, {}});
  BuildOptions options;
  options.store = arguments.store;
  add_mirrors_of_environment(options.mirrors, recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      if (globals.offline) leave_network();
      const Rebuild rebuild = rebuild_image(run, arguments.image, recipe, options);
      globals.json ? print_json(rebuild_json(arguments.image, rebuild)) : print(rebuild_text(arguments.image, rebuild));
      return static_cast<int>(rebuild.is_equal() ? Exit::done : Exit::bad_verdict);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<VerifyArguments>();
  app.add_option("IMAGE", arguments->image, "the directory that `build --out` wrote")->required();
  app.add_option("--openpgp-key", arguments->openpgp, "trust this public key instead of the manifest's")
      ->type_name("FILE");
  app.add_option("--ed25519-key", arguments->ed25519, "trust this public key (PEM or base64) instead of the manifest's")
      ->type_name("FILE");
  app.add_flag("--rebuild", arguments->rebuild, "build it a second time, otherwise, and compare every path");
  app.add_option("--recipe", arguments->recipe, "with --rebuild: where its recipe lies now")->type_name("NAME");
  app.add_option("--store", arguments->store, "with --rebuild: where downloads are kept (default: the cache)")
      ->type_name("DIR");
  return [arguments](RunContext& run, const Globals& globals) {
    return arguments->rebuild ? verify_by_rebuild(globals, *arguments) : verify(run, globals, *arguments);
  };
}

}  // namespace

Verb verify_verb() {
  return {"verify", "Check both signatures and every hash of an image, or build it a second time",
          "ainode verify out/qemu-base\n"
          "ainode verify out/qemu-base --rebuild   # which paths come out otherwise, and who made them\n"
          "ainode verify out/qemu-base --openpgp-key release/openpgp.pub.asc --ed25519-key release/ed25519.pub.pem",
          define};
}

}  // namespace ainode::cli
