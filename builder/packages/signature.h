// SPDX-License-Identifier: Apache-2.0
// Who signed an InRelease file, and what exactly was signed (TRUST fact 4).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ainode {

/// What a clear-signed file says, once its signature was found good.
struct SignedText {
  std::string text;
  std::string signer;  ///< fingerprint of the primary key, 40 hex digits; the first good signature's
};

/// The envelope alone: refuses bytes before, between and after the armour (metadata_unsigned_text), and what is not
/// clear-signed at all (signature_missing). Returns the signed text with dash escapes undone, without its last newline.
std::string open_envelope(std::string_view inrelease, const std::string& subject);

/// Judges gpgv's status lines: at least one good signature by a key of the keyring and none that is bad.
/// Returns the signer. Throws signature_bad, signer_unknown, signature_key_expired or signature_missing.
std::string judge_signatures(std::string_view status_lines, const std::string& subject);

/// Runs gpgv over the file with this keyring and nothing else. `subject` names it in errors: "InRelease of debian
/// trixie". The keyring is a file of keys, binary or armoured. Throws keyring_missing, key_malformed and tool_missing
/// besides the above.
SignedText verify_inrelease(const std::string& inrelease, const std::filesystem::path& keyring,
                            const std::string& subject);

}  // namespace ainode
