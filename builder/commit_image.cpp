// SPDX-License-Identifier: Apache-2.0
// The page of the tree: what each line makes is the next one's input.
#include "builder/commit_image.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "builder/obtain_packages.h"
#include "builder/stages/origins.h"

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

template <class Account>
std::vector<std::string> names_of(const std::vector<Account>& accounts) {
  std::vector<std::string> names;
  for (const Account& account : accounts) names.push_back(account.name.value);
  return names;
}

void tell_undeclared_accounts(RunContext& run, const Store& store, const Tree& tree, const Recipe& recipe) {
  if (!tree.file("etc/passwd") || !tree.file("etc/group")) return;
  std::vector<std::string> names = undeclared_accounts(store.read_text(tree, "etc/passwd"), names_of(recipe.users));
  std::vector<std::string> declared = names_of(recipe.groups);
  declared.emplace_back("users");  // Debian's own, 100 in every image
  for (const User& user : recipe.users) declared.push_back(user.name.value);
  const std::vector<std::string> users = names;
  for (const std::string& group : undeclared_accounts(store.read_text(tree, "etc/group"), declared))
    if (std::find(users.begin(), users.end(), group) == users.end()) names.push_back(group);
  if (names.empty()) return;
  run.events.note("configure",
                  fmt::format("the order of packages chose these numbers; `users` and `groups` fix them: {}",
                              fmt::join(names, ", ")));
}

}  // namespace

std::vector<LockedPackage> packages_to_obtain(const Store& store, const Recipe& recipe, const Lock& lock) {
  Lock needed = lock;
  if (has_extra_modules(store, recipe, lock.module_build)) needed.module_build.clear();
  return all_packages(needed);
}

CommittedImage commit_image(RunContext& run, Store& store, const Recipe& recipe, const Lock& lock,
                            const BuildOptions& options) {
  CommittedImage image;
  obtain_packages(run, store, packages_to_obtain(store, recipe, lock), lock.repositories, options);
  image.tools = run_step(run, "tools", [&] { return compose_tools(run, store, lock.tools); });
  const std::vector<Layer> layers = locked_layers(store, lock.packages, {recipe.users, recipe.groups});
  Configured configured = run_step(run, "configure", [&] { return configure(run, store, layers); });
  image.kernel = find_kernel(configured.tree, lock.packages);
  run_step(run, "modules",
           [&] { add_extra_modules(run, store, configured.tree, recipe, image.kernel, lock.module_build); });
  run_step(run, "generate", [&] { generate(run, store, configured, layers); });
  Tree tree = std::move(configured.tree);
  tell_undeclared_accounts(run, store, tree, recipe);
  const Initrd initrd =
      run_step(run, "initrd", [&] { return make_initrd(run, store, tree, image.kernel, image.tools); });
  image.initrd_modules = initrd.modules;
  image.declared = run_step(run, "tune", [&] { return tune(store, tree, recipe, image.kernel); });
  run_step(run, "finalize", [&] { finalize(store, tree, image.kernel, initrd.content); });

  // From here no byte of the tree changes.
  image.origins = write_origins(tree);
  image.commit = run_step(run, "commit", [&] { return commit_tree(run, store, tree, recipe, lock, image.kernel); });
  return image;
}

}  // namespace ainode
