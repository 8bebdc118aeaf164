// SPDX-License-Identifier: Apache-2.0
// The NUMA family, memory that stays where it is put: pages small and huge, bound, moved and spread.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "validators/checks/catalog.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Ids = std::vector<int>;
using Words = std::vector<std::string>;

Ids memory_nodes(const Expected& expected) {
  Ids ids;
  const auto& nodes = expected.topology.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].memory_bytes > 0) ids.push_back(static_cast<int>(i));
  return ids;
}

Finding placement(const Node& node, const Expected& expected) {
  constexpr int kPages = 256;
  Json measured = Json::object(), due = Json::object();
  Words objections;
  for (const int id : memory_nodes(expected)) {
    const std::string name = "node" + std::to_string(id);
    const PagePlacement found = node.place_pages(id, kPages);
    const Words maps = split_words(found.numa_maps);
    const std::string count = fmt::format("N{}={}", id, kPages);
    measured[name] = found.on_node;
    due[name] = kPages;
    if (!found.problem.empty()) {
      objections.push_back(fmt::format("{}: {}", name, found.problem));
    } else if (found.on_node != kPages) {
      objections.push_back(fmt::format("{}: {} of {} pages lie elsewhere", name, kPages - found.on_node, kPages));
    } else if (std::find(maps.begin(), maps.end(), count) == maps.end()) {
      objections.push_back(fmt::format("{}: numa_maps does not say {} but `{}`", name, count, found.numa_maps));
    }
  }
  return judged(measured, due, "mbind(MPOL_BIND), move_pages(2), /proc/self/numa_maps", joined(objections, "; "));
}

/// Every page goes from each node to the next one and back, by both calls, and arrives whole.
Finding migration(const Node& node, const Expected& expected) {
  constexpr int kPages = 64;
  constexpr std::pair<Migration, const char*> kWays[] = {{Migration::by_page, "move_pages"},
                                                         {Migration::by_process, "migrate_pages"}};
  Json measured = Json::object();
  Words objections;
  const Ids nodes = memory_nodes(expected);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const int from = nodes[i], to = nodes[(i + 1) % nodes.size()];
    for (const auto& [way, call] : kWays) {
      const PageMove move = node.move_pages(from, to, kPages, way);
      const std::string name = fmt::format("{} from node {} to node {}", call, from, to);
      measured[name] = move.arrived;
      if (!move.problem.empty())
        objections.push_back(fmt::format("{}: {}", name, move.problem));
      else if (move.arrived != kPages)
        objections.push_back(fmt::format("{}: {} of {} pages did not arrive", name, kPages - move.arrived, kPages));
      else if (!move.is_intact)
        objections.push_back(name + ": the pages hold something else");
    }
  }
  return judged(measured, {{"pages", kPages}, {"intact", true}}, "move_pages(2), migrate_pages(2)",
                joined(objections, "; "));
}

Json spread_json(const std::map<int, int>& counts) {
  Json json = Json::object();
  for (const auto& [id, count] : counts) json["node" + std::to_string(id)] = count;
  return json;
}

/// What was found of the weights comes before what follows from them.
Finding judge_spread(const PageSpread& found, const std::map<int, int>& wanted, std::string evidence,
                     Words objections = {}) {
  if (!found.problem.empty())
    objections.push_back(found.problem);
  else if (found.on_node != wanted)
    objections.push_back(
        fmt::format("pages lie {} instead of {}", spread_json(found.on_node).dump(), spread_json(wanted).dump()));
  return judged(spread_json(found.on_node), spread_json(wanted), std::move(evidence), joined(objections, "; "));
}

Finding interleave(const Node& node, const Expected& expected) {
  constexpr int kRounds = 64;
  const Ids nodes = memory_nodes(expected);
  std::map<int, int> wanted;
  for (const int id : nodes) wanted[id] = kRounds;
  const int pages = kRounds * static_cast<int>(nodes.size());
  return judge_spread(node.spread_pages(nodes, pages, Spread::interleave), wanted,
                      "mbind(MPOL_INTERLEAVE), move_pages(2)");
}

