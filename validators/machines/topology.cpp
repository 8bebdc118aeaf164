// SPDX-License-Identifier: Apache-2.0
// A topology file is read by a small strict decoder: every key is taken once by name, and what is left is an error.
#include "validators/machines/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/yaml.h"

namespace ainode {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = std::uint64_t{1} << 30;
constexpr std::size_t kMaxNodes = 16;
constexpr long kMaxCpus = 64;

Error wrong(const ErrorCode& code, const YamlNode& node, const std::string& message) {
  return Error(code, message).at(node.place);
}

/// One mapping, whose keys must all be asked for.
class Mapping {
 public:
  Mapping(const YamlNode& node, std::string subject) : node_(node), subject_(std::move(subject)) {
    if (node.kind != YamlNode::Kind::mapping)
      throw wrong(codes::wrong_type, node, fmt::format("{} must be a mapping", subject_));
  }
  const YamlNode& need(const std::string& key) {
    known_.insert(key);
    const YamlNode* value = node_.find(key);
    if (!value) throw wrong(codes::missing_key, node_, fmt::format("{} lacks `{}`", subject_, key));
    return *value;
  }
  void finish() const {
    for (const auto& [key, value] : node_.entries) {
      if (!known_.contains(key.text))
        throw wrong(codes::unknown_key, key, fmt::format("unknown key `{}`", key.text))
            .label(fmt::format("not a key of {}", subject_));
    }
  }

 private:
  const YamlNode& node_;
  std::string subject_;
  std::set<std::string> known_;
};

std::string text(const YamlNode& node, const std::string& key) {
  if (node.kind != YamlNode::Kind::scalar) throw wrong(codes::wrong_type, node, fmt::format("`{}` must be text", key));
  return node.text;
}

long number(const YamlNode& node, const std::string& key, long least, long most) {
  const std::string written = text(node, key);
  long value = 0;
  const auto [end, failure] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (failure != std::errc() || end != written.data() + written.size() || node.is_quoted)
    throw wrong(codes::wrong_type, node, fmt::format("`{}` must be a whole number", key));
  if (value < least || value > most)
    throw wrong(codes::bad_value, node, fmt::format("`{}` must lie between {} and {}", key, least, most));
  return value;
}

std::uint64_t memory_size(const YamlNode& node) {
  const std::string written = text(node, "memory");
  const char unit = written.empty() ? ' ' : written.back();
  const std::uint64_t scale = unit == 'G' ? kGiB : unit == 'M' ? kMiB : 0;
  std::uint64_t value = 0;
  const char* const digits_end = written.data() + (written.empty() ? 0 : written.size() - 1);
  const auto [end, failure] = std::from_chars(written.data(), digits_end, value);
  if (scale == 0 || failure != std::errc() || end != digits_end)
    throw wrong(codes::bad_value, node, "`memory` must be a whole number with the unit M or G");
  if (value > 64 * kGiB / scale || value * scale < 128 * kMiB)
    throw wrong(codes::bad_value, node, "`memory` must lie between 128M and 64G");
  return value * scale;
}

const YamlNode& sequence(const YamlNode& node, const std::string& key, std::size_t least, std::size_t most) {
  if (node.kind != YamlNode::Kind::sequence)
    throw wrong(codes::wrong_type, node, fmt::format("`{}` must be a list", key));
  if (node.items.size() < least || node.items.size() > most)
    throw wrong(codes::bad_value, node, fmt::format("`{}` must have {} to {} items", key, least, most));
  return node;
}

std::vector<checks::ExpectedNumaNode> read_nodes(const YamlNode& list) {
  std::vector<checks::ExpectedNumaNode> nodes;
  int next_cpu = 0;
  std::size_t cpus_each = 0;
  for (const YamlNode& item : sequence(list, "nodes", 1, kMaxNodes).items) {
    Mapping mapping(item, "a node");
    checks::ExpectedNumaNode node;
    const long cpus = number(mapping.need("cpus"), "cpus", 0, kMaxCpus);
    for (long i = 0; i < cpus; ++i) node.cpus.push_back(next_cpu++);
    node.memory_bytes = memory_size(mapping.need("memory"));
    mapping.finish();
    // Processors are dealt to sockets, one socket a node: with unequal shares the kernel warns and taints itself.
    if (cpus > 0 && cpus_each > 0 && node.cpus.size() != cpus_each)
      throw wrong(codes::bad_value, item, "all nodes with processors must have equally many");
    if (cpus > 0) cpus_each = node.cpus.size();
    nodes.push_back(std::move(node));
  }
  if (next_cpu == 0) throw wrong(codes::bad_value, list, "no node has a processor");
  if (next_cpu > kMaxCpus) throw wrong(codes::bad_value, list, fmt::format("more than {} processors", kMaxCpus));
  return nodes;
}

std::vector<std::vector<int>> read_distances(const YamlNode& list, std::size_t nodes) {
  std::vector<std::vector<int>> rows;
  for (const YamlNode& item : sequence(list, "distances", nodes, nodes).items) {
    std::vector<int> row;
    for (const YamlNode& cell : sequence(item, "distances", nodes, nodes).items)
      row.push_back(static_cast<int>(number(cell, "distances", 10, 254)));
    rows.push_back(std::move(row));
  }
  for (std::size_t a = 0; a < nodes; ++a) {
    for (std::size_t b = 0; b < nodes; ++b) {
      if (rows[a][b] != rows[b][a] || (a == b) != (rows[a][b] == 10))
        throw wrong(codes::bad_value, list, "`distances` must be symmetric, with 10 on the diagonal and nowhere else");
    }
  }
  return rows;
}

std::string one_of(const YamlNode& node, const std::string& key, const std::vector<std::string>& allowed) {
  std::string value = text(node, key);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    throw wrong(codes::bad_value, node, fmt::format("`{}` must be one of {}", key, fmt::join(allowed, ", ")));
  return value;
}

/// What qemu_command plugs in on every machine: the image's disk, the agent's disk and the serial port.
std::vector<checks::ExpectedDevice> harness_devices() {
  return {{"1af4", "1042", "virtio-pci"}, {"1af4", "1042", "virtio-pci"}, {"1af4", "1043", "virtio-pci"}};
}

}  // namespace

