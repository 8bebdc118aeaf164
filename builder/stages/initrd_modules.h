// SPDX-License-Identifier: Apache-2.0
// Which kernel modules reach the root disk, in the order in which they must be loaded.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

/// "virtio-blk" → "virtio_blk": how the kernel itself spells a module's name.
std::string kernel_module_name(std::string name);

/// What a kernel can load, and what it holds anyway.
struct KernelModuleNames {
  std::map<std::string, std::string> files;  ///< name → path in the tree
  std::set<std::string> built_in;
  bool can_load(const std::string& name) const { return files.contains(name); }
};
/// Throws tree_malformed when the tree has no modules of kernel `release`.
KernelModuleNames kernel_module_names(const Store& store, const Tree& tree, const std::string& release);

struct KernelModule {
  std::string name;     ///< with underscores: virtio_blk
  std::string content;  ///< the uncompressed ELF file
};

/// The modules of the kernel `release` among `wanted`, each after all that it depends on. Dependencies and soft
/// dependencies are read from the modules themselves (.modinfo), so depmod need not have run; what is built into the
/// kernel, or does not exist in it, is left out. A dependency that is neither module nor built in throws
/// tree_malformed naming both.
std::vector<KernelModule> select_modules(const Store& store, const Tree& tree, const std::string& release,
                                         const std::vector<std::string>& wanted);

}  // namespace ainode
