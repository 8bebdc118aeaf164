// SPDX-License-Identifier: Apache-2.0
// gpg wants a home, a socket with a short path and an agent; all three live for one call only.
#include "builder/outputs/openpgp.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {
namespace {

constexpr std::chrono::minutes kDeadline{2};
constexpr const char* kSharedMemory = "/dev/shm";

// The agent's socket must fit in 108 bytes, so TMPDIR may be too long; and secrets are better kept off the disk.
fs::path short_directory() {
  for (const char* candidate : {kSharedMemory, "/tmp"})
    if (access(candidate, W_OK | X_OK) == 0) return candidate;
  return fs::temp_directory_path();
}

// Containment needs a pid namespace, which an ordinary user outside the build's user namespace may not have.
bool can_contain() {
  static const bool answer = [] {
    try {
      Command command;
      command.argv = {"true"};
      command.contain = true;
      return geteuid() == 0 && run_process(command).succeeded();
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id) throw;
      return false;
    }
  }();
  return answer;
}

/// Memory that only a build's own mount namespace sees over a directory: however the build ends, all below is gone. An
/// empty path asks for nothing.
class PrivateMemory {
 public:
  explicit PrivateMemory(const fs::path& over) : over_(is_in_user_namespace() ? over.string() : "") {
    if (over_.empty()) return;
    if (mount("tmpfs", over_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=64m") != 0)
      throw system_error("mount a tmpfs over " + over_, errno);
  }
  PrivateMemory(const PrivateMemory&) = delete;
  ~PrivateMemory() {
    if (!over_.empty()) umount2(over_.c_str(), MNT_DETACH);
  }

 private:
  std::string over_;
};

/// A private GNUPGHOME. At its end no agent lives and nothing of it is left.
class OpenPgpHome {
 public:
  OpenPgpHome()
      : around_(is_shared_memory() ? kSharedMemory : ""),
        directory_(short_directory(), "ainode-gpg-"),
        within_(is_shared_memory() ? fs::path() : directory_.path()) {}
  OpenPgpHome(const OpenPgpHome&) = delete;
  ~OpenPgpHome() {
    if (can_contain()) return;
    try {
      Command command = base_command({"gpgconf", "--homedir", directory_.path().string(), "--kill", "gpg-agent"});
      run_process(command);
    } catch (const std::exception&) {  // a destructor may not throw; an agent without its home ends by itself
    }
  }

  ProcessResult gpg(std::vector<std::string> arguments, std::string input = {}) const {
    std::vector<std::string> argv = {"gpg",          "--homedir", directory_.path().string(), "--no-options",
                                     "--batch",      "--no-tty",  "--pinentry-mode",          "loopback",
                                     "--passphrase", ""};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Command command = base_command(std::move(argv));
    command.input = std::move(input);
    command.contain = can_contain();
    return run_process(command);
  }

  ProcessResult gpgv(const std::string& keyring, const std::string& bytes, const std::string& signature) const {
    const fs::path base = directory_.path();
    write_file(base / "keyring.gpg", keyring, 0600);
    write_file(base / "signature", signature, 0600);
    // The name `-` makes gpgv read the signed bytes from its standard input.
    Command command = base_command({"gpgv", "--homedir", base.string(), "--keyring", (base / "keyring.gpg").string(),
                                    "--ignore-time-conflict", "--status-fd", "1", (base / "signature").string(), "-"});
    command.input = bytes;
    return run_process(command);
  }

 private:
  Command base_command(std::vector<std::string> argv) const {
    const std::string home = directory_.path().string();
    Command command;
    command.argv = std::move(argv);
    command.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                           {"LC_ALL", "C"},
                           {"TZ", "UTC"},
                           {"HOME", home},
                           {"GNUPGHOME", home}};
    command.directory = directory_.path();
    command.deadline = kDeadline;
    return command;
  }

  static bool is_shared_memory() { return short_directory() == kSharedMemory; }

  // Over all of /dev/shm, not even an empty directory outlives a kill; /tmp may hold what others of this process use,
  // so there the memory lies over the home alone.
  PrivateMemory around_;
  TemporaryDirectory directory_;
  PrivateMemory within_;
};

std::string last_lines(const std::string& errors) {
  const std::string text = errors.size() > 600 ? errors.substr(errors.size() - 600) : errors;
  return printable(text.substr(0, text.find_last_not_of('\n') + 1));
}

std::string require(const ProcessResult& result, const ErrorCode& code, const std::string& what) {
  if (result.succeeded()) return result.output;
  throw Error(code, what).chain(result.timed_out ? "gpg did not end in time" : last_lines(result.errors));
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// gpg's doc/DETAILS: a `sec` record, then the `fpr` record of the primary key.
std::vector<std::string> secret_fingerprints(const OpenPgpHome& home) {
  std::vector<std::string> found;
  bool is_primary = false;
  for (const std::string& line : split(home.gpg({"--with-colons", "--list-secret-keys"}).output, '\n')) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.empty()) continue;
    if (fields[0] == "fpr" && is_primary && fields.size() > 9) found.push_back(fields[9]);
    if (fields[0] == "sec" || fields[0] == "fpr") is_primary = fields[0] == "sec";
  }
  return found;
}

std::string export_public(const OpenPgpHome& home, const std::string& fingerprint) {
  return require(home.gpg({"--armor", "--export-options", "export-minimal", "--export", fingerprint}),
                 codes::process_failed, "gpg could not export OpenPGP key " + fingerprint);
}

