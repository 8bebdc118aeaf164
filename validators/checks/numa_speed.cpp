// SPDX-License-Identifier: Apache-2.0
// The NUMA family, figures: how fast processors reach each node's memory. What is nearer is not slower.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Ids = std::vector<int>;
using Words = std::vector<std::string>;
const std::string kRoot = "/sys/devices/system/node";
constexpr std::uint64_t kCaches = 4;

Ids read_ids(const Node& node, const std::string& name) {
  return parse_id_list(node.read_file(kRoot + "/" + name).value_or("")).value_or(Ids{});
}

/// By the node it is to; a row has a number for each node that is online.
std::map<int, std::int64_t> distances_from(const Node& node, int from) {
  const Ids online = read_ids(node, "online");
  const Words row = split_words(node.read_file(fmt::format("{}/node{}/distance", kRoot, from)).value_or(""));
  std::map<int, std::int64_t> distances;
  for (std::size_t i = 0; i < std::min(online.size(), row.size()); ++i)
    distances[online[i]] = to_number(row[i]).value_or(0);
  return distances;
}

struct Way {
  int from, to;
  std::int64_t distance;
  double least, most;   ///< of the samples
  bool has_processors;  ///< the node whose memory it is
};

double rounded(double value) {
  return std::round(value * 10) / 10;
}

struct Order {
  std::size_t pairs = 0;
  Words objections;
};

/// Each pair is two ways from one node's processors, of which the first is the shorter. Memory without processors may
/// be of another kind (HBM), and then has more bandwidth however far it is.
Order judge_order(const std::vector<Way>& ways, bool is_more_better, const char* unit) {
  Order order;
  for (const Way& near : ways) {
    for (const Way& far : ways) {
      if (near.from != far.from || near.distance >= far.distance) continue;
      if (is_more_better && near.has_processors != far.has_processors) continue;
      ++order.pairs;
      if (is_more_better ? near.most < far.least : near.least > far.most)
        order.objections.push_back(fmt::format(
            "from node {}, node {} at distance {} gives {} to {} {}, and node {} at distance {} gives {} to {}",
            near.from, near.to, near.distance, rounded(near.least), rounded(near.most), unit, far.to, far.distance,
            rounded(far.least), rounded(far.most)));
    }
  }
  return order;
}

/// The slowest way to a node's own memory, and to another's: of the best repetition, as STREAM takes it.
std::vector<Figure> figures_of(const std::vector<Way>& ways, MemoryTest test) {
  const bool is_triad = test == MemoryTest::triad;
  std::vector<Figure> figures;
  for (const bool is_local : {true, false}) {
    std::vector<double> best;
    for (const Way& way : ways)
      if ((way.from == way.to) == is_local) best.push_back(is_triad ? way.most / 1000 : way.least);
    if (best.empty()) continue;
    const auto [least, most] = std::minmax_element(best.begin(), best.end());
    const double slowest = is_triad ? *least : *most;
    const std::string name = fmt::format("mem.{}{}", is_local ? "" : "remote-", is_triad ? "triad-GBps" : "latency-ns");
    if (std::isfinite(slowest) && slowest > 0)
      figures.push_back({name, is_triad ? "GB/s" : "ns", is_triad, false, {slowest}});
  }
  return figures;
}

Finding speeds(const Node& node, const Expected& expected, MemoryTest test, const char* unit) {
  const Ids memory = read_ids(node, "has_memory");
  Json measured = Json::object();
  Words problems;
  std::vector<Way> ways;
  std::string gap;
  const Ids processors = read_ids(node, "has_cpu");
  for (const int from : processors) {
    const auto distances = distances_from(node, from);
    for (const int to : memory) {
      const MemorySpeed speed = node.measure_memory(from, to, test);
      const std::string name = fmt::format("node{} to node{}", from, to);
      if (!speed.problem.empty() || speed.samples.empty()) {
        problems.push_back(name + ": " + (speed.problem.empty() ? "nothing was measured" : speed.problem));
        continue;
      }
      const auto [least, most] = std::minmax_element(speed.samples.begin(), speed.samples.end());
      const auto distance = distances.find(to);
      ways.push_back({from, to, distance == distances.end() ? 0 : distance->second, *least, *most,
                      std::find(processors.begin(), processors.end(), to) != processors.end()});
      measured[name] = {{"least", rounded(*least)}, {"most", rounded(*most)}, {"unit", unit}, {"bytes", speed.bytes}};
      if (speed.bytes < kCaches * speed.cache_bytes)
        gap = fmt::format("{}: arrays of {} bytes are all that is free, and the last caches have {}", name, speed.bytes,
                          speed.cache_bytes);
    }
  }
  if (ways.empty() && problems.empty()) return skipped("the kernel has no NUMA: there is no " + kRoot);
  if (expected.emulated) gap = "an emulated machine's memory has no speed of its own";
  const bool is_whole = problems.empty();
  const Order order = judge_order(ways, test == MemoryTest::triad, unit);
  if (problems.empty() && gap.empty()) problems = order.objections;
  Finding finding = judged(std::move(measured), "what is nearer is not slower",
                           fmt::format("{}, {}", test == MemoryTest::triad ? "STREAM's triad" : "a chase of pointers",
                                       kRoot + "/node*/distance"),
                           joined(problems, "; "), gap);
  if (is_whole && gap.empty()) finding.figures = figures_of(ways, test);
  if (finding.verdict == Verdict::pass && order.pairs == 0) {
    finding.verdict = Verdict::skip;
    finding.reason = memory.size() < 2
                         ? "the machine has memory on one node only: its figures are compared with nothing"
                         : "no two ways of one kind have different distances: the figures are compared with nothing";
  }
  return finding;
}

Finding bandwidth(const Node& node, const Expected& expected) {
  return speeds(node, expected, MemoryTest::triad, "MB/s");
}

Finding latency(const Node& node, const Expected& expected) {
  return speeds(node, expected, MemoryTest::chase, "ns");
}

}  // namespace

std::vector<Check> numa_speed_checks() {
  return {{"numa.bandwidth",
           "no node's memory has more bandwidth than that of a nearer one",
           {},
           When::booted,
           bandwidth,
           "",
           Where::node,
           Level::full},
          {"numa.latency",
           "no node's memory answers sooner than that of a nearer one",
           {},
           When::booted,
           latency,
           "",
           Where::node,
           Level::full}};
}

}  // namespace ainode::checks
