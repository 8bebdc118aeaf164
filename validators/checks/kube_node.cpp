// SPDX-License-Identifier: Apache-2.0
// The kube-node family: what a kubelet expects of its host. Asked only of images whose profiles name it.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// What the kubelet's container manager asks of cgroup v2.
constexpr const char* kControllers[] = {"cpu", "cpuset", "memory", "pids"};
constexpr const char* kModules[] = {"overlay", "br_netfilter"};
constexpr const char* kPaths[] = {"/etc/kubernetes", "/var/lib/kubelet"};

void judge_control_groups(const Node& node, Json& measured, Words& objections) {
  const auto text = node.read_file("/sys/fs/cgroup/cgroup.controllers");
  const Words found = split_words(text.value_or(""));
  measured["controllers"] = found;
  if (!text) objections.push_back("/sys/fs/cgroup is not cgroup v2");
  for (const char* each : kControllers)
    if (text && std::find(found.begin(), found.end(), each) == found.end())
      objections.push_back(fmt::format("cgroup v2 has no controller {}", each));
}

/// /proc/swaps: a title, then a line an area.
void judge_swap(const Node& node, Json& measured, Words& objections) {
  Words areas;
  const Words lines = split_lines(node.read_file("/proc/swaps").value_or(""));
  for (std::size_t i = 1; i < lines.size(); ++i)
    if (const Words words = split_words(lines[i]); !words.empty()) areas.push_back(words.front());
  measured["swap"] = areas;
  if (!areas.empty()) objections.push_back("swap is on: " + joined(areas, ", "));
}

void judge_modules(const Node& node, Json& measured, Words& objections) {
  for (const char* name : kModules) {
    const bool is_loaded = is_module_loaded(node, name);
    measured["modules"][name] = is_loaded ? "loaded" : can_load_module(node, name) ? "loadable" : "none";
    if (measured["modules"][name] == "none") objections.push_back(fmt::format("module {} cannot be loaded", name));
  }
}

/// The mount that holds the directory, or would hold it when it is made.
void judge_paths(const Node& node, Json& measured, Words& objections) {
  for (const std::string path : kPaths) {
    const std::string place = node.exists(path) ? path : path.substr(0, path.rfind('/'));
    const auto is_read_only = node.is_read_only(place);
    measured["writable"][path] = is_read_only == false;
    if (is_read_only != false) objections.push_back(fmt::format("{} cannot be written", path));
  }
}

Finding kube_node(const Node& node, const Expected&) {
  Json measured = Json::object();
  Words objections;
  judge_control_groups(node, measured, objections);
  judge_swap(node, measured, objections);
  judge_modules(node, measured, objections);
  const auto forwards = read_number(node, "/proc/sys/net/ipv4/ip_forward");
  measured["ip_forward"] = forwards ? Json(*forwards) : Json();
  if (forwards != 1) objections.push_back("net.ipv4.ip_forward is not 1");
  judge_paths(node, measured, objections);
  return judged(std::move(measured),
                {{"controllers", kControllers},
                 {"swap", Json::array()},
                 {"modules", kModules},
                 {"ip_forward", 1},
                 {"writable", kPaths}},
                "/sys/fs/cgroup, /proc/swaps, /sys/module, modprobe --show-depends, /proc/sys/net/ipv4/ip_forward",
                joined(objections, "; "));
}

}  // namespace

std::vector<Check> kube_node_checks() {
  return {{"containers.kube-node",
           "the node is as a kubelet expects it: cgroup v2, no swap, modules, forwarding, its directories",
           {},
           When::booted,
           kube_node}};
}

}  // namespace ainode::checks
