// SPDX-License-Identifier: Apache-2.0
// The ports at which a node answers others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::checks {

struct OpenPort {
  std::string name;  ///< "22/tcp", "323/udp"
  /// A UDP port of the range from which the kernel deals ports to clients: one that waits for its answer looks the
  /// same.
  bool may_be_passing = false;
};

/// Sorted by number; nothing where /proc/net/tcp or udp cannot be read. Sockets that only this node itself can reach
/// (127.0.0.0/8, ::1) are left out, and so are connected ones. Formats: Documentation/networking/proc_net_tcp.rst of
/// Linux.
std::optional<std::vector<OpenPort>> open_ports(const Node& node);

}  // namespace ainode::checks