// gpg's doc/DETAILS: "FAILURE location code"; the code's low half is libgpg-error's BAD_PASSPHRASE or NO_PASSPHRASE.
bool lacks_passphrase(const std::string& status_lines) {
  for (const std::string& line : split(status_lines, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() != 4 || words[0] != "[GNUPG:]" || words[1] != "FAILURE") continue;
    const unsigned long code = std::strtoul(words[3].c_str(), nullptr, 10) & 0xffff;
    if (code == 11 || code == 177) return true;
  }
  return false;
}

std::uint32_t crc24(std::string_view bytes) {
  std::uint32_t crc = 0xb704ce;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) << 16;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x800000) ? 0x1864cfb : 0);
  }
  return crc & 0xffffff;
}

}  // namespace

OpenPgpKey generate_openpgp_key(const std::string& user_id) {
  const OpenPgpHome home;
  // A signature may not be older than its key, and commits are signed at their build's epoch, which may lie in the
  // past: so the key's own time is earlier than any archive that we build from.
  require(home.gpg({"--faked-system-time", "20200101T000000!", "--quick-generate-key", "--", user_id, "ed25519", "sign",
                    "never"}),
          codes::process_failed, "gpg could not make a key");
  OpenPgpKey key;
  const std::vector<std::string> fingerprints = secret_fingerprints(home);
  if (fingerprints.size() != 1) throw Error(codes::process_failed, "gpg made a key that it does not list");
  key.fingerprint = fingerprints.front();
  key.secret = require(home.gpg({"--armor", "--export-secret-keys", key.fingerprint}), codes::process_failed,
                       "gpg could not export OpenPGP key " + key.fingerprint);
  key.public_part = export_public(home, key.fingerprint);
  return key;
}

OpenPgpSignature sign_openpgp(const std::string& armoured_secret, const std::string& origin, const std::string& bytes,
                              std::int64_t epoch) {
  const OpenPgpHome home;
  require(home.gpg({"--import"}, armoured_secret), codes::key_malformed,
          origin + " does not hold an OpenPGP secret key");
  const std::vector<std::string> fingerprints = secret_fingerprints(home);
  if (fingerprints.size() != 1)
    throw Error(codes::key_malformed,
                fmt::format("{} holds {} OpenPGP secret keys, not one", origin, fingerprints.size()));
  OpenPgpSignature result;
  result.key.fingerprint = fingerprints.front();
  result.key.public_part = export_public(home, result.key.fingerprint);
  const ProcessResult signing =
      home.gpg({"--status-fd", "2", "--faked-system-time", std::to_string(epoch) + "!", "--digest-algo", "SHA512",
                "--local-user", result.key.fingerprint, "--output", "-", "--detach-sign", "-"},
               bytes);
  if (lacks_passphrase(signing.errors))
    throw Error(codes::key_malformed, origin + " is protected by a passphrase")
        .help("store the key without one, in a file that only its owner can read");
  if (!signing.succeeded())
    throw Error(codes::signing_failed, fmt::format("gpg could not sign with {} at time {}", origin, epoch))
        .chain(last_lines(signing.errors))
        .help("the key must not be newer than what it signs, nor expired at that time");
  result.signature = signing.output;
  return result;
}

OpenPgpVerdict verify_openpgp(const std::string& armoured_public, const std::string& bytes,
                              const std::string& signature) {
  const OpenPgpHome home;
  const ProcessResult result = home.gpgv(dearmour(armoured_public, "the OpenPGP public key"), bytes, signature);
  bool is_valid = false, is_bad = false, is_expired = false, is_unknown = false;
  for (const std::string& line : split(result.output, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() < 2 || words[0] != "[GNUPG:]") continue;
    is_valid |= words[1] == "VALIDSIG";
    is_bad |= words[1] == "BADSIG";
    is_expired |= words[1] == "EXPKEYSIG" || words[1] == "REVKEYSIG" || words[1] == "EXPSIG";
    is_unknown |= words[1] == "NO_PUBKEY";
  }
  // VALIDSIG also accompanies a signature whose key has expired or was revoked.
  if (is_bad) return OpenPgpVerdict::bad;
  if (is_expired) return OpenPgpVerdict::expired_key;
  if (is_valid && result.succeeded()) return OpenPgpVerdict::good;
  return is_unknown ? OpenPgpVerdict::unknown_key : OpenPgpVerdict::unreadable;
}

std::string dearmour(std::string_view armoured, const std::string& origin) {
  const auto malformed = [&](const char* what) { return Error(codes::key_malformed, origin + " " + what); };
  std::string body, checksum;
  enum { before, headers, data, after } state = before;
  for (std::string line : split(std::string(armoured), '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    if (state == before && line.empty()) continue;
    if (state == before) {
      if (!line.starts_with("-----BEGIN PGP ")) throw malformed("is not in OpenPGP armour");
      state = headers;
    } else if (state == headers) {
      if (line.empty()) state = data;
    } else if (state == data) {
      if (line.starts_with("-----END PGP "))
        state = after;
      else if (line.starts_with('='))
        checksum = line.substr(1);
      else
        body += line;
    } else if (!line.empty()) {
      throw malformed("has text behind its OpenPGP armour");
    }
  }
  if (state != after) throw malformed("is truncated or not in OpenPGP armour");
  try {
    std::string bytes = from_base64(body);
    const std::string crc = from_base64(checksum);
    const std::uint32_t sum = crc24(bytes);
    const char expected[3] = {static_cast<char>(sum >> 16), static_cast<char>(sum >> 8), static_cast<char>(sum)};
    if (!checksum.empty() && crc != std::string_view(expected, 3)) throw malformed("has a wrong armour checksum");
    return bytes;
  } catch (const Error& error) {
    if (error.code().id == codes::key_malformed.id) throw;
    throw malformed("is not valid OpenPGP armour");
  }
}

}  // namespace ainode
