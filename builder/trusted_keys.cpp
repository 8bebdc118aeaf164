// SPDX-License-Identifier: Apache-2.0
#include "builder/trusted_keys.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"

namespace ainode {

namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{1} << 20;

std::string read_key(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw Error(codes::key_missing, fmt::format("there is no key file {}", file.string()))
        .help("name the public half, such as openpgp.pub.asc or ed25519.pub.pem");
  return read_file(file, kMaxKeyFile);
}

/// Base64 of the 32 raw bytes, as the manifest has it, from PEM or from that same base64.
std::string ed25519_base64(const fs::path& file) {
  std::string text = read_key(file);
  if (text.starts_with("-----BEGIN")) return to_base64(ed25519_public_from_pem(text, file.string()));
  text.erase(text.find_last_not_of(" \n\r\t") + 1);
  return text;
}

}  // namespace

VerifyOptions trust_keys_in(const fs::path& openpgp, const fs::path& ed25519) {
  VerifyOptions options;
  if (!openpgp.empty()) options.trusted_openpgp = read_key(openpgp);
  if (!ed25519.empty()) options.trusted_ed25519 = ed25519_base64(ed25519);
  return options;
}

}  // namespace ainode
