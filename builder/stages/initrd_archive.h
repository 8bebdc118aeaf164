// SPDX-License-Identifier: Apache-2.0
// What stands in the initrd, before it is compressed.
#pragma once

#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

struct InitrdArchive {
  std::string newc;                  ///< sorted; owners and times are 0
  std::vector<std::string> modules;  ///< in load order
};

/// busybox (the program's bytes, static), /init, ostree-prepare-root with every library that the loader will look for,
/// its configuration, and the modules of the kernel `release` that reach the root disk.
/// Throws tree_malformed naming the file that is missing or malformed.
InitrdArchive make_initrd_archive(const Store& store, const Tree& tree, const std::string& release,
                                  const std::string& busybox);

}  // namespace ainode
