// SPDX-License-Identifier: Apache-2.0
// The NUMA family: nodes, distances, processors and speeds as the machine was given them. Memory that stays where it is
// put stands in numa_pages.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/node_files.h"
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Ids = std::vector<int>;
using Words = std::vector<std::string>;
const std::string kRoot = "/sys/devices/system/node";

Json ids_json(const std::optional<Ids>& ids) {
  return ids ? Json(*ids) : Json();
}

std::optional<Ids> read_ids(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  return text ? parse_id_list(*text) : std::nullopt;
}

template <class Choose>
Ids nodes_where(const Expected& expected, Choose choose) {
  Ids ids;
  const auto& nodes = expected.topology.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (choose(nodes[i])) ids.push_back(static_cast<int>(i));
  }
  return ids;
}

Finding nodes(const Node& node, const Expected& expected) {
  const std::pair<const char*, Ids> wanted[] = {
      {"online", nodes_where(expected, [](const ExpectedNumaNode&) { return true; })},
      {"has_cpu", nodes_where(expected, [](const ExpectedNumaNode& each) { return !each.cpus.empty(); })},
      {"has_memory", nodes_where(expected, [](const ExpectedNumaNode& each) { return each.memory_bytes > 0; })},
  };
  Json measured = Json::object(), due = Json::object();
  Words objections;
  for (const auto& [name, ids] : wanted) {
    const auto found = read_ids(node, kRoot + "/" + name);
    measured[name] = ids_json(found);
    due[name] = ids;
    if (found != ids) {
      objections.push_back(fmt::format("{} is {} instead of {}", name, ids_json(found).dump(), Json(ids).dump()));
    }
  }
  return judged(measured, due, kRoot + "/{online,has_cpu,has_memory}", joined(objections, "; "));
}

using Matrix = std::vector<Ids>;

/// A row an online node; nothing when a row cannot be read.
std::optional<Matrix> read_distances(const Node& node) {
  Matrix rows;
  for (const int id : read_ids(node, kRoot + "/online").value_or(Ids{})) {
    Ids row;
    const std::string text = node.read_file(fmt::format("{}/node{}/distance", kRoot, id)).value_or("");
    for (const std::string& word : split_words(text)) row.push_back(static_cast<int>(to_number(word).value_or(-1)));
    rows.push_back(std::move(row));
  }
  const auto is_of_another_length = [&](const Ids& row) { return row.size() != rows.size(); };
  if (rows.empty() || std::any_of(rows.begin(), rows.end(), is_of_another_length)) return std::nullopt;
  return rows;
}

/// What the ACPI specification asks of a SLIT and Linux of a sane one.
std::string distance_objections(const Matrix& distances) {
  Words objections;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    if (distances[i][i] != 10) objections.push_back(fmt::format("node {} is {} from itself", i, distances[i][i]));
    for (std::size_t j = i + 1; j < distances.size(); ++j) {
      const int there = distances[i][j], back = distances[j][i];
      if (there != back) objections.push_back(fmt::format("{} to {} is {}, back is {}", i, j, there, back));
      if (there < 11 || there > 254) objections.push_back(fmt::format("{} to {} is {}", i, j, there));
    }
  }
  return joined(objections, "; ");
}

Finding distances(const Node& node, const Expected& expected) {
  const std::string evidence = kRoot + "/node*/distance";
  const Matrix& wanted = expected.topology.distances;
  const auto measured = read_distances(node);
  if (!measured) return failed(nullptr, wanted, evidence, "the distances are not a square table");
  std::string objections = distance_objections(*measured);
  if (objections.empty() && *measured != wanted) objections = "the distances are not those of the machine";
  return judged(*measured, wanted, evidence, std::move(objections));
}

Json cpus_by_node(const std::map<int, Ids>& cpus) {
  Json json = Json::object();
  for (const auto& [id, list] : cpus) json["node" + std::to_string(id)] = list;
  return json;
}

/// Each online processor belongs to one node and to no other.
Words partition_objections(const std::map<int, Ids>& cpus, const Ids& online) {
  std::map<int, int> owner;
  Words objections;
  for (const auto& [id, list] : cpus) {
    for (const int cpu : list) {
      const auto [first, is_new] = owner.emplace(cpu, id);
      if (!is_new) objections.push_back(fmt::format("CPU {} is in node {} and node {}", cpu, first->second, id));
    }
  }
  for (const int cpu : online) {
    if (owner.erase(cpu) == 0) objections.push_back(fmt::format("CPU {} is online and in no node", cpu));
  }
  for (const auto& [cpu, id] : owner) objections.push_back(fmt::format("CPU {} of node {} is not online", cpu, id));
  return objections;
}

