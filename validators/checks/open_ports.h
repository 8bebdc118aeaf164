// SPDX-License-Identifier: Apache-2.0
// The ports at which a node answers others.
#pragma once

#include <string>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::checks {

/// "22/tcp", "323/udp": sorted by number. Sockets that only this node itself can reach (127.0.0.0/8, ::1) are left out,
/// and so are connected ones. Formats: Documentation/networking/proc_net_tcp.rst of Linux.
std::vector<std::string> open_ports(const Node& node);

}  // namespace ainode::checks
