// SPDX-License-Identifier: Apache-2.0
// The page: from a recipe to an image directory. Each line's result is the next one's input; what holds in between
// stands beside it.
#include "builder/build_image.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/version.h"
#include "builder/choose_keys.h"
#include "builder/image_directory.h"
#include "builder/lock_packages.h"
#include "builder/obtain_packages.h"
#include "builder/outputs/outputs.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

/// Re-hashes every object before any ref names the commit: what is signed later has been read back.
std::string commit_tree(RunContext& run, Store& store, const Tree& tree, const Recipe& recipe, const Lock& lock,
                        const Kernel& kernel) {
  CommitOptions options;
  options.ref = recipe.ostree_ref.value;
  options.subject = fmt::format("{} ({})", recipe.name.value, recipe.architecture);
  options.timestamp = lock.epoch;
  options.bootable = true;
  options.metadata = {{"ainode.lock", sha256_hex(write_lock(lock))},
                      {"ostree.linux", kernel.release},
                      {"version", fmt::format("{:%Y%m%d.%H%M%S}", fmt::gmtime(static_cast<std::time_t>(lock.epoch)))}};
  std::string commit;
  {
    Store::Transaction transaction(store);
    commit = store.write_commit(tree, options);
    transaction.commit();
  }
  store.verify_objects(run, commit);
  Store::Transaction transaction(store);
  transaction.set_ref(fmt::format("image/{}", options.ref), commit);
  transaction.commit();
  return commit;
}

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
  for (const Text& argument : recipe.kernel.cmdline) options.kernel_arguments.push_back(argument.value);
  options.openpgp_public = openpgp_public;
  options.epoch = lock.epoch;
  options.seed = recipe.digest;
  return options;
}

}  // namespace

BuildResult build_image(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  require_replaceable(options.out);
  Store store(options.store.empty() ? cache_directory() : options.store);
  const SigningKeys keys = run_step(run, "keys", [&] { return choose_keys(run, recipe, options); });
  const Lock lock = run_step(run, "resolve", [&] { return lock_packages(run, store, recipe, options); });
  const std::string identity = image_identity(recipe, lock, {keys.openpgp.path, keys.ed25519.path});
  if (auto same = unchanged_image(store, options.out, identity)) return {std::move(*same), true};

  obtain_packages(run, store, all_packages(lock), lock.repositories, options);
  const ToolsTree tools = run_step(run, "tools", [&] { return compose_tools(run, store, lock.tools); });
  const std::vector<Layer> layers = cut_layers(store, lock.packages, {recipe.users, recipe.groups});
  Configured configured = run_step(run, "configure", [&] { return configure(run, store, layers); });
  run_step(run, "generate", [&] { generate(run, store, configured, layers); });
  Tree tree = std::move(configured.tree);
  const Kernel kernel = find_kernel(tree, lock.packages);
  const Initrd initrd = run_step(run, "initrd", [&] { return make_initrd(store, tree, kernel, tools, lock.epoch); });
  std::vector<Declaration> declared = run_step(run, "tune", [&] { return tune(store, tree, recipe, kernel); });
  run_step(run, "finalize", [&] { finalize(store, tree, kernel, initrd.content); });

  // From here no byte of the tree changes.
  const std::string commit =
      run_step(run, "commit", [&] { return commit_tree(run, store, tree, recipe, lock, kernel); });
  const CommitSignature signature =
      run_step(run, "sign", [&] { return sign_commit(run, store, commit, keys.openpgp, keys.ed25519, lock.epoch); });

  // The image directory appears whole, when all of it is written.
  NewImageDirectory image(options.out);
  run_step(run, "export", [&] { export_repository(store, commit, recipe.ostree_ref.value, image.path() / "repo"); });
  Manifest manifest = describe(recipe, lock, commit, kernel);
  manifest.declared = std::move(declared);
  manifest.initrd_modules = initrd.modules;
  manifest.openpgp_fingerprints = {signature.openpgp_fingerprint};
  manifest.openpgp_public = signature.openpgp_public;
  manifest.ed25519_public = signature.ed25519_public;
  const std::string disk = recipe.name.value + ".qcow2";
  run_step(run, "disk", [&] {
    const DiskOptions layout = disk_options(recipe, lock, signature.openpgp_public);
    make_disk(run, store, commit, tools, layout, image.path() / disk);
    manifest.kernel_cmdline = disk_kernel_arguments(layout);
    manifest.outputs.push_back(described(image.path(), disk, "qcow2"));
  });
  write_file(image.path() / manifest.lock, write_lock(lock));
  write_manifest(manifest, image.path());
  image.commit();
  remember_image(store, options.out, identity);
  return {std::move(manifest), false};
}

}  // namespace ainode
