// SPDX-License-Identifier: Apache-2.0
// Two signatures over a commit's raw bytes: OpenPGP for stock clients, ed25519 beside it. Both are deterministic, so a
// disk that carries them still has one digest.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/outputs/openpgp.h"
#include "builder/outputs/outputs.h"

namespace ainode {
namespace {

constexpr const char* kOpenPgpKey = "ostree.gpgsigs";
constexpr const char* kEd25519Key = "ostree.sign.ed25519";

using Signatures = std::map<std::string, std::vector<std::string>>;

const std::vector<std::string>& signatures_of_kind(const Signatures& signatures, const char* key, const char* kind,
                                                   const std::string& commit) {
  const auto found = signatures.find(key);
  if (found != signatures.end() && !found->second.empty()) return found->second;
  throw Error(codes::commit_unsigned, fmt::format("commit {} has no {} signature", commit, kind));
}

Error bad_signature(const std::string& commit, std::string_view kind, std::string_view why) {
  Error error(codes::commit_signature_bad, fmt::format("the {} signature of commit {} {}", kind, commit, why));
  error.help("the commit, its signature or the public key was changed; do not use the image");
  return error;
}

const char* reason(OpenPgpVerdict verdict) {
  switch (verdict) {
    case OpenPgpVerdict::bad:
      return "is wrong";
    case OpenPgpVerdict::expired_key:
      return "is by an expired or revoked key";
    case OpenPgpVerdict::unknown_key:
      return "is by another key";
    default:
      return "cannot be read";
  }
}

std::string read_secret(const KeyDirectory& key, const fs::path& file) {
  if (auto text = read_file_if_any(file)) return *text;
  throw Error(codes::key_missing, fmt::format("key `{}` is incomplete: {} does not exist", key.name, file.string()))
      .help("restore the file, or make another key with `ainode key gen NAME`");
}

// Signatures by other keys may stand beside ours; one that claims to be ours and is not right is an alarm.
void verify_openpgp_signatures(const std::string& bytes, const std::string& commit, const Signatures& signatures,
                               const std::string& public_key) {
  bool is_signed = false;
  OpenPgpVerdict last = OpenPgpVerdict::unreadable;
  for (const std::string& signature : signatures_of_kind(signatures, kOpenPgpKey, "OpenPGP", commit)) {
    last = verify_openpgp(public_key, bytes, signature);
    if (last == OpenPgpVerdict::bad) throw bad_signature(commit, "OpenPGP", reason(last));
    is_signed |= last == OpenPgpVerdict::good;
  }
  if (!is_signed) throw bad_signature(commit, "OpenPGP", reason(last));
}

// An ed25519 signature names no key, so another key's cannot be told from a wrong one: one must fit.
void verify_ed25519_signatures(const std::string& bytes, const std::string& commit, const Signatures& signatures,
                               const std::string& raw_public) {
  const auto& all = signatures_of_kind(signatures, kEd25519Key, "ed25519", commit);
  if (std::any_of(all.begin(), all.end(),
                  [&](const std::string& one) { return ed25519_verifies(raw_public, bytes, one); }))
    return;
  throw bad_signature(commit, "ed25519", "is wrong or by another key");
}

}  // namespace

SignedBytes sign_commit_bytes(const std::string& commit_bytes, const KeyDirectory& openpgp, const KeyDirectory& ed25519,
                              std::int64_t epoch) {
  const fs::path openpgp_file = openpgp.path / "openpgp.asc", ed25519_file = ed25519.path / "ed25519.pem";
  const OpenPgpSignature by_openpgp =
      sign_openpgp(read_secret(openpgp, openpgp_file), openpgp_file.string(), commit_bytes, epoch);
  const PrivateKey key = PrivateKey::from_pem(read_secret(ed25519, ed25519_file), ed25519_file.string());
  if (!key.is_ed25519()) throw Error(codes::key_malformed, ed25519_file.string() + " is not an ed25519 key");
  SignedBytes result;
  result.keys = {by_openpgp.key.fingerprint, by_openpgp.key.public_part, to_base64(key.raw_public())};
  result.signatures = {{kOpenPgpKey, {by_openpgp.signature}}, {kEd25519Key, {key.sign(commit_bytes)}}};
  return result;
}

CommitSignature sign_commit(RunContext& run, Store& store, const std::string& commit, const KeyDirectory& openpgp,
                            const KeyDirectory& ed25519, std::int64_t epoch) {
  const std::string bytes = store.commit_bytes(commit);
  const SignedBytes result = sign_commit_bytes(bytes, openpgp, ed25519, epoch);
  // Read again by gpgv, which shares neither agent nor home with the signing gpg.
  verify_commit_signatures(bytes, result.signatures, result.keys.openpgp_public, result.keys.ed25519_public);
  store.write_signatures(commit, result.signatures);
  run.events.detail("sign", fmt::format("OpenPGP key {}, ed25519 key {}", result.keys.openpgp_fingerprint,
                                        result.keys.ed25519_public));
  return result.keys;
}

void verify_commit_signatures(const std::string& commit_bytes, const Signatures& signatures,
                              const std::string& openpgp_public, const std::string& ed25519_public) {
  const std::string commit = sha256_hex(commit_bytes);
  verify_openpgp_signatures(commit_bytes, commit, signatures, openpgp_public);
  verify_ed25519_signatures(commit_bytes, commit, signatures, from_base64(ed25519_public));
}

}  // namespace ainode
