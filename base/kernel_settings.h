// SPDX-License-Identifier: Apache-2.0
// What a recipe says to the kernel: its command line, and where its sysctls lie.
#pragma once

#include <string>
#include <vector>

#include "base/recipe.h"

namespace ainode {

struct KernelArgument {
  Text text;        ///< "isolcpus=domain,managed_irq,2-15", with the place of what asked for it
  std::string key;  ///< of the recipe: "tuning.cpu.isolate"
};

/// The whole command line, in order: `kernel.cmdline`, then what other keys need of it.
std::vector<KernelArgument> kernel_arguments(const Recipe& recipe);

/// "hugepagesz" of "hugepagesz=2M".
std::string argument_name(const std::string& argument);

/// sysctl.d(5): the first separator, `.` or `/`, decides which of the two separates; the other is part of a name.
/// "net.ipv4.conf.eth0/1.forwarding" → "/proc/sys/net/ipv4/conf/eth0.1/forwarding".
std::string sysctl_path(const std::string& name);

}  // namespace ainode
