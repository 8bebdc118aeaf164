// SPDX-License-Identifier: Apache-2.0
// The stages between the union of packages and the final tree. Each is a function of its arguments and of nothing else;
// each result is kept in the store by its key.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/manifest.h"
#include "base/recipe.h"
#include "builder/sandbox/tools_tree.h"
#include "builder/stages/generators.h"
#include "builder/stages/layers.h"
#include "builder/store/checkout.h"
#include "builder/store/store.h"

namespace ainode {

/// Where the tools tree of these packages lies once it is made.
ToolsTree tools_tree_of(const Store& store, const std::vector<LockedPackage>& tools);
ToolsTree compose_tools(RunContext& run, Store& store, const std::vector<LockedPackage>& tools);

/// A tree whose packages are all configured.
struct Configured {
  Tree tree;
  std::vector<DeferredCall> calls;     ///< what scripts wanted generated
  std::unique_ptr<Checkout> checkout;  ///< where the scripts ran; null when the last layer was kept from before
};

/// Runs the packages' maintainer scripts, layer by layer (builder/stages/layers.h). What a layer became is kept.
/// Errors: file_clash; script_failed naming the package and the script's last lines.
Configured configure(RunContext& run, Store& store, const std::vector<Layer>& layers);

/// The kernel of a tree.
struct Kernel {
  std::string release;     ///< uname -r
  std::string image_path;  ///< in the tree
  std::string package, version;
};
Kernel find_kernel(const Tree& tree, const std::vector<LockedPackage>& packages);  ///< throws kernel_missing

/// Where depmod looks for what did not come with the kernel.
std::string extra_module_path(const Kernel& kernel, const ExtraModule& module);
/// Whether each was compiled before, of the same sources in the same packages.
bool has_extra_modules(const Store& store, const Recipe& recipe, const std::vector<LockedPackage>& build);
/// Compiles the recipe's extra modules in a tree of the packages `build` and puts them into the tree; what was compiled
/// is kept. Throws module_failed with what the compiler said, or bad_value for a source that is not there.
void add_extra_modules(RunContext& run, Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel,
                       const std::vector<LockedPackage>& build);

/// Adds what is a function of the whole tree (builder/stages/generators.h).
void generate(RunContext& run, Store& store, Configured& configured, const std::vector<Layer>& layers);

/// A small initramfs (newc, zstd by the tools tree): busybox, ostree-prepare-root with its libraries, the modules that
/// reach the root disk. What was compressed is kept.
struct Initrd {
  std::string content;
  std::vector<std::string> modules;  ///< in load order
};
Initrd make_initrd(RunContext& run, Store& store, const Tree& tree, const Kernel& kernel, const ToolsTree& tools);

/// Writes the recipe's system settings (default target, …) into the tree and names what each promises.
std::vector<Declaration> tune(Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel);

/// OSTree layout (usr/etc, var factory, boot emptied, sysroot), then every normaliser by name. From here no byte
/// changes. Throws volatile_path for a file known to vary that no normaliser handled.
void finalize(Store& store, Tree& tree, const Kernel& kernel, const std::string& initrd);

}  // namespace ainode
