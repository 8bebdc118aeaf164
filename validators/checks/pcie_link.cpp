// SPDX-License-Identifier: Apache-2.0
// The driver family, PCIe links: each as fast and as wide as both of its ends can, and without errors.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "validators/checks/catalog.h"
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;
const std::string kRoot = "/sys/bus/pci/devices";

struct Link {
  double speed = 0;  ///< GT/s
  double width = 0;  ///< lanes
};

/// "8.0 GT/s PCIe" and "16"; zero for what is unknown or not connected.
Link read_link_of(const Node& node, const std::string& address, const std::string& which) {
  constexpr double kUnknownWidth = 255;
  const auto number = [&](const std::string& name) {
    return std::strtod(
        node.read_file(fmt::format("{}/{}/{}_link_{}", kRoot, address, which, name)).value_or("").c_str(), nullptr);
  };
  const Link link = {number("speed"), number("width")};
  return link.width == kUnknownWidth ? Link{} : link;
}

/// The device at the other end: "../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0".
std::string port_of(const Node& node, const std::string& address) {
  const std::string path = node.read_link(kRoot + "/" + address).value_or("");
  const std::size_t own = path.rfind('/'), port = own == std::string::npos ? own : path.rfind('/', own - 1);
  return port == std::string::npos ? "" : path.substr(port + 1, own - port - 1);
}

std::string shown(const Link& link) {
  return fmt::format("{} GT/s x{}", link.speed, link.width);
}

/// Errors by the counter's file: "0000:00:1c.0/aer_dev_fatal".
using Counters = std::map<std::string, std::int64_t>;

struct LinkErrors {
  Counters before, after;
  std::string problem;
};

LinkErrors watch_errors(const Node& node) {
  const CommandOutcome outcome = node.run({"sh", "-c",
                                           "cd /sys/bus/pci/devices && look() { grep -H TOTAL_ERR */aer_dev_* "
                                           "2>/dev/null; }; look; echo later; sleep 2; look; :"});
  LinkErrors errors;
  errors.problem = outcome.problem;
  Counters* counters = &errors.before;
  for (const std::string& line : split_lines(outcome.output)) {
    const std::size_t name = line.find(":TOTAL_ERR");
    const Words words = split_words(line);
    if (line == "later") counters = &errors.after;
    if (name != std::string::npos) (*counters)[line.substr(0, name)] = to_number(words.back()).value_or(0);
  }
  return errors;
}

/// What could be corrected may have happened before; not while nothing is changed.
Words error_objections(const LinkErrors& errors) {
  Words objections;
  if (!errors.problem.empty()) objections.push_back(errors.problem);
  for (const auto& [name, count] : errors.after) {
    const bool is_corrected = name.find("correctable") != std::string::npos;
    const auto before = errors.before.find(name);
    const std::int64_t was = is_corrected && before != errors.before.end() ? before->second : 0;
    if (count > was && is_corrected) objections.push_back(fmt::format("{} rose from {} to {}", name, was, count));
    if (count > 0 && !is_corrected) objections.push_back(fmt::format("{} is {}", name, count));
  }
  return objections;
}

Finding link(const Node& node, const Expected& expected) {
  Json measured = Json::object(), due = Json::object();
  Words narrow, slow;
  for (const PciDevice& device : pci_devices(node)) {
    const Link is = read_link_of(node, device.address, "current"), most = read_link_of(node, device.address, "max"),
               ports = read_link_of(node, port_of(node, device.address), "max");
    if (is.width == 0 || most.width == 0 || ports.width == 0) continue;
    const Link can = {std::min(most.speed, ports.speed), std::min(most.width, ports.width)};
    const std::string name = fmt::format("{} ({})", device.address, device.id);
    measured[name] = shown(is), due[name] = shown(can);
    const std::string said = fmt::format("{} has {} of {}", name, shown(is), shown(can));
    if (is.width < can.width)
      narrow.push_back(said);
    else if (is.speed < can.speed)
      slow.push_back(said);
  }
  if (measured.empty()) return skipped("no device has a PCIe link of its own");
  Words objections = error_objections(watch_errors(node));
  if (!expected.emulated) objections.insert(objections.end(), narrow.begin(), narrow.end());
  std::string gap = slow.empty() ? "" : "links of idle devices slow down: " + joined(slow, ", ");
  if (expected.emulated) gap = "an emulated link has no speed of its own";
  return judged(std::move(measured), std::move(due), kRoot + "/*/{current,max}_link_{speed,width}, aer_dev_*",
                joined(objections, "; "), std::move(gap));
}

}  // namespace

std::vector<Check> link_checks() {
  return {{"driver.pcie-link",
           "each PCIe link is as wide as both of its ends can, and has no errors",
           {},
           When::booted,
           link}};
}

}  // namespace ainode::checks
