// SPDX-License-Identifier: Apache-2.0
// The configuration of the running kernel, from the kernel itself or from the image.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "validators/checks/node.h"

namespace ainode::checks {

struct KernelConfig {
  std::map<std::string, std::string> options;  ///< name without CONFIG_ → y, m, or a value without its quotes
  std::string source;                          ///< the path it was read from

  std::string value(const std::string& option) const;  ///< "n" for what is not set
};

KernelConfig parse_kernel_config(std::string_view text, std::string source);
/// /proc/config.gz, else /usr/lib/modules/RELEASE/config, else /boot/config-RELEASE.
std::optional<KernelConfig> read_kernel_config(const Node& node);

}  // namespace ainode::checks
