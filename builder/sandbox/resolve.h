// SPDX-License-Identifier: Apache-2.0
// Paths of which a script may have made anything: how openat2(2) is asked for them.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/files.h"

namespace ainode {

/// Follows no link of /proc; with RESOLVE_IN_ROOT in `resolve`, `directory` is the root of every link. Allocates
/// nothing: it also runs between fork and exec. A descriptor that is not open leaves errno.
inline Descriptor open_resolved(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) {
  struct open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  // A rename or a mount anywhere on the machine keeps the kernel from knowing that `..` stayed inside: it says EAGAIN.
  // Somebody who renames without end must not keep us here.
  constexpr int kMostAttempts = 10000;
  for (int attempt = 1;; ++attempt) {
    const long file = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (file >= 0 || errno != EAGAIN || attempt == kMostAttempts) return Descriptor(static_cast<int>(file));
  }
}

}  // namespace ainode
