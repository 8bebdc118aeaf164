// SPDX-License-Identifier: Apache-2.0
// Which keys sign an image.
#pragma once

#include <optional>

#include "base/recipe.h"
#include "builder/build_image.h"
#include "builder/outputs/outputs.h"

namespace ainode {

struct SigningKeys {
  KeyDirectory openpgp, ed25519;
};

/// Each kind's key as the recipe names it; where it names none, or this machine has no key of its own, a development
/// key that says so in its name, made on first use. Throws key_missing.
SigningKeys choose_keys(RunContext& run, const Recipe& recipe, const BuildOptions& options);

/// The same without making or telling anything; nothing where a key would have to be made or is missing.
std::optional<SigningKeys> keys_if_any(const Recipe& recipe, const BuildOptions& options);

}  // namespace ainode
