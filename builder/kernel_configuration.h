// SPDX-License-Identifier: Apache-2.0
// A kernel's .config as names and values, and what differs between two.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ainode {

struct KernelConfiguration {
  std::string release;
  std::map<std::string, std::string> options;  ///< "CONFIG_HZ" → "250"; "is not set" as the file says it
};

/// Takes lines like "CONFIG_HZ=250" and "# CONFIG_HZ_1000 is not set"; all others are comments.
KernelConfiguration parse_kernel_configuration(const std::string& release, const std::string& text);

struct OptionChange {
  std::string option, before, after;  ///< "is not set" and "absent" as the configuration has it
};
std::vector<OptionChange> compare_configurations(const KernelConfiguration& before, const KernelConfiguration& after);

}  // namespace ainode
