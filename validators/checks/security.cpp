// SPDX-License-Identifier: Apache-2.0
// The security family: who may have more rights than who starts them, and what the kernel holds everybody to.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

Finding setuid_list(const Node& node, const Expected& expected) {
  return judge_each(expected, "security.setuid-list", "lstat(2) and security.capability below /usr and /etc",
                    [&](const Json& statement) -> Measured {
                      const auto privileged = node.privileged_files();
                      if (!privileged) return {nullptr, "", "a directory below /usr or /etc cannot be read"};
                      const Words allowed = statement.get<Words>(), &found = *privileged;
                      Words objections;
                      for (const std::string& path : found)
                        if (std::find(allowed.begin(), allowed.end(), path) == allowed.end())
                          objections.push_back(path + " has more rights than it may");
                      for (const std::string& path : allowed)
                        if (std::find(found.begin(), found.end(), path) == found.end())
                          objections.push_back(path + " has lost its rights");
                      return {found, joined(objections, "; ")};
                    });
}

/// What the kernel always has, whatever `lsm=` says: LSM_ORDER_FIRST and LSM_ORDER_LAST of its security/.
Words without_the_kernels_own(Words modules) {
  std::erase_if(modules,
                [](const std::string& name) { return name == "capability" || name == "ima" || name == "evm"; });
  return modules;
}

Words split_at_commas(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  return split_words(text);
}

Finding security_modules(const Node& node, const Expected& expected) {
  const std::string path = "/sys/kernel/security/lsm";
  return judge_each(expected, "security.lsm", path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, path + " cannot be read"};
    const Words active = split_at_commas(*text), wanted = statement.get<Words>();
    const bool is_same = without_the_kernels_own(active) == without_the_kernels_own(wanted);
    return {active, is_same ? ""
                            : fmt::format("the kernel's security modules are {} instead of {}", joined(active, ", "),
                                          joined(wanted, ", "))};
  });
}

Finding lockdown(const Node& node, const Expected& expected) {
  const std::string path = "/sys/kernel/security/lockdown";
  return judge_each(expected, "security.lockdown", path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, path + " cannot be read"};
    const auto wanted = statement.get<std::string>();
    const bool is_chosen = text->find("[" + wanted + "]") != std::string::npos;
    return {trimmed(*text), is_chosen ? "" : fmt::format("lockdown is `{}` instead of {}", trimmed(*text), wanted)};
  });
}

}  // namespace

std::vector<Check> security_checks() {
  return {{"security.setuid-list",
           "the declared files, and no others, have more rights than who starts them",
           {"declared:security.setuid-list"},
           When::meanwhile,
           setuid_list,
           "",
           Where::tree_too},
          {"security.lsm",
           "the kernel's security modules are the declared ones, in their order",
           {"declared:security.lsm"},
           When::booted,
           security_modules},
          {"security.lockdown",
           "the kernel is locked down as declared",
           {"declared:security.lockdown"},
           When::booted,
           lockdown}};
}

}  // namespace ainode::checks
