// SPDX-License-Identifier: Apache-2.0
// From a commit to what is shipped: signatures and disk images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/manifest.h"
#include "base/recipe.h"
#include "builder/sandbox/tools_tree.h"
#include "builder/store/store.h"

namespace ainode {

/// A directory $XDG_CONFIG_HOME/ainode/keys/NAME: openpgp.asc, ed25519.pem, ecdsa-p256.pem (0600) and openpgp.pub.asc,
/// ed25519.pub.pem, ecdsa-p256.pub.pem. AINODE_KEY_<NAME> names another such directory.
struct KeyDirectory {
  std::string name;
  std::filesystem::path path;
};
/// Throws key_missing (with the cure `ainode key gen NAME`), key_permissions.
KeyDirectory find_key(const std::string& name);
/// Throws key_exists rather than replace one. The directory appears whole.
KeyDirectory generate_key(RunContext& run, const std::string& name, const std::string& user_id);

struct CommitSignature {
  std::string openpgp_fingerprint;
  std::string openpgp_public;  ///< armoured
  std::string ed25519_public;  ///< base64 of the 32 raw bytes
};
/// Detached metadata by ostree's keys ("ostree.gpgsigs", "ostree.sign.ed25519"), and who made it.
struct SignedBytes {
  CommitSignature keys;
  std::map<std::string, std::vector<std::string>> signatures;
};
/// Signs raw commit bytes with OpenPGP (made at `epoch`, so deterministic) and ed25519. Throws key_malformed,
/// signing_failed, tool_missing.
SignedBytes sign_commit_bytes(const std::string& commit_bytes, const KeyDirectory& openpgp, const KeyDirectory& ed25519,
                              std::int64_t epoch);
/// Signs the commit and stores both signatures as detached metadata.
CommitSignature sign_commit(RunContext& run, Store& store, const std::string& commit, const KeyDirectory& openpgp,
                            const KeyDirectory& ed25519, std::int64_t epoch);
/// Checks both signatures of raw commit bytes against public keys. Throws commit_unsigned or commit_signature_bad.
void verify_commit_signatures(const std::string& commit_bytes,
                              const std::map<std::string, std::vector<std::string>>& signatures,
                              const std::string& openpgp_public, const std::string& ed25519_public);

struct DiskOptions {
  std::string os_name = "ainode";
  std::string architecture = "amd64";
  std::string ref;
  std::vector<Partition> partitions;
  std::vector<std::string> kernel_arguments;  ///< without root= and ostree=
  std::string openpgp_public;                 ///< goes into the deployment's remote configuration
  std::int64_t epoch = 0;
  std::string seed;  ///< UUIDs derive from it (the recipe's digest)
};
/// The whole command line of the disk's boot entry, without `ostree=`: where the root is, then the recipe's arguments.
std::vector<std::string> disk_kernel_arguments(const DiskOptions& options);
/// A GPT disk with an ESP and an ext4 root that holds an OSTree system deployment of the commit; uncompressed qcow2 at
/// `output`. Deterministic; needs no root, no loop device, no mount. Throws disk_too_small, tool_failed, disk_full.
void make_disk(RunContext& run, const Store& store, const std::string& commit, const ToolsTree& tools,
               const DiskOptions& options, const std::filesystem::path& output);

}  // namespace ainode
