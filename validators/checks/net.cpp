// SPDX-License-Identifier: Apache-2.0
// The net family: network interfaces as declared.
#include <fmt/format.h>
#include <fnmatch.h>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

/// Of an interface; empty for one without a device, like `lo`.
std::string driver_of(const Node& node, const std::string& interface) {
  const std::string target = node.read_link("/sys/class/net/" + interface + "/device/driver").value_or("");
  return target.substr(target.rfind('/') + 1);
}

Measured interfaces(const Node& node, const Json& statement) {
  const auto glob = statement.at("driver").get<std::string>();
  Json found = Json::object();
  std::vector<std::string> objections;
  for (const DirectoryEntry& entry : node.list("/sys/class/net")) {
    const std::string driver = driver_of(node, entry.name);
    if (driver.empty() || fnmatch(glob.c_str(), driver.c_str(), 0) != 0) continue;
    for (const auto& [key, file, what] :
         {std::tuple("mtu", "mtu", "the MTU"), {"queue_length", "tx_queue_len", "the queue length"}}) {
      if (!statement.contains(key)) continue;
      const Measured held = held_to(read_words(node, fmt::format("/sys/class/net/{}/{}", entry.name, file)),
                                    statement[key].dump(), fmt::format("{} of {}", what, entry.name));
      found[entry.name][key] = held.value;
      if (!held.objection.empty()) objections.push_back(held.objection);
    }
  }
  if (found.empty()) return {nullptr, "", fmt::format("the machine has no network interface of driver `{}`", glob)};
  return {found, joined(objections, "; ")};
}

Finding settings(const Node& node, const Expected& expected) {
  return judge_each(expected, "net.settings", "/sys/class/net/*/{device/driver,mtu,tx_queue_len}",
                    [&](const Json& statement) { return interfaces(node, statement); });
}

}  // namespace

std::vector<Check> net_checks() {
  return {{"net.settings",
           "each network interface of a declared driver has its MTU and its queue's length",
           {"declared:net.settings"},
           When::booted,
           settings}};
}

}  // namespace ainode::checks
