// SPDX-License-Identifier: Apache-2.0
// The clear-signed envelope without gpgv, gpgv's status lines, and the Release text inside: what an envelope gave, put
// into an envelope of ours, comes out the same.
#include <algorithm>
#include <string>

#include "builder/packages/deb822.h"
#include "builder/packages/release.h"
#include "builder/packages/signature.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

std::string envelope_of(std::string_view text) {
  std::string out = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with('-')) out += "- ";
    out.append(line).append("\n");
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return out + "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
}

void judge_release(std::string_view text) {
  Release release;
  if (!accepts([&] { release = parse_release(text, "fuzz"); })) return;
  promise(parse_date(release.date_text) == release.date, "a date means its text");
  promise(!format_date(release.date).empty(), "a date can be shown");
  promise(release.date >= 0, "a date is after 1970");
  for (const auto& [path, file] : release.files) {
    promise(!path.empty() && path.find_first_of(" \t\n") == std::string::npos, "a path is a word");
    promise(file.sha256.size() == 64 && file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos,
            "a file has its SHA-256");
  }
}

void judge_status(std::string_view lines) {
  std::string signer;
  if (!accepts([&] { signer = judge_signatures(lines, "fuzz"); })) return;
  promise(!signer.empty() && lines.find(signer) != std::string_view::npos, "the signer stands in the lines");
  promise(lines.find("GOODSIG") != std::string_view::npos && lines.find("VALIDSIG") != std::string_view::npos,
          "only a good and valid signature is accepted");
  for (const std::string_view line : split_lines(lines)) {
    const auto words = split_words(line);
    const bool is_bad = line.starts_with("[GNUPG:] ") && words.size() > 1 && words[1] == "BADSIG";
    promise(!is_bad || lines.find(line) > 0, "no bad signature is accepted");
  }
}

/// Nothing stands around the signed text but armour: a second reader of the form, by searching instead of by lines.
void judge_surroundings(std::string_view file) {
  promise(file.starts_with("-----BEGIN PGP SIGNED MESSAGE-----\n"), "no text stands before the envelope");
  if (file.ends_with('\n')) file.remove_suffix(1);
  promise(file.ends_with("\n-----END PGP SIGNATURE-----"), "no text stands after the envelope");
  const std::string_view signature = file.substr(file.find("\n-----BEGIN PGP SIGNATURE-----\n"));
  promise(signature.find("\n-----END PGP SIGNATURE-----") == signature.rfind("\n-----END"), "the envelope ends once");
  std::string_view head = file.substr(0, file.find("\n\n"));
  while (head.find('\n') != std::string_view::npos) {
    head.remove_prefix(head.find('\n') + 1);
    promise(head.starts_with("Hash: "), "no text stands between the armour's header and the signed text");
  }
}

void judge_envelope(std::string_view file) {
  std::string text;
  if (!accepts([&] { text = open_envelope(file, "fuzz"); })) return;
  promise(text.size() < file.size(), "an envelope holds less than itself");
  promise(!text.ends_with('\n'), "the text ends without its newline");
  judge_surroundings(file);
  promise(open_envelope(envelope_of(text), "again") == text, "a text keeps its bytes in another envelope");
  judge_release(text + "\n");
}

}  // namespace

void judge_inrelease(std::string_view text) {
  judge_envelope(text);
  judge_envelope(envelope_of(text));
  judge_release(text);
  judge_status(text);
}

}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  ainode::fuzz::judge_inrelease(text);
}
