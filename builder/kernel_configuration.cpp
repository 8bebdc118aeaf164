// SPDX-License-Identifier: Apache-2.0
// An option that only one side knows differs from one that is known and not set.
#include "builder/kernel_configuration.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace ainode {

KernelConfiguration parse_kernel_configuration(const std::string& release, const std::string& text) {
  KernelConfiguration configuration{release, {}};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view kNotSet = " is not set";
    if (line.starts_with("CONFIG_")) {
      const std::size_t equals = std::min(line.find('='), line.size());
      configuration.options[line.substr(0, equals)] = line.substr(std::min(equals + 1, line.size()));
    } else if (line.starts_with("# CONFIG_") && line.ends_with(kNotSet)) {
      configuration.options[line.substr(2, line.size() - 2 - kNotSet.size())] = "is not set";
    }
  }
  return configuration;
}

std::vector<OptionChange> compare_configurations(const KernelConfiguration& before, const KernelConfiguration& after) {
  std::set<std::string> names;
  for (const auto& [name, value] : before.options) names.insert(name);
  for (const auto& [name, value] : after.options) names.insert(name);
  const auto value_of = [](const KernelConfiguration& configuration, const std::string& name) {
    const auto found = configuration.options.find(name);
    return found == configuration.options.end() ? std::string("absent") : found->second;
  };
  std::vector<OptionChange> changes;
  for (const std::string& name : names) {
    OptionChange change{name, value_of(before, name), value_of(after, name)};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace ainode
