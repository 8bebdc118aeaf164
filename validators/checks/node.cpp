// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/node.h"

#include "validators/checks/module_version.h"

namespace ainode::checks {

std::optional<std::string> Node::module_version(const std::string& path) const {
  const auto content = read_file(path);
  return content ? std::optional(version_magic(path, *content).value_or(kNoVersion)) : std::nullopt;
}

}  // namespace ainode::checks
