// SPDX-License-Identifier: Apache-2.0
// The tools tree on disk: packages unpacked side by side, never configured. It appears whole under its key or not at
// all.
#include "base/files.h"
#include "builder/stages/stages.h"
#include "builder/store/checkout.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

constexpr int kVersion = 1;

/// What base-files would have given: the merged /usr, and directories to mount upon.
void add_skeleton(Store& store, Tree& tree) {
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
    if (!tree.exists(name)) tree.put_file(name, store.write_symlink(std::string("usr/") + name), "the tools tree");
  }
  for (const char* name : {"dev", "proc", "sys", "run", "tmp", "work", "root", "usr/lib64"})
    tree.make_directories(name);
}

}  // namespace

ToolsTree tools_tree_of(const Store& store, const std::vector<LockedPackage>& tools) {
  StepKey key("tools", kVersion);
  for (const LockedPackage& package : tools) key.add(package.sha256);
  return {store.directory() / "tools" / key.hex(), key.hex()};
}

ToolsTree compose_tools(RunContext& run, Store& store, const std::vector<LockedPackage>& tools) {
  ToolsTree result = tools_tree_of(store, tools);
  if (fs::exists(result.root)) {
    run.events.detail("tools", "cached");
    return result;
  }
  Tree tree = compose(store, tools);
  {
    Store::Transaction transaction(store);
    add_skeleton(store, tree);
    transaction.commit();
  }
  make_directories(result.root.parent_path());
  const TemporaryDirectory scratch(store.work_directory(), "tools-");
  check_out(store, tree, scratch.path() / "tree");
  // Another build may have been faster: then its directory, which is equal, stays.
  if (rename((scratch.path() / "tree").c_str(), result.root.c_str()) != 0 && !fs::exists(result.root)) {
    throw system_error("move the tools tree to " + result.root.string(), errno);
  }
  return result;
}

}  // namespace ainode
