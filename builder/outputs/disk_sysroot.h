// SPDX-License-Identifier: Apache-2.0
// A physical OSTree system root with one deployment, as one tar stream made straight from the store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/archive.h"
#include "builder/store/store.h"

namespace ainode {

struct Deployment {
  std::string os_name;  ///< also the name of the remote that the deployment follows
  std::string ref, commit;
  std::vector<std::string> kernel_arguments;  ///< without ostree=
  std::string openpgp_public;                 ///< armoured; empty: the remote verifies nothing
  std::int64_t epoch = 0;                     ///< time of everything that is not an object
};

/// What the root file system has to hold.
struct SysrootSize {
  std::uint64_t blocks = 0;  ///< of 4 KiB: contents and directories
  std::uint64_t inodes = 0;
};

/// Writes the tar. Layout as libostree 2025.2 makes it by `admin init-fs --modern`, `os-init`, `pull-local`, `deploy`
/// (src/libostree/ostree-sysroot-deploy.c, ostree-core.c), a repository of mode bare with objects of time 0; but the
/// deployment is not made immutable. Deployed files are hard links to the objects; empty files, directories and /etc
/// are its own. Throws tree_malformed when the commit holds no kernel with an initramfs or no /usr/etc.
SysrootSize write_sysroot(const Store& store, const Deployment& deployment, ArchiveWriter::Sink sink);

/// The boot entry (Boot Loader Specification, type 1) of the deployment.
struct BootEntry {
  std::string title;
  std::string kernel_release;
  std::string checksum;  ///< SHA-256 over the kernel, then the initramfs
};
std::string boot_entry_text(const Deployment& deployment, const BootEntry& entry);

/// The bytes inside OpenPGP armour (RFC 9580, section 6.2). Throws key_malformed.
std::string remove_armour(std::string_view armoured);

}  // namespace ainode
