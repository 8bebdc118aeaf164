// SPDX-License-Identifier: Apache-2.0
// The stages between the union of packages and the final tree. Each is a function of its arguments and of nothing else;
// each result is kept in the store by its key.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/manifest.h"
#include "base/recipe.h"
#include "builder/sandbox/tools_tree.h"
#include "builder/store/store.h"

namespace ainode {

/// Where the tools tree of these packages lies once it is made.
ToolsTree tools_tree_of(const Store& store, const std::vector<LockedPackage>& tools);
ToolsTree compose_tools(RunContext& run, Store& store, const std::vector<LockedPackage>& tools);

/// The store's ref of what `configure` made of these packages, once it has.
std::string configured_ref(const std::vector<LockedPackage>& packages, std::int64_t epoch);

/// Runs the packages' maintainer scripts (preinst, then dpkg --configure) over an overlay and folds what they changed
/// into the tree. Errors: script_failed naming the package and the script's last lines.
Tree configure(RunContext& run, Store& store, const Tree& unpacked, const std::vector<LockedPackage>& packages,
               std::int64_t epoch);

/// The kernel of a tree.
struct Kernel {
  std::string release;     ///< uname -r
  std::string image_path;  ///< in the tree
  std::string package, version;
};
Kernel find_kernel(const Tree& tree, const std::vector<LockedPackage>& packages);  ///< throws kernel_missing

/// A small initramfs (newc, zstd by the tools tree): busybox, ostree-prepare-root with its libraries, the modules that
/// reach the root disk.
struct Initrd {
  std::string content;
  std::vector<std::string> modules;  ///< in load order
};
Initrd make_initrd(Store& store, const Tree& tree, const Kernel& kernel, const ToolsTree& tools, std::int64_t epoch);

/// Writes the recipe's system settings (default target, …) into the tree and names what each promises.
std::vector<Declaration> tune(Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel);

/// OSTree layout (usr/etc, var factory, boot emptied, sysroot), then every normaliser by name. From here no byte
/// changes. Throws volatile_path for a file known to vary that no normaliser handled.
void finalize(Store& store, Tree& tree, const Kernel& kernel, const std::string& initrd);

}  // namespace ainode
