// SPDX-License-Identifier: Apache-2.0
// The tools tree on disk: packages unpacked side by side, never configured. It appears whole under its key or not at
// all.
#include <fmt/format.h>

#include <cerrno>
#include <optional>

#include "base/error.h"
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

StepKey tools_key(const std::vector<LockedPackage>& tools) {
  StepKey key("tools", kVersion);
  for (const LockedPackage& package : tools) key.add(package.sha256);
  return key;
}

/// The tree on disk, unless it lacks something or differs from its commit in a byte: programs that shape an image are
/// proved before they run.
std::optional<ToolsTree> sound_tools(RunContext& run, const Store& store, const ToolsTree& tools) {
  const auto commit = store.resolve("tools/" + tools.key);
  if (!commit || !fs::exists(tools.root)) return std::nullopt;
  if (const auto wrong = difference_from_checkout(store, store.read_tree(*commit), tools.root)) {
    run.events.warn("tools",
                    fmt::format("{} was changed since it was made; making the tools tree anew", wrong->string()));
    remove_tree(tools.root);
    return std::nullopt;
  }
  run.events.detail("tools", "cached");
  return tools;
}

ToolsTree make_tools(Store& store, const std::vector<LockedPackage>& packages, const ToolsTree& result) {
  Tree tree = compose(store, packages);
  {
    Store::Transaction transaction(store);
    add_skeleton(store, tree);
    CommitOptions options;
    options.subject = "tools tree";
    transaction.set_ref("tools/" + result.key, store.write_commit(tree, options));
    transaction.commit();
  }
  make_directories(result.root.parent_path());
  const TemporaryDirectory scratch(store.work_directory(), "tools-");
  check_out(store, tree, scratch.path() / "tree");
  if (rename((scratch.path() / "tree").c_str(), result.root.c_str()) != 0)
    throw system_error("move the tools tree to " + result.root.string(), errno);
  return result;
}

}  // namespace

ToolsTree tools_tree_of(const Store& store, const std::vector<LockedPackage>& tools) {
  const std::string key = tools_key(tools).hex();
  return {store.directory() / "tools" / key, key};
}

ToolsTree compose_tools(RunContext& run, Store& store, const std::vector<LockedPackage>& tools) {
  const ToolsTree result = tools_tree_of(store, tools);
  return store.make_once(
      run, tools_key(tools), "the tools tree", [&] { return sound_tools(run, store, result); },
      [&] { return make_tools(store, tools, result); });
}

}  // namespace ainode
