// SPDX-License-Identifier: Apache-2.0
// The devices that a node's CDI files define for containers. Format: SPEC.md of the Container Device Interface, 0.3 to
// 1.0, as JSON or YAML.
#pragma once

#include <string>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::checks {

struct CdiDevice {
  std::string name;                ///< as a runtime is asked for it: "vendor.com/class=0"
  std::vector<std::string> nodes;  ///< device nodes in the container; sorted, each once
  std::vector<std::string> needs;  ///< paths of the node that it cannot do without: device nodes and mounts
};

struct CdiFiles {
  std::vector<std::string> paths;
  std::vector<CdiDevice> devices;
  std::vector<std::string> problems;  ///< each with the file that has it
  std::vector<std::string> unread;    ///< of the paths: YAML that parse_yaml refuses, though it may be right
};

/// Of /etc/cdi and /run/cdi.
CdiFiles read_cdi_files(const Node& node);

}  // namespace ainode::checks
