// SPDX-License-Identifier: Apache-2.0
// The whole builder as one call: from a recipe to an image directory.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/manifest.h"
#include "base/recipe.h"
#include "base/steps.h"
#include "builder/packages/repositories.h"

namespace ainode {

struct BuildOptions {
  std::filesystem::path out;
  std::filesystem::path store;   ///< default: cache_directory()
  std::filesystem::path vendor;  ///< a directory that `vendor` wrote: packages come from there, not from the network
  bool locked = false;           ///< refuse a lock that does not fit
  MirrorOptions mirrors;
  std::string development_key = "development";
};

struct BuildResult {
  Manifest manifest;
  bool unchanged = false;  ///< nothing had to be done
};

/// Must run inside in_user_namespace().
BuildResult build_image(RunContext& run, const Recipe& recipe, const BuildOptions& options);

/// Re-hashes the image directory's repository, checks both signatures and every output's digest against the manifest.
/// `trusted_openpgp` and `trusted_ed25519` replace the manifest's own public keys when given.
struct VerifyOptions {
  std::optional<std::string> trusted_openpgp, trusted_ed25519;
};
void verify_image(RunContext& run, const std::filesystem::path& image, const VerifyOptions& options);

}  // namespace ainode
