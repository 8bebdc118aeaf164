// SPDX-License-Identifier: Apache-2.0
// Key directories: named, never embedded, readable by their owner alone, and never replaced.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/outputs/openpgp.h"
#include "builder/outputs/outputs.h"

namespace ainode {
namespace {

constexpr std::array<const char*, 3> kSecretFiles{"openpgp.asc", "ed25519.pem", "ecdsa-p256.pem"};
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_";

void check_name(const std::string& name) {
  if (!name.empty() && name.size() <= 64 && name.front() != '-' &&
      name.find_first_not_of(kNameCharacters) == std::string::npos)
    return;
  throw Error(codes::bad_value, fmt::format("`{}` cannot be a key's name", printable(name)))
      .help("use lower-case letters, digits, `-` and `_`");
}

// ci-release → AINODE_KEY_CI_RELEASE
std::string variable_of(const std::string& name) {
  std::string variable = "AINODE_KEY_" + name;
  for (char& letter : variable) {
    if (letter == '-') letter = '_';
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return variable;
}

fs::path key_path(const std::string& name) {
  check_name(name);
  const char* elsewhere = std::getenv(variable_of(name).c_str());
  if (elsewhere && *elsewhere) return fs::absolute(elsewhere);
  return config_directory() / "keys" / name;
}

// Whether it exists; throws when it does and is not for its owner alone.
bool is_private_file(const fs::path& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    throw system_error("read " + path.string(), errno);
  }
  if (!S_ISREG(status.st_mode)) throw Error(codes::key_malformed, path.string() + " is not a file");
  if (status.st_mode & 077)
    throw Error(codes::key_permissions, fmt::format("{} can be read by others (mode {:04o})", path.string(),
                                                    static_cast<unsigned>(status.st_mode & 07777)))
        .help("chmod 600 " + path.string());
  return true;
}

void write_key_files(const fs::path& directory, const std::string& user_id) {
  const OpenPgpKey openpgp = generate_openpgp_key(user_id);
  const PrivateKey ed25519 = PrivateKey::generate_ed25519(), p256 = PrivateKey::generate_p256();
  write_file(directory / "openpgp.asc", openpgp.secret, 0600);
  write_file(directory / "openpgp.pub.asc", openpgp.public_part);
  write_file(directory / "ed25519.pem", ed25519.pem(), 0600);
  write_file(directory / "ed25519.pub.pem", ed25519.public_pem());
  write_file(directory / "ecdsa-p256.pem", p256.pem(), 0600);
  write_file(directory / "ecdsa-p256.pub.pem", p256.public_pem());
}

Error key_exists(const std::string& name, const fs::path& path) {
  Error error(codes::key_exists, fmt::format("key `{}` exists already in {}", name, path.string()));
  error.help("choose another name; a key is never replaced, since what it signed would no longer verify");
  return error;
}

}  // namespace

KeyDirectory find_key(const std::string& name) {
  KeyDirectory key{name, key_path(name)};
  std::error_code ignored;
  if (!fs::is_directory(key.path, ignored))
    throw Error(codes::key_missing, fmt::format("there is no key `{}`: {} does not exist", name, key.path.string()))
        .help(fmt::format("make it with `ainode key gen {}`, or name its directory in {}", name, variable_of(name)));
  int found = 0;
  for (const char* file : kSecretFiles) found += is_private_file(key.path / file);
  if (found == 0)
    throw Error(codes::key_missing,
                fmt::format("there is no key `{}`: {} holds none of its files", name, key.path.string()))
        .help(fmt::format("it needs at least `{}` and `{}`", kSecretFiles[0], kSecretFiles[1]));
  return key;
}

KeyDirectory generate_key(RunContext& run, const std::string& name, const std::string& user_id) {
  KeyDirectory key{name, key_path(name)};
  if (std::any_of(user_id.begin(), user_id.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }))
    throw Error(codes::bad_value, "a key's user id with control characters");
  if (fs::exists(fs::symlink_status(key.path))) throw key_exists(name, key.path);
  make_directories(key.path.parent_path(), 0700);
  const TemporaryDirectory work(key.path.parent_path(), ".new-key-");
  write_key_files(work.path(), user_id);
  if (renameat2(AT_FDCWD, work.path().c_str(), AT_FDCWD, key.path.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) throw key_exists(name, key.path);
    throw system_error("create " + key.path.string(), errno);
  }
  run.events.detail("key", fmt::format("wrote {}", key.path.string()));
  return key;
}

}  // namespace ainode