Finding cpus_partition(const Node& node, const Expected& expected) {
  std::map<int, Ids> measured, wanted;
  for (const int id : read_ids(node, kRoot + "/online").value_or(Ids{})) {
    measured[id] = read_ids(node, fmt::format("{}/node{}/cpulist", kRoot, id)).value_or(Ids{});
  }
  const auto& nodes = expected.topology.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) wanted[static_cast<int>(i)] = nodes[i].cpus;
  const auto online = read_ids(node, "/sys/devices/system/cpu/online").value_or(Ids{});
  Words objections = partition_objections(measured, online);
  if (objections.empty() && measured != wanted) objections = {"the nodes' processors are not those of the machine"};
  return judged(cpus_by_node(measured), cpus_by_node(wanted), kRoot + "/node*/cpulist, /sys/devices/system/cpu/online",
                joined(objections, "; "));
}

/// The attributes of a node's memory as Linux's documentation numaperf.rst names them, and what they are due to be.
constexpr std::pair<const char*, int ExpectedAccess::*> kPerformance[] = {
    {"read_latency", &ExpectedAccess::latency_ns},
    {"write_latency", &ExpectedAccess::latency_ns},
    {"read_bandwidth", &ExpectedAccess::bandwidth_mib},
    {"write_bandwidth", &ExpectedAccess::bandwidth_mib},
};

/// The nodes whose processors Linux calls the nearest to this memory: links beside the attributes.
Ids read_initiators(const Node& node, const std::string& directory) {
  Ids ids;
  for (const DirectoryEntry& entry : node.list(directory)) {
    if (entry.name.compare(0, 4, "node") != 0) continue;
    if (const auto id = to_number(entry.name.substr(4))) ids.push_back(static_cast<int>(*id));
  }
  return ids;
}

Json performance(const Node& node, int id, const std::string& access) {
  const std::string directory = fmt::format("{}/node{}/{}/initiators", kRoot, id, access);
  Json json = {{"initiators", read_initiators(node, directory)}};
  for (const auto& [name, member] : kPerformance) {
    const auto value = to_number(trimmed(node.read_file(directory + "/" + name).value_or("")));
    json[name] = value ? Json(*value) : Json();
  }
  return json;
}

Json performance(const ExpectedAccess& access) {
  Json json = {{"initiators", {access.initiator}}};
  for (const auto& [name, member] : kPerformance) json[name] = access.*member;
  return json;
}

/// Of two nodes that one node's processors are the nearest to, the one at the smaller distance must not be slower.
Words order_objections(const Json& measured, const Matrix& distances) {
  Words objections;
  if (distances.size() != measured.size()) return objections;
  for (std::size_t a = 0; a < measured.size(); ++a) {
    for (std::size_t b = 0; b < measured.size(); ++b) {
      const Json &near = measured[a], &far = measured[b];
      if (near["initiators"].size() != 1 || near["initiators"] != far["initiators"]) continue;
      const std::size_t from = near["initiators"][0].get<std::size_t>();
      if (from < distances.size() && distances[from][a] < distances[from][b] &&
          near["read_latency"] > far["read_latency"])
        objections.push_back(fmt::format("from node {}, node {} is nearer than node {} and slower", from, a, b));
    }
  }
  return objections;
}

Words speed_objections(const Json& found, const Json& due, const std::string& whose) {
  if (found["initiators"].empty()) return {whose + " shows no speeds"};
  Words objections;
  for (const auto& [key, value] : due.items())
    if (found[key] != value)
      objections.push_back(fmt::format("{} of {} is {} instead of {}", key, whose, found[key].dump(), value.dump()));
  return objections;
}

/// access0 is of the nearest initiators of any kind, access1 of the nearest processors (Linux's numaperf.rst, since
/// 5.10). A topology names no other initiator than processors: where both are shown, they are due to be the same.
Finding hmat(const Node& node, const Expected& expected) {
  constexpr const char* kAny = "access0";
  constexpr const char* kProcessors = "access1";
  Json measured = Json::array(), due = Json::array();
  Words objections;
  const auto object = [&](const Json& found, const Json& wanted, const std::string& whose) {
    for (std::string& each : speed_objections(found, wanted, whose)) objections.push_back(std::move(each));
  };
  for (const int id : nodes_where(expected, [](const ExpectedNumaNode&) { return true; })) {
    const Json wanted = performance(expected.topology.local_access(id));
    Json found = performance(node, id, kAny), all = wanted;
    object(found, wanted, fmt::format("node {}", id));
    for (const DirectoryEntry& entry : node.list(fmt::format("{}/node{}", kRoot, id))) {
      if (entry.name != kProcessors) continue;
      found[kProcessors] = performance(node, id, kProcessors);
      all[kProcessors] = wanted;
      object(found[kProcessors], wanted, fmt::format("node {} ({})", id, kProcessors));
    }
    measured.push_back(std::move(found));
    due.push_back(std::move(all));
  }
  for (std::string& each : order_objections(measured, read_distances(node).value_or(Matrix{})))
    objections.push_back(std::move(each));
  return judged(measured, due, kRoot + "/node*/access*/initiators", joined(objections, "; "));
}

