// SPDX-License-Identifier: Apache-2.0
// manifest.json, written once by the builder and read by everything that handles a finished image.
#include "base/manifest.h"

#include <fmt/format.h>

#include <utility>

#include "base/crypto.h"
#include "base/files.h"

namespace ainode {
namespace {

constexpr std::string_view kSchema = "ainode.image/1";
constexpr std::size_t kSizeLimit = std::size_t{64} << 20;

Json kernel_json(const Manifest& manifest) {
  return {{"release", manifest.kernel_release},
          {"package", manifest.kernel_package},
          {"version", manifest.kernel_version},
          {"cmdline", manifest.kernel_cmdline},
          {"initrd_modules", manifest.initrd_modules}};
}

Json signing_json(const Manifest& manifest) {
  return {{"openpgp_fingerprints", manifest.openpgp_fingerprints},
          {"openpgp_public", manifest.openpgp_public},
          {"ed25519_public", manifest.ed25519_public}};
}

void read_kernel(const JsonObject& kernel, Manifest& manifest) {
  manifest.kernel_release = kernel.text("release");
  manifest.kernel_package = kernel.text("package");
  manifest.kernel_version = kernel.text("version");
  manifest.kernel_cmdline = kernel.texts("cmdline");
  manifest.initrd_modules = kernel.texts("initrd_modules");
}

void read_signing(const JsonObject& signing, Manifest& manifest) {
  manifest.openpgp_fingerprints = signing.texts("openpgp_fingerprints");
  manifest.openpgp_public = signing.text("openpgp_public");
  manifest.ed25519_public = signing.text("ed25519_public");
}

}  // namespace

Json Manifest::to_json() const {
  Json declarations = Json::array(), files = Json::array();
  for (const Declaration& declaration : declared)
    declarations.push_back(
        {{"subject", declaration.subject}, {"expected", declaration.expected}, {"place", declaration.place}});
  for (const OutputFile& file : outputs)
    files.push_back({{"name", file.name}, {"kind", file.kind}, {"size", file.size}, {"sha256", file.sha256}});
  return {{"schema", kSchema},
          {"name", name},
          {"architecture", architecture},
          {"commit", commit},
          {"ref", ref},
          {"recipe", recipe},
          {"recipe_digest", recipe_digest},
          {"lock", lock},
          {"lock_sha256", lock_sha256},
          {"builder_version", builder_version},
          {"epoch", epoch},
          {"kernel", kernel_json(*this)},
          {"profiles", profiles},
          {"signing", signing_json(*this)},
          {"declared", std::move(declarations)},
          {"outputs", std::move(files)}};
}

Manifest Manifest::from_json(const Json& json, const std::string& origin) {
  const JsonObject top(json, origin, codes::image_malformed);
  if (top.text("schema") != kSchema) top.refuse("schema", fmt::format("is not `{}`", kSchema));
  Manifest manifest;
  manifest.name = top.text("name");
  manifest.architecture = top.text("architecture");
  manifest.commit = top.sha256("commit");
  manifest.ref = top.text("ref");
  manifest.recipe = top.text("recipe");
  manifest.recipe_digest = top.text("recipe_digest");
  manifest.lock = top.file_name("lock");
  manifest.lock_sha256 = top.sha256("lock_sha256");
  manifest.builder_version = top.text("builder_version");
  manifest.epoch = top.integer("epoch");
  manifest.profiles = top.texts("profiles");
  read_kernel(top.object("kernel"), manifest);
  read_signing(top.object("signing"), manifest);
  for (const JsonObject& entry : top.objects("declared"))
    manifest.declared.push_back({entry.text("subject"), entry.value("expected"), entry.text("place")});
  for (const JsonObject& entry : top.objects("outputs"))
    manifest.outputs.push_back(
        {entry.file_name("name"), entry.text("kind"), entry.size("size"), entry.sha256("sha256")});
  return manifest;
}

namespace {

/// The manifest's text, with the digest of all above it as its last member.
std::string text_of(const Manifest& manifest) {
  Json json = manifest.to_json();
  json["digest"] = sha256_hex(write_json(json));
  return write_json(json);
}

std::string read_text(const std::filesystem::path& image_directory) {
  auto text = read_file_if_any(image_directory / "manifest.json", kSizeLimit);
  if (text) return *std::move(text);
  throw Error(codes::image_not_found,
              fmt::format("there is no image in {}: it has no manifest.json", image_directory.string()))
      .help("name the directory that `ainode build --out DIR` wrote");
}

}  // namespace

void write_manifest(const Manifest& manifest, const std::filesystem::path& image_directory) {
  write_file(image_directory / "manifest.json", text_of(manifest));
}

void require_unchanged_manifest(const std::filesystem::path& image_directory) {
  if (text_of(read_manifest(image_directory)) == read_text(image_directory)) return;
  throw Error(codes::output_corrupt,
              fmt::format("{} was changed after it was written: its digest does not fit its text",
                          (image_directory / "manifest.json").string()))
      .help("build it again: an equal recipe and lock give equal bytes");
}

Manifest read_manifest(const std::filesystem::path& image_directory) {
  const std::string origin = (image_directory / "manifest.json").string();
  return Manifest::from_json(parse_json(read_text(image_directory), origin, codes::image_malformed), origin);
}

}  // namespace ainode
