// SPDX-License-Identifier: Apache-2.0
// `ainode verify`: both signatures and every hash of an image directory.
#include <fmt/format.h>

#include <memory>

#include "base/crypto.h"
#include "base/files.h"
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{1} << 20;

struct VerifyArguments {
  fs::path image, openpgp, ed25519;
};

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

int verify(RunContext& run, const Globals& globals, const VerifyArguments& arguments) {
  VerifyOptions options;
  if (!arguments.openpgp.empty()) options.trusted_openpgp = read_key(arguments.openpgp);
  if (!arguments.ed25519.empty()) options.trusted_ed25519 = ed25519_base64(arguments.ed25519);
  verify_image(run, arguments.image, options);
  const Manifest manifest = read_manifest(arguments.image);
  const auto keys = [](bool is_given) { return is_given ? "the key given" : "the manifest's own key"; };
  if (globals.json) {
    print_json({{"schema", "ainode.verify/1"},
                {"image", arguments.image.string()},
                {"commit", manifest.commit},
                {"openpgp", keys(options.trusted_openpgp.has_value())},
                {"ed25519", keys(options.trusted_ed25519.has_value())},
                {"good", true}});
    return static_cast<int>(Exit::done);
  }
  print(fmt::format("{} is good\n  commit    {}\n  openpgp   signed by {}\n  ed25519   signed by {}\n  hashes    {}\n",
                    arguments.image.string(), manifest.commit, keys(options.trusted_openpgp.has_value()),
                    keys(options.trusted_ed25519.has_value()),
                    "every object and output as the commit and manifest say"));
  return static_cast<int>(Exit::done);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<VerifyArguments>();
  app.add_option("IMAGE", arguments->image, "the directory that `build --out` wrote")->required();
  app.add_option("--openpgp-key", arguments->openpgp, "trust this public key instead of the manifest's")
      ->type_name("FILE");
  app.add_option("--ed25519-key", arguments->ed25519, "trust this public key (PEM or base64) instead of the manifest's")
      ->type_name("FILE");
  return [arguments](RunContext& run, const Globals& globals) { return verify(run, globals, *arguments); };
}

}  // namespace

Verb verify_verb() {
  return {"verify", "Check both signatures and every hash of an image",
          "ainode verify out/qemu-base\n"
          "ainode verify out/qemu-base --openpgp-key release/openpgp.pub.asc --ed25519-key release/ed25519.pub.pem",
          define};
}

}  // namespace ainode::cli