/// memory_tier4, memory_tier270 → {4, 270}: the larger the number, the slower.
Finding tiers(const Node& node, const Expected& expected) {
  const std::string root = "/sys/devices/virtual/memory_tiering", prefix = "memory_tier";
  std::map<std::int64_t, Ids> by_number;
  for (const DirectoryEntry& entry : node.list(root)) {
    if (entry.name.compare(0, prefix.size(), prefix) != 0) continue;
    if (const auto number = to_number(entry.name.substr(prefix.size())))
      by_number[*number] = read_ids(node, fmt::format("{}/{}/nodelist", root, entry.name)).value_or(Ids{});
  }
  Matrix measured;
  for (const auto& [number, nodes] : by_number) measured.push_back(nodes);
  const Matrix& due = expected.topology.tiers;
  std::string objection;
  if (measured != due)
    objection = fmt::format("the tiers are {} instead of {}", Json(measured).dump(), Json(due).dump());
  return judged(measured, due, root + "/memory_tier*/nodelist", std::move(objection));
}

/// Devices of one kind are told apart by nothing but their nodes: each declared one must be found.
Finding device_nodes(const Node& node, const Expected& expected) {
  std::map<std::string, std::multiset<int>> found, due;
  Words objections, measured;
  for (const ExpectedDevice& device : expected.topology.devices)
    if (device.numa_node) due[hardware_id(device)].insert(*device.numa_node);
  for (const PciDevice& device : pci_devices(node)) {
    if (due.count(device.id) == 0) continue;
    const auto path = fmt::format("/sys/bus/pci/devices/{}/numa_node", device.address);
    const auto on = static_cast<int>(read_number(node, path).value_or(-1));
    found[device.id].insert(on);
    measured.push_back(fmt::format("{} {} {}", device.address, device.id, on));
  }
  for (const auto& [id, nodes] : due) {
    for (const int each : nodes) {
      const auto there = found[id].find(each);
      if (there != found[id].end())
        found[id].erase(there);
      else
        objections.push_back(fmt::format("{} is not on node {}", id, each));
    }
  }
  return judged(measured, due, "/sys/bus/pci/devices/*/numa_node", joined(objections, "; "));
}

Finding switched(const Node& node, const Expected& expected, std::string_view subject, const std::string& path) {
  return judge_each(expected, subject, path, [&](const Json& statement) -> Measured {
    const auto number = read_number(node, path);
    if (!number) return {nullptr, path + " does not exist"};
    const bool is_on = *number != 0, is_wanted = statement.get<bool>();
    return {is_on, is_on == is_wanted ? "" : fmt::format("{} is {}", path, *number)};
  });
}

Finding numa_balancing(const Node& node, const Expected& expected) {
  return switched(node, expected, "numa.balancing", "/proc/sys/kernel/numa_balancing");
}

Finding zone_reclaim(const Node& node, const Expected& expected) {
  return switched(node, expected, "numa.reclaim", "/proc/sys/vm/zone_reclaim_mode");
}

}  // namespace

std::vector<Check> numa_checks() {
  std::vector<Check> checks = {
      {"numa.nodes", "the NUMA nodes are those of the machine", {"topology"}, When::early, nodes},
      {"numa.distances-symmetric",
       "the distances are sane, symmetric and those of the machine",
       {"topology"},
       When::early,
       distances},
      {"numa.cpus-partition",
       "each processor belongs to one node, as in the machine",
       {"topology"},
       When::early,
       cpus_partition},
      {"numa.hmat", "the speeds of the nodes' memory are those of the machine", {"hmat"}, When::early, hmat},
      {"numa.tiers", "each node's memory is in its tier, fast before slow", {"tiers"}, When::early, tiers},
      {"numa.device-node", "each device is on its NUMA node", {"device-nodes"}, When::early, device_nodes},
      {"numa.balancing",
       "the kernel moves pages between nodes only as declared",
       {"declared:numa.balancing"},
       When::booted,
       numa_balancing},
      {"numa.reclaim",
       "a full node reclaims its own pages only as declared",
       {"declared:numa.reclaim"},
       When::booted,
       zone_reclaim},
  };
  for (Check& check : numa_page_checks()) checks.push_back(std::move(check));
  for (Check& check : numa_speed_checks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace ainode::checks
