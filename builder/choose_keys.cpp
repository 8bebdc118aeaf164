// SPDX-License-Identifier: Apache-2.0
// A development key is a convenience of the first build only: once the machine has a key of its own, a missing one is
// an error.
#include "builder/choose_keys.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {

namespace {

bool has_own_keys(const std::string& development) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(config_directory() / "keys", ignored)) {
    if (entry.path().filename() != development) return true;
  }
  return false;
}

KeyDirectory development_key(RunContext& run, const std::string& name) {
  try {
    return find_key(name);
  } catch (const Error& error) {
    if (error.code().id != codes::key_missing.id) throw;
  }
  try {
    return generate_key(run, name, "ainode development key (not for release)");
  } catch (const Error& error) {
    if (error.code().id != codes::key_exists.id) throw;
    return find_key(name);  // another build was faster
  }
}

/// One kind's key. Where the recipe names none, or the machine has no key of its own, a development key that says so in
/// its name.
KeyDirectory choose_key(RunContext& run, const Text& wish, const char* kind, const BuildOptions& options) {
  if (wish.value.empty()) {
    run.events.warn("sign",
                    fmt::format("the recipe names no {} key (signing.ostree): signing with the development key", kind));
    return development_key(run, options.development_key);
  }
  try {
    return find_key(wish.value);
  } catch (const Error& error) {
    if (error.code().id != codes::key_missing.id || has_own_keys(options.development_key)) throw;
  }
  run.events.warn(
      "sign", fmt::format("no {1} key `{0}` yet: signing with the development key; for a release: ainode key gen {0}",
                          wish.value, kind));
  return development_key(run, options.development_key);
}

}  // namespace

SigningKeys choose_keys(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  return {choose_key(run, recipe.signing.openpgp, "OpenPGP", options),
          choose_key(run, recipe.signing.ed25519, "ed25519", options)};
}

std::optional<SigningKeys> keys_if_any(const Recipe& recipe, const BuildOptions& options) {
  const auto key = [&](const Text& wish) -> std::optional<KeyDirectory> {
    for (const std::string& name : {wish.value, options.development_key}) {
      if (name.empty()) continue;
      try {
        return find_key(name);
      } catch (const Error& error) {
        if (error.code().id != codes::key_missing.id || has_own_keys(options.development_key)) return std::nullopt;
      }
    }
    return std::nullopt;
  };
  auto openpgp = key(recipe.signing.openpgp), ed25519 = key(recipe.signing.ed25519);
  if (!openpgp || !ed25519) return std::nullopt;
  return SigningKeys{std::move(*openpgp), std::move(*ed25519)};
}

}  // namespace ainode
