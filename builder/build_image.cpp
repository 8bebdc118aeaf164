// SPDX-License-Identifier: Apache-2.0
// The page: from a recipe to an image directory. Each line's result is the next one's input; what holds in between
// stands beside it.
#include "builder/build_image.h"

#include "base/files.h"
#include "base/kernel_settings.h"
#include "base/version.h"
#include "builder/choose_keys.h"
#include "builder/commit_image.h"
#include "builder/explain_path.h"
#include "builder/image_directory.h"
#include "builder/lock_packages.h"
#include "builder/outputs/outputs.h"

namespace ainode {

namespace {

OutputFile described(const fs::path& directory, const std::string& name, const std::string& kind) {
  return {name, kind, fs::file_size(directory / name), sha256_hex_of_file(directory / name)};
}

Manifest describe(const Recipe& recipe, const Lock& lock, const std::string& commit, const Kernel& kernel) {
  Manifest manifest;
  manifest.name = recipe.name.value;
  manifest.architecture = recipe.architecture;
  manifest.commit = commit;
  manifest.ref = recipe.ostree_ref.value;
  manifest.recipe = recipe.file;
  manifest.recipe_digest = recipe.digest;
  manifest.lock = lock_file_name(recipe);
  manifest.lock_sha256 = sha256_hex(write_lock(lock));
  manifest.builder_version = kVersion;
  manifest.epoch = lock.epoch;
  manifest.kernel_release = kernel.release;
  manifest.kernel_package = kernel.package;
  manifest.kernel_version = kernel.version;
  for (const Text& profile : recipe.profiles) manifest.profiles.push_back(profile.value);
  return manifest;
}

DiskOptions disk_options(const Recipe& recipe, const Lock& lock, const std::string& openpgp_public) {
  DiskOptions options;
  options.ref = recipe.ostree_ref.value;
  options.architecture = recipe.architecture;
  options.partitions = recipe.partitions;
  for (const KernelArgument& argument : kernel_arguments(recipe))
    options.kernel_arguments.push_back(argument.text.value);
  options.openpgp_public = openpgp_public;
  options.epoch = lock.epoch;
  options.seed = recipe.digest;
  return options;
}

}  // namespace

BuildResult build_image(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  require_replaceable(options.out);
  clear_scratch_beside(options.out);
  Store store(options.store.empty() ? cache_directory() : options.store);
  const SigningKeys keys = run_step(run, "keys", [&] { return choose_keys(run, recipe, options); });
  const Lock lock = run_step(run, "resolve", [&] { return lock_packages(run, store, recipe, options); });
  const std::string identity = image_identity(recipe, lock, {keys.openpgp.path, keys.ed25519.path});
  if (auto same = unchanged_image(store, options.out, identity)) return {std::move(*same), true};

  const CommittedImage built = commit_image(run, store, recipe, lock, options);
  const CommitSignature signature = run_step(
      run, "sign", [&] { return sign_commit(run, store, built.commit, keys.openpgp, keys.ed25519, lock.epoch); });

  // The image directory appears whole, when all of it is written.
  NewImageDirectory image(options.out);
  run_step(run, "export",
           [&] { export_repository(store, built.commit, recipe.ostree_ref.value, image.path() / "repo"); });
  Manifest manifest = describe(recipe, lock, built.commit, built.kernel);
  manifest.declared = built.declared;
  if (const std::string signatures = store.detached_metadata_bytes(built.commit); !signatures.empty())
    manifest.declared.push_back({"image.deployed", {{"signatures_sha256", sha256_hex(signatures)}}, ""});
  manifest.initrd_modules = built.initrd_modules;
  manifest.openpgp_fingerprints = {signature.openpgp_fingerprint};
  manifest.openpgp_public = signature.openpgp_public;
  manifest.ed25519_public = signature.ed25519_public;
  const std::string disk = recipe.name.value + ".qcow2";
  run_step(run, "disk", [&] {
    const DiskOptions layout = disk_options(recipe, lock, signature.openpgp_public);
    make_disk(run, store, built.commit, built.tools, layout, image.path() / disk);
    manifest.kernel_cmdline = disk_kernel_arguments(layout);
    manifest.outputs.push_back(described(image.path(), disk, "qcow2"));
  });
  write_file(image.path() / manifest.lock, write_lock(lock));
  write_file(image.path() / kOriginsFile, sealed_origins(built.origins));
  write_manifest(manifest, image.path());
  image.commit();
  remember_image(store, options.out, identity);
  return {std::move(manifest), false};
}

}  // namespace ainode