Topology parse_topology(std::string_view yaml, const std::string& file) {
  const YamlNode document = parse_yaml(yaml, file);
  Mapping mapping(document, "a topology");
  number(mapping.need("ainode-topology"), "ainode-topology", 1, 1);
  Topology topology;
  topology.name = text(mapping.need("name"), "name");
  topology.summary = text(mapping.need("summary"), "summary");
  topology.machine = one_of(mapping.need("machine"), "machine", {"q35"});
  topology.facts.nodes = read_nodes(mapping.need("nodes"));
  topology.facts.distances = read_distances(mapping.need("distances"), topology.facts.nodes.size());
  topology.facts.iommu = one_of(mapping.need("iommu"), "iommu", {"none", "intel"});
  topology.facts.devices = harness_devices();
  mapping.finish();
  return topology;
}

Topology find_topology(const std::string& name) {
  std::string names;
  for (const TopologyText& shipped : shipped_topologies()) {
    if (shipped.name == name) return parse_topology(shipped.yaml, name + ".yaml");
    names += (names.empty() ? "" : ", ") + shipped.name;
  }
  throw Error(codes::target_unknown, fmt::format("there is no topology `{}`", name)).help("there are: " + names);
}

std::vector<std::string> machine_arguments(const Topology& topology) {
  const checks::ExpectedTopology& facts = topology.facts;
  const bool has_iommu = facts.iommu == "intel";
  std::uint64_t memory = 0;
  std::size_t cpus = 0, sockets = 0;
  std::vector<std::string> numa;
  for (std::size_t i = 0; i < facts.nodes.size(); ++i) {
    const checks::ExpectedNumaNode& node = facts.nodes[i];
    memory += node.memory_bytes;
    cpus += node.cpus.size();
    sockets += node.cpus.empty() ? 0 : 1;
    numa.insert(numa.end(),
                {"-object", fmt::format("memory-backend-ram,id=m{},size={}M", i, node.memory_bytes / kMiB)});
    std::string line = fmt::format("node,nodeid={}", i);
    if (!node.cpus.empty()) line += fmt::format(",cpus={}-{}", node.cpus.front(), node.cpus.back());
    numa.insert(numa.end(), {"-numa", fmt::format("{},memdev=m{}", line, i)});
  }
  for (std::size_t a = 0; a < facts.nodes.size(); ++a) {
    for (std::size_t b = a + 1; b < facts.nodes.size(); ++b)
      numa.insert(numa.end(), {"-numa", fmt::format("dist,src={},dst={},val={}", a, b, facts.distances[a][b])});
  }
  std::vector<std::string> arguments = {
      "-machine", topology.machine + (has_iommu ? ",kernel-irqchip=split" : ""),
      // QEMU 7.2's TCG has no native cmpxchg16b between threads: each one stops all processors and may come back with
      // broken flags. The kernel's allocator, which uses it all the time, then ran on to address 0.
      "-cpu", "max,cx16=off",
      // Without `sockets=` the kernel finds one socket on several nodes, warns and taints itself.
      "-smp", fmt::format("{},sockets={},cores={},threads=1", cpus, sockets, cpus / sockets), "-m",
      fmt::format("{}M", memory / kMiB)};
  arguments.insert(arguments.end(), numa.begin(), numa.end());
  if (has_iommu) arguments.insert(arguments.end(), {"-device", "intel-iommu,intremap=on"});
  return arguments;
}

std::vector<std::string> kernel_arguments(const Topology& topology) {
  if (topology.facts.iommu == "intel") return {"intel_iommu=on"};
  return {};
}

}  // namespace ainode
