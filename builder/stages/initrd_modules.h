// SPDX-License-Identifier: Apache-2.0
// Which kernel modules reach the root disk, in the order in which they must be loaded.
#pragma once

#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

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
