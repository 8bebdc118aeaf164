// SPDX-License-Identifier: Apache-2.0
// The clear-signed envelope, opened by our own strict reader, and gpgv's verdict on it, read from its status lines:
// gpgv's exit status and output say too little (it writes text that is badly signed, and drops text around the armour).
#include "builder/packages/signature.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "builder/packages/deb822.h"

namespace ainode {

namespace {

constexpr std::string_view kBeginText = "-----BEGIN PGP SIGNED MESSAGE-----";
constexpr std::string_view kBeginSignature = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kEndSignature = "-----END PGP SIGNATURE-----";
constexpr std::string_view kBeginKeys = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kEndKeys = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr std::size_t kMostKeyringBytes = std::size_t{16} << 20;
constexpr std::string_view kStatusPrefix = "[GNUPG:] ";
constexpr auto kGpgvDeadline = std::chrono::seconds(60);

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return true;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool looks_like_web_page(std::string_view text) {
  const std::string_view start = trim_blanks(text.substr(0, 1024));
  return start.starts_with("<") || start.find("<html") != std::string_view::npos;
}

Error unsigned_error(std::string_view text, const std::string& subject) {
  Error error(codes::signature_missing, fmt::format("{} is not signed", subject));
  if (looks_like_web_page(text)) {
    error.help("the server answered with a web page; is there a login page or a proxy in between?");
  } else {
    error.help("only a clear-signed InRelease file is accepted");
  }
  return error;
}

Error outside_error(const std::string& subject, const std::string& where) {
  return Error(codes::metadata_unsigned_text, fmt::format("{} holds text {}", subject, where))
      .help("such text is not covered by the signature: the mirror or something in between changed the file");
}

/// Armour: headers, an empty line, base64 lines. Anything else could hide text.
bool is_armour_line(std::string_view line) {
  if (line.starts_with("Version: ") || line.starts_with("Comment: ")) return true;
  return std::all_of(line.begin(), line.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
  });
}

void read_armour(Lines& lines, const std::string& subject) {
  std::string_view line;
  while (lines.next(line)) {
    if (line == kEndSignature) {
      if (!lines.rest().empty()) throw outside_error(subject, "after its signature");
      return;
    }
    if (!is_armour_line(line)) throw outside_error(subject, "inside its signature");
  }
  throw Error(codes::signature_bad, fmt::format("{} ends inside its signature", subject))
      .help("the download was cut short; try again");
}

std::string_view without_last_newlines(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

/// What the status lines say, summed over all signatures.
struct Tally {
  std::string signer;  // of the first good signature
  bool has_bad = false, has_expired_key = false, has_revoked_key = false, has_unknown_key = false,
       has_weak_hash = false;
  std::string unknown_key;
};

/// OpenPGP's numbers: 8, 9, 10 and 11 are the SHA-2 family; 1 is MD5, 2 SHA-1, 3 RIPEMD-160.
bool is_strong_hash(std::string_view number) {
  return number == "8" || number == "9" || number == "10" || number == "11";
}

Tally tally(std::string_view status_lines) {
  Tally sum;
  bool is_good = false;  // the current signature's first line was GOODSIG
  Lines lines(status_lines);
  std::string_view line;
  while (lines.next(line)) {
    if (!line.starts_with(kStatusPrefix)) continue;
    const auto words = split_words(line.substr(kStatusPrefix.size()));
    if (words.empty()) continue;
    const std::string_view word = words[0];
    if (word == "NEWSIG") is_good = false;
    if (word == "GOODSIG") is_good = true;
    if (word == "BADSIG") sum.has_bad = true;
    if (word == "EXPKEYSIG" || word == "EXPSIG") sum.has_expired_key = true;
    if (word == "REVKEYSIG") sum.has_revoked_key = true;
    if (word == "NO_PUBKEY") {
      sum.has_unknown_key = true;
      if (sum.unknown_key.empty() && words.size() > 1) sum.unknown_key = words[1];
    }
    if (word == "VALIDSIG" && is_good && words.size() >= 11) {
      if (!is_strong_hash(words[8])) {
        sum.has_weak_hash = true;
      } else if (sum.signer.empty()) {
        sum.signer = words[10];
      }
    }
  }
  return sum;
}

/// gpgv reads keys in binary form only, but vendors publish them as text too.
std::string binary_keys(const std::string& keys, const fs::path& origin) {
  if (!trim_blanks(keys).starts_with(kBeginKeys)) return keys;
  std::string binary, base64;
  bool is_header = false;
  Lines lines(keys);
  for (std::string_view line; lines.next(line);) {
    line = trim_blanks(line);
    if (line == kBeginKeys) {
      is_header = true;
      base64.clear();
    } else if (is_header) {
      is_header = !line.empty();
    } else if (line == kEndKeys) {
      binary += from_base64(base64);
    } else if (!line.starts_with('=')) {  // a checksum that OpenPGP gave up
      base64 += line;
    }
  }
  if (!binary.empty()) return binary;
  throw Error(codes::bad_value, fmt::format("{} holds no whole key", origin.string()));
}

/// The file that gpgv is to read: the keyring itself, or its binary form below `scratch`.
fs::path readable_keyring(const fs::path& keyring, const fs::path& scratch) try {
  const std::string keys = read_file(keyring, kMostKeyringBytes);
  const std::string binary = binary_keys(keys, keyring);
  if (binary == keys) return fs::absolute(keyring);
  write_file(scratch / "keyring.gpg", binary, 0600);
  return scratch / "keyring.gpg";
} catch (const Error& error) {
  if (error.code().id != codes::bad_value.id) throw;
  throw Error(codes::key_malformed, fmt::format("the keyring {} is damaged", keyring.string()))
      .because(error)
      .help("fetch it again from whoever publishes the archive");
}

}  // namespace

std::string open_envelope(std::string_view inrelease, const std::string& subject) {
  Lines lines(inrelease);
  std::string_view line;
  if (!lines.next(line) || line != kBeginText) {
    if (inrelease.find(kBeginText) == std::string_view::npos) throw unsigned_error(inrelease, subject);
    throw outside_error(subject, "before its signed part");
  }
  while (lines.next(line) && !line.empty()) {
    if (!line.starts_with("Hash: ")) throw outside_error(subject, "between its armour header and its signed part");
  }
  std::string text;
  while (lines.next(line)) {
    if (line == kBeginSignature) {
      read_armour(lines, subject);
      return std::string(without_last_newlines(text));
    }
    if (line.starts_with("-") && !line.starts_with("- ")) throw outside_error(subject, "that is not dash-escaped");
    if (line.starts_with("- ")) line.remove_prefix(2);
    text.append(line).push_back('\n');
  }
  throw Error(codes::signature_bad, fmt::format("{} ends before its signature", subject))
      .help("the download was cut short; try again");
}

std::string judge_signatures(std::string_view status_lines, const std::string& subject) {
  const Tally sum = tally(status_lines);
  if (sum.has_bad) {
    throw Error(codes::signature_bad, fmt::format("{} does not fit its signature", subject))
        .help("the file was changed after it was signed; try another mirror");
  }
  if (!sum.signer.empty()) return sum.signer;
  if (sum.has_revoked_key) {
    throw Error(codes::signature_key_expired, fmt::format("{} is signed by a revoked key", subject))
        .help(
            "its owner withdrew the key, perhaps because it was stolen; update the distribution's keyring package, "
            "and if that does not help, do not trust this mirror");
  }
  if (sum.has_expired_key) {
    throw Error(codes::signature_key_expired, fmt::format("{} is signed by an expired key", subject))
        .help("update the distribution's keyring package, and check this machine's clock");
  }
  if (sum.has_unknown_key) {
    throw Error(codes::signer_unknown, fmt::format("{} is signed by key {}, which is not in the distribution's keyring",
                                                   subject, sum.unknown_key))
        .help("update the distribution's keyring package; if that does not help, do not trust this mirror");
  }
  if (sum.has_weak_hash) {
    throw Error(codes::signature_bad, fmt::format("{} is signed with a hash that is too weak", subject))
        .help("SHA-256 or stronger is needed");
  }
  throw Error(codes::signature_bad, fmt::format("{} holds no signature that gpgv can read", subject))
      .help("the file is damaged; try again or try another mirror");
}

SignedText verify_inrelease(const std::string& inrelease, const fs::path& keyring, const std::string& subject) {
  const std::string text = open_envelope(inrelease, subject);
  if (!fs::exists(keyring)) {
    throw Error(codes::keyring_missing, fmt::format("the keyring {} does not exist", keyring.string()))
        .help("install debian-archive-keyring (apt-get install debian-archive-keyring)");
  }
  const TemporaryDirectory scratch(fs::temp_directory_path(), "ainode-gpgv-");
  const fs::path signed_file = scratch.path() / "InRelease", verified_file = scratch.path() / "verified";
  write_file(signed_file, inrelease, 0600);
  Command command;
  // A clock that is behind must not hide who signed: the dates are judged by check_release.
  command.argv = {"gpgv",
                  "--homedir",
                  scratch.path().string(),
                  "--keyring",
                  readable_keyring(keyring, scratch.path()).string(),
                  "--ignore-time-conflict",
                  "--status-fd",
                  "1",
                  "--output",
                  verified_file.string(),
                  signed_file.string()};
  command.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}, {"HOME", scratch.path().string()}};
  command.deadline = kGpgvDeadline;
  const ProcessResult result = run_process(command);
  SignedText verified;
  verified.signer = judge_signatures(result.output, subject);
  // Two readers of the envelope must agree on what was signed.
  if (without_last_newlines(read_file(verified_file)) != text) {
    throw Error(codes::signature_bad, fmt::format("{} can be read in two ways", subject))
        .help("its envelope is malformed; do not trust this mirror");
  }
  verified.text = text + "\n";
  return verified;
}

}  // namespace ainode
