// SPDX-License-Identifier: Apache-2.0
// The initrd's first program.
#pragma once

#include <string>
#include <vector>

namespace ainode {

/// The text of /init for busybox's shell: loads the modules in order with their parameters from the kernel command line
/// (insmod itself ignores those), waits up to 60 s for the root, and hands over through ostree-prepare-root. When it
/// cannot, it says why on the console as one line starting `initrd:` and exits, which is a kernel panic that
/// `panic=SECONDS` turns into a reboot; `rd.shell` on the command line gives a shell instead.
std::string initrd_script(const std::vector<std::string>& modules);

}  // namespace ainode
