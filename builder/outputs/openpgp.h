// SPDX-License-Identifier: Apache-2.0
// OpenPGP through gpg and gpgv on bytes, each call in a private home that no agent outlives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ainode {

struct OpenPgpKey {
  std::string fingerprint;  ///< of the primary key, 40 upper-case hex digits
  std::string secret;       ///< armoured; empty when only the public half is known
  std::string public_part;  ///< armoured
};

/// An ed25519 signing key without expiry, created at a fixed early time. Throws tool_missing, process_failed.
OpenPgpKey generate_openpgp_key(const std::string& user_id);

struct OpenPgpSignature {
  OpenPgpKey key;         ///< without the secret
  std::string signature;  ///< binary
};
/// A detached signature made at `epoch`: the same bytes, key and epoch give the same signature. `origin` names the key
/// in errors: key_malformed (no secret key, several, or one with a passphrase), signing_failed.
OpenPgpSignature sign_openpgp(const std::string& armoured_secret, const std::string& origin, const std::string& bytes,
                              std::int64_t epoch);

enum class OpenPgpVerdict { good, bad, expired_key, unknown_key, unreadable };
/// Judges one detached binary signature by gpgv's status lines. Throws key_malformed for a public key that is not
/// armoured.
OpenPgpVerdict verify_openpgp(const std::string& armoured_public, const std::string& bytes,
                              const std::string& signature);

/// The binary key behind its armour, checksum included (RFC 4880, section 6). Throws key_malformed naming `origin`.
std::string dearmour(std::string_view armoured, const std::string& origin);

}  // namespace ainode
