// SPDX-License-Identifier: Apache-2.0
// The keys that a user trusts, from the files that hold their public halves.
#pragma once

#include <filesystem>

#include "builder/build_image.h"

namespace ainode {

/// `ed25519` is PEM, or base64 as the manifest has it. An empty path: the manifest's own key. Throws key_missing,
/// key_malformed.
VerifyOptions trust_keys_in(const std::filesystem::path& openpgp, const std::filesystem::path& ed25519);

}  // namespace ainode