/// As reduce_interleave_weights() of Linux's mm/mempolicy.c computes them: a node's share of the whole bandwidth in
/// parts of 32, rounded down but at least one, over the greatest common divisor of all.
std::map<int, int> weights_by_bandwidth(const Ids& nodes, const ExpectedTopology& topology) {
  constexpr std::int64_t kParts = 32;
  std::int64_t all = 0;
  for (const int id : nodes) all += topology.local_access(id).bandwidth_mib;
  std::map<int, int> weights;
  int divisor = 0;
  for (const int id : nodes) {
    const std::int64_t part = all > 0 ? kParts * topology.local_access(id).bandwidth_mib / all : 0;
    weights[id] = static_cast<int>(std::max<std::int64_t>(part, 1));
    divisor = std::gcd(divisor, weights[id]);
  }
  for (auto& [id, weight] : weights) weight /= divisor;
  return weights;
}

/// Linux's Documentation/ABI/testing/sysfs-kernel-mm-mempolicy-weighted-interleave. Since 6.16, which has `auto`, the
/// kernel weighs nodes by the HMAT's bandwidths; before, or where none is known, whoever wrote the weights is believed.
Finding weighted(const Node& node, const Expected& expected) {
  constexpr int kRounds = 8;
  const std::string root = "/sys/kernel/mm/mempolicy/weighted_interleave";
  if (!node.exists(root)) return skipped("the kernel has no weighted interleaving (Linux 6.9 has)");
  const Ids nodes = memory_nodes(expected);
  std::map<int, int> weights;
  for (const int id : nodes) {
    const auto weight = read_number(node, fmt::format("{}/node{}", root, id));
    if (!weight || *weight < 1) return failed(nullptr, nullptr, root, fmt::format("node {} has no weight", id));
    weights[id] = static_cast<int>(*weight);
  }
  Words objections;
  const auto automatic = expected.topology.accesses.empty() ? std::nullopt : node.read_file(root + "/auto");
  if (const auto due = automatic ? weights_by_bandwidth(nodes, expected.topology) : weights; weights != due) {
    objections.push_back(fmt::format("the weights are {} instead of {}{}", spread_json(weights).dump(),
                                     spread_json(due).dump(), trimmed(*automatic) == "true" ? "" : ", set by hand"));
    weights = due;
  }
  int pages = 0;
  for (auto& [id, count] : weights) pages += count *= kRounds;
  return judge_spread(node.spread_pages(nodes, pages, Spread::weighted_interleave), weights,
                      root + ", mbind(MPOL_WEIGHTED_INTERLEAVE), move_pages(2)", std::move(objections));
}

/// Why the pages are not all that they should be; empty when they are.
std::string huge_page_objection(const HugePages& found, int wanted) {
  if (!found.problem.empty()) return found.problem;
  if (found.added != wanted)
    return fmt::format("the pool grew by {} instead of {} pages, or did not say so", found.added, wanted);
  if (found.on_node != wanted) return fmt::format("{} of {} huge pages lie elsewhere", wanted - found.on_node, wanted);
  return found.is_intact ? "" : "the pages hold something else";
}

Finding huge_pages(const Node& node, const Expected& expected) {
  constexpr int kPages = 2;
  Json measured = Json::object();
  Words objections;
  for (const int id : memory_nodes(expected)) {
    const HugePages found = node.place_huge_pages(id, kPages);
    const std::string name = "node" + std::to_string(id);
    measured[name] = {{"added", found.added}, {"on_node", found.on_node}};
    const std::string objection = huge_page_objection(found, kPages);
    if (!objection.empty()) objections.push_back(name + ": " + objection);
  }
  return judged(std::move(measured), {{"added", kPages}, {"on_node", kPages}},
                "/sys/devices/system/node/node*/hugepages, MAP_HUGETLB, mbind(MPOL_BIND), move_pages(2)",
                joined(objections, "; "));
}

}  // namespace

std::vector<Check> numa_page_checks() {
  return {
      {"numa.placement", "memory bound to a node lies on it", {"memory-nodes"}, When::early, placement},
      {"numa.migration",
       "pages that are moved between nodes all arrive, and whole",
       {"several-memory-nodes"},
       When::early,
       migration},
      {"numa.interleave",
       "interleaved pages lie evenly on the nodes",
       {"several-memory-nodes"},
       When::early,
       interleave},
      {"numa.weighted",
       "pages are interleaved by the nodes' weights, and these follow the bandwidth of their memory",
       {"several-memory-nodes"},
       When::early,
       weighted},
      {"numa.hugepages",
       "each node's pool of huge pages grows when asked, and its pages lie on it",
       {"memory-nodes", "config:HUGETLB_PAGE"},
       When::booted,
       huge_pages},
  };
}

}  // namespace ainode::checks
