// SPDX-License-Identifier: Apache-2.0
// The ports at which a node answers others.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::checks {

struct OpenPort {
  std::string name;              ///< "22/tcp", "323/udp"
  std::set<std::string> inodes;  ///< of its sockets; a new socket has a new one, those of the kernel itself have 0
  /// A UDP port of the range from which the kernel deals ports to clients: one that waits for its answer looks the
  /// same.
  bool may_be_passing = false;
};

/// Sorted by number; nothing where /proc/net/tcp or udp cannot be read. Sockets that only this node itself can reach
/// (127.0.0.0/8, ::1) are left out, and so are connected ones. Formats: Documentation/networking/proc_net_tcp.rst of
/// Linux.
std::optional<std::vector<OpenPort>> open_ports(const Node& node);

/// Those of UDP once more, later than any client waits for its answer; nothing where the node cannot be asked.
std::optional<std::vector<OpenPort>> later_open_ports(const Node& node);

/// One of the port's sockets is among those of `later`: it waits for whoever comes, and for no answer.
bool is_lasting(const OpenPort& port, const std::vector<OpenPort>& later);

}  // namespace ainode::checks
