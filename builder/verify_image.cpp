// SPDX-License-Identifier: Apache-2.0
// Every byte of an image directory held against its manifest and its signatures.
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/build_image.h"
#include "builder/explain_path.h"
#include "builder/image_directory.h"
#include "builder/outputs/outputs.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

void verify_file(const fs::path& image, const std::string& name, const std::string& sha256) {
  const fs::path path = image / name;
  if (!fs::exists(path)) throw Error(codes::output_corrupt, fmt::format("{} is missing", path.string()));
  const std::string actual = sha256_hex_of_file(path);
  if (actual == sha256) return;
  throw Error(codes::output_corrupt,
              fmt::format("{} has SHA-256 {}, but the manifest says {}", path.string(), actual, sha256))
      .help("build it again: an equal recipe and lock give equal bytes");
}

/// What stock ostree is told about the repository stands in a file that no signature covers.
void verify_repository_config(const fs::path& image) {
  const fs::path path = image / "repo/config";
  if (read_file(path) == Store::kRepositoryConfig) return;
  throw Error(codes::output_corrupt, fmt::format("{} is not what a build writes there", path.string()))
      .help("build it again: an equal recipe and lock give equal bytes");
}

}  // namespace

void verify_image(RunContext& run, const fs::path& image, const VerifyOptions& options) {
  const Manifest manifest = read_manifest(image);
  require_unchanged_manifest(image);
  verify_repository_config(image);
  const Store store = open_image_repository(image, manifest);
  run_step(run, "signatures", [&] {
    verify_commit_signatures(store.commit_bytes(manifest.commit), store.read_signatures(manifest.commit),
                             options.trusted_openpgp.value_or(manifest.openpgp_public),
                             options.trusted_ed25519.value_or(manifest.ed25519_public));
  });
  run_step(run, "objects", [&] { store.verify_objects(run, manifest.commit); });
  run_step(run, "outputs", [&] {
    verify_file(image, manifest.lock, manifest.lock_sha256);
    if (fs::exists(image / kOriginsFile)) read_origins(image);
    for (const OutputFile& output : manifest.outputs) verify_file(image, output.name, output.sha256);
  });
}

}  // namespace ainode
