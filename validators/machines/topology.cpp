// SPDX-License-Identifier: Apache-2.0
// A topology file is read by a small strict decoder: every key is taken once by name, and what is left is an error.
#include "validators/machines/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/yaml.h"
#include "base/yaml_mapping.h"

namespace ainode {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = std::uint64_t{1} << 30, kMostMiB = 64 << 10;
constexpr std::uint64_t kLeastNodeMiB = 128;
constexpr std::size_t kMaxNodes = 16, kMaxDevices = 16, kMaxFile = 1 << 20;
constexpr long kMaxCpus = 64, kMaxLatency = 65'535, kMaxBandwidth = 4 << 20;  // ns; MiB/s

long number(const YamlNode& node, const std::string& key, long least, long most) {
  const std::string written = yaml_text(node, key);
  long value = 0;
  const auto [end, failure] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (failure != std::errc() || end != written.data() + written.size() || node.is_quoted)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("`{}` must be a whole number", key))
        .label("is none")
        .help(fmt::format("write it in digits, without quotes, from {} to {}", least, most));
  if (least == most && value != least)
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` must be {}", key, least))
        .label("is another")
        .help(fmt::format("write {}", least));
  if (value < least || value > most)
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` must lie between {} and {}", key, least, most))
        .label(value < least ? "is too small" : "is too large")
        .help(fmt::format("write a number from {} to {}", least, most));
  return value;
}

struct SizeRange {
  std::uint64_t least_mib, most_mib;
};

std::uint64_t size(const YamlNode& node, const std::string& key, const SizeRange& range) {
  const std::string written = yaml_text(node, key);
  const char unit = written.empty() ? ' ' : written.back();
  const std::uint64_t scale = unit == 'G' ? kGiB : unit == 'M' ? kMiB : 0;
  std::uint64_t value = 0;
  const char* const digits_end = written.data() + (written.empty() ? 0 : written.size() - 1);
  const auto [end, failure] = std::from_chars(written.data(), digits_end, value);
  if (scale == 0 || failure != std::errc() || end != digits_end)
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` must be a whole number with the unit M or G", key))
        .label("is none")
        .help("write it like 512M or 2G");
  if (value > range.most_mib * kMiB / scale || value * scale < range.least_mib * kMiB)
    throw wrong_yaml(codes::bad_value, node,
                     fmt::format("`{}` must lie between {}M and {}G", key, range.least_mib, range.most_mib / 1024))
        .label("is outside of that")
        .help(fmt::format("write {}M or more, and no more than {}G", range.least_mib, range.most_mib / 1024));
  return value * scale;
}

const YamlNode& sequence(const YamlNode& node, const std::string& key, std::size_t least, std::size_t most) {
  if (node.kind != YamlNode::Kind::sequence)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("`{}` must be a list", key))
        .label("is none")
        .help("write its items as [item, …], or each on a line after `- `");
  if (node.items.size() < least || node.items.size() > most)
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` must have {} to {} items", key, least, most))
        .label(fmt::format("has {}", node.items.size()))
        .help(key == "distances" ? "write a row a node, and in each row a number a node"
                                 : fmt::format("write {}", node.items.size() < least ? "more" : "fewer"));
  return node;
}

std::vector<checks::ExpectedNumaNode> read_nodes(const YamlNode& list) {
  std::vector<checks::ExpectedNumaNode> nodes;
  int next_cpu = 0;
  std::size_t cpus_each = 0;
  for (const YamlNode& item : sequence(list, "nodes", 1, kMaxNodes).items) {
    YamlMapping mapping(item, "a node");
    checks::ExpectedNumaNode node;
    const long cpus = number(mapping.need("cpus"), "cpus", 0, kMaxCpus);
    for (long i = 0; i < cpus; ++i) node.cpus.push_back(next_cpu++);
    node.memory_bytes = size(mapping.need("memory"), "memory", {kLeastNodeMiB, kMostMiB});
    mapping.finish();
    // Processors are dealt to sockets, one socket a node: with unequal shares the kernel warns and taints itself.
    if (cpus > 0 && cpus_each > 0 && node.cpus.size() != cpus_each)
      throw wrong_yaml(codes::bad_value, item, "all nodes with processors must have equally many")
          .label(fmt::format("has {}, and another one {}", cpus, cpus_each))
          .help(fmt::format("write `cpus: {}`, or `cpus: 0` for a node of memory alone", cpus_each));
    if (cpus > 0) cpus_each = node.cpus.size();
    nodes.push_back(std::move(node));
  }
  if (next_cpu == 0)
    throw wrong_yaml(codes::bad_value, list, "no node has a processor")
        .label("each of them has `cpus: 0`")
        .help("give at least one node `cpus: 1`");
  if (next_cpu > kMaxCpus)
    throw wrong_yaml(codes::bad_value, list, fmt::format("more than {} processors", kMaxCpus))
        .label(fmt::format("these have {}", next_cpu))
        .help("give each node fewer `cpus`");
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
        throw wrong_yaml(codes::bad_value, list.items[a].items[b],
                         "`distances` must be symmetric, with 10 on the diagonal and nowhere else")
            .label(a == b ? fmt::format("is how far node {} is from itself", a)
                          : fmt::format("node {} to node {}; back it is {}", a, b, rows[b][a]))
            .help(a == b ? "write 10" : "write the same number both ways, 11 or more");
    }
  }
  return rows;
}

/// A node that one of `list`'s items names; `count` is how many there are.
int node_number(const YamlNode& node, const std::string& key, std::size_t count) {
  return static_cast<int>(number(node, key, 0, static_cast<long>(count) - 1));
}

std::vector<checks::ExpectedAccess> read_accesses(const YamlNode& list, const checks::ExpectedTopology& facts) {
  const std::size_t count = facts.nodes.size();
  std::vector<checks::ExpectedAccess> accesses;
  std::set<std::pair<int, int>> said;
  for (const YamlNode& item : sequence(list, "hmat", 1, count * count).items) {
    YamlMapping mapping(item, "an access");
    checks::ExpectedAccess access;
    const YamlNode& initiator = mapping.need("initiator");
    access.initiator = node_number(initiator, "initiator", count);
    access.target = node_number(mapping.need("target"), "target", count);
    access.latency_ns = static_cast<int>(number(mapping.need("latency-ns"), "latency-ns", 1, kMaxLatency));
    access.bandwidth_mib =
        static_cast<int>(number(mapping.need("bandwidth-mib-per-s"), "bandwidth-mib-per-s", 1, kMaxBandwidth));
    mapping.finish();
    if (facts.nodes[access.initiator].cpus.empty())
      throw wrong_yaml(codes::bad_value, initiator, fmt::format("node {} has no processor", access.initiator))
          .label("cannot be an initiator")
          .help("name a node whose `cpus` are more than 0");
    if (!said.emplace(access.initiator, access.target).second)
      throw wrong_yaml(codes::bad_value, item,
                       fmt::format("the access of node {} to node {} stands twice", access.initiator, access.target))
          .help("remove one of the two");
    accesses.push_back(access);
  }
  for (int from = 0; from < static_cast<int>(count); ++from) {
    for (int to = 0; to < static_cast<int>(count); ++to) {
      if (!facts.nodes[from].cpus.empty() && !said.contains({from, to}))
        throw wrong_yaml(codes::bad_value, list, fmt::format("`hmat` lacks the access of node {} to node {}", from, to))
            .label("must say how each node with processors reaches each node")
            .help(fmt::format("add {{initiator: {}, target: {}, latency-ns: …, bandwidth-mib-per-s: …}}", from, to));
    }
  }
  return accesses;
}

bool is_slower(const checks::ExpectedAccess& one, const checks::ExpectedAccess& other) {
  return one.latency_ns > other.latency_ns || one.bandwidth_mib < other.bandwidth_mib;
}

/// Distances and speeds are two statements about one thing: what is nearer is not slower.
void require_agreement(const YamlNode& list, const checks::ExpectedTopology& facts) {
  const auto distance = [&](const checks::ExpectedAccess& each) {
    return facts.distances[each.initiator][each.target];
  };
  for (std::size_t a = 0; a < facts.accesses.size(); ++a) {
    for (const checks::ExpectedAccess& far : facts.accesses) {
      const checks::ExpectedAccess& near = facts.accesses[a];
      const bool can_be_compared = near.initiator == far.initiator || near.target == far.target;
      if (can_be_compared && distance(near) < distance(far) && is_slower(near, far))
        throw wrong_yaml(codes::bad_value, list.items[a],
                         fmt::format("node {} to node {} is nearer than node {} to node {}, and slower", near.initiator,
                                     near.target, far.initiator, far.target))
            .label(fmt::format("contradicts `distances`: {} and {}", distance(near), distance(far)))
            .help("give the nearer one no more latency and no less bandwidth, or change `distances`");
    }
  }
}

std::vector<std::vector<int>> read_tiers(const YamlNode& list, const checks::ExpectedTopology& facts) {
  const std::size_t count = facts.nodes.size();
  std::vector<std::vector<int>> tiers;
  std::set<int> placed;
  for (const YamlNode& item : sequence(list, "tiers", 1, count).items) {
    std::vector<int> tier;
    for (const YamlNode& cell : sequence(item, "tiers", 1, count).items) {
      tier.push_back(node_number(cell, "tiers", count));
      if (!placed.insert(tier.back()).second)
        throw wrong_yaml(codes::bad_value, cell, fmt::format("node {} stands twice in `tiers`", tier.back()))
            .help("a node's memory is in one tier");
    }
    std::sort(tier.begin(), tier.end());
    tiers.push_back(std::move(tier));
  }
  if (placed.size() != count)
    throw wrong_yaml(codes::bad_value, list, fmt::format("`tiers` places {} of {} nodes", placed.size(), count))
        .help("name each node once, the fastest tier first");
  if (tiers.size() > 1 && facts.accesses.empty())
    throw wrong_yaml(codes::bad_value, list, fmt::format("`tiers` has {} tiers and there is no `hmat`", tiers.size()))
        .label("without latencies the kernel puts all memory into one tier")
        .help("add `hmat`, or leave `tiers` away");
  for (std::size_t i = 1; i < tiers.size(); ++i) {
    for (const int fast : tiers[i - 1]) {
      for (const int slow : tiers[i]) {
        if (!is_slower(facts.local_access(slow), facts.local_access(fast)))
          throw wrong_yaml(codes::bad_value, list.items[i],
                           fmt::format("node {} is not slower than node {}", slow, fast))
              .label("contradicts `hmat`")
              .help("write the fastest tier first");
      }
    }
  }
  return tiers;
}

enum class Presence { needed, optional };

std::string one_of(const YamlNode& node, const std::string& key, const std::vector<std::string>& allowed,
                   Presence presence = Presence::needed) {
  std::string value = yaml_text(node, key);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  const bool is_single = allowed.size() == 1;
  throw wrong_yaml(codes::bad_value, node,
                   fmt::format("`{}` must be {}{}", key, is_single ? "" : "one of ", fmt::join(allowed, ", ")))
      .label(is_single ? "is another" : "is none of them")
      .help(fmt::format("write {}{}", is_single ? allowed.front() : "one of them",
                        presence == Presence::optional ? ", or leave the key away" : ""));
}

/// A controller memory buffer is a PCI region, which QEMU ends itself for where it is no power of two.
std::uint64_t memory_buffer(const YamlNode& node) {
  const std::uint64_t bytes = size(node, "cmb", {1, 1024});
  if (std::has_single_bit(bytes)) return bytes;
  throw wrong_yaml(codes::bad_value, node, "`cmb` must be a power of two")
      .label("is none")
      .help(fmt::format("write {}M or {}M", std::bit_floor(bytes) / kMiB, std::bit_ceil(bytes) / kMiB));
}

const DeviceKind kDeviceKinds[] = {
    {"edu", {"1234", "11e8", ""}, false},  // QEMU's device for teaching: a DMA engine that no driver takes
    {"nvme", {"1b36", "0010", "nvme"}, true},
    {"virtio-net-pci", {"1af4", "1041", "virtio-pci"}, false, ",disable-legacy=on,romfile="},  // without a peer
};

std::vector<MachineDevice> read_devices(const YamlNode& list, std::size_t nodes) {
  std::vector<std::string> names;
  for (const DeviceKind& kind : kDeviceKinds) names.emplace_back(kind.name);
  std::vector<MachineDevice> devices;
  for (const YamlNode& item : sequence(list, "devices", 1, kMaxDevices).items) {
    YamlMapping mapping(item, "this device");
    MachineDevice device;
    device.place = mapping.need("kind").place;
    const std::string name = one_of(mapping.need("kind"), "kind", names);
    device.kind = std::find_if(std::begin(kDeviceKinds), std::end(kDeviceKinds),
                               [&](const DeviceKind& kind) { return kind.name == name; });
    if (device.kind->has_storage) {
      device.storage_bytes = size(mapping.need("size"), "size", {1, kMostMiB});
      if (const YamlNode* cmb = mapping.find("cmb")) device.cmb_bytes = memory_buffer(*cmb);
    }
    if (const YamlNode* behind = mapping.find("behind"))
      device.is_behind_switch = one_of(*behind, "behind", {"switch"}, Presence::optional) == "switch";
    if (const YamlNode* node = mapping.find("node")) {
      device.numa_node = node_number(*node, "node", nodes);
      if (device.is_behind_switch)
        throw wrong_yaml(codes::bad_value, *node, "a device behind the switch has no `node` of its own")
            .label("the switch is on no node")
            .help("remove `node`, or `behind: switch`");
    }
    mapping.finish();
    devices.push_back(device);
  }
  return devices;
}

/// The topology's own devices with the switch's ports.
std::vector<checks::ExpectedDevice> own_devices(const std::vector<MachineDevice>& devices) {
  std::vector<checks::ExpectedDevice> expected;
  bool has_switch = false;
  for (const MachineDevice& device : devices) {
    expected.push_back(device.kind->seen);
    expected.back().peer_memory_bytes = device.cmb_bytes;
    expected.back().numa_node = device.numa_node;
    if (device.numa_node) expected.push_back({"1b36", "000c", "pcieport", 0, device.numa_node});
    if (device.is_behind_switch) expected.push_back({"104c", "8233", "pcieport"});
    has_switch = has_switch || device.is_behind_switch;
  }
  if (has_switch) expected.insert(expected.end(), {{"1b36", "000c", "pcieport"}, {"104c", "8232", "pcieport"}});
  return expected;
}

/// What qemu_command plugs in on every machine (the image's disk, the agent's disk, the serial port), then the own
/// ones.
std::vector<checks::ExpectedDevice> expected_devices(const std::vector<MachineDevice>& devices) {
  std::vector<checks::ExpectedDevice> expected = {
      {"1af4", "1042", "virtio-pci"}, {"1af4", "1042", "virtio-pci"}, {"1af4", "1043", "virtio-pci"}};
  const std::vector<checks::ExpectedDevice> own = own_devices(devices);
  expected.insert(expected.end(), own.begin(), own.end());
  return expected;
}

/// Code and tables that a kernel keeps of the smallest machine too: 44 MiB were seen of 256.
constexpr double kKernelsOwn = 64.0 * kMiB;

double memory_tolerance(const Topology& topology) {
  return std::max(0.1, kKernelsOwn / static_cast<double>(total_memory(topology)));
}

/// What each of `nodes` gets of `sum`; throws where that is no whole number from `least` to `most`.
std::uint64_t share_of(const Topology& topology, const std::string& thing, std::uint64_t sum, std::uint64_t nodes,
                       std::uint64_t least, std::uint64_t most) {
  if (sum % nodes == 0 && sum / nodes >= least && sum / nodes <= most) return sum / nodes;
  const std::uint64_t below = std::clamp(sum / nodes, least, most) * nodes;
  const std::uint64_t above = std::min(below + nodes, most * nodes);
  Error error(codes::usage_error,
              fmt::format("{} {} cannot be dealt to the {} nodes of topology `{}`", sum, thing, nodes, topology.name));
  if (sum < below || below == above) throw error.help(fmt::format("give {}", below));
  throw error.help(fmt::format("give {} or {}: as much to each of them, from {} to {}", below, above, least, most));
}

}  // namespace

Topology resized(Topology topology, std::optional<std::uint64_t> memory, std::optional<int> cpus) {
  std::vector<checks::ExpectedNumaNode>& nodes = topology.facts.nodes;
  if (memory && *memory % kMiB != 0)
    throw Error(codes::usage_error, fmt::format("{} bytes of memory are no whole number of MiB", *memory))
        .help(fmt::format("give {}", *memory / kMiB * kMiB + kMiB));
  if (memory) {
    const std::uint64_t each =
        share_of(topology, "MiB of memory", *memory / kMiB, nodes.size(), kLeastNodeMiB, kMostMiB);
    for (checks::ExpectedNumaNode& node : nodes) node.memory_bytes = each * kMiB;
  }
  if (cpus) {
    const auto with_cpus = static_cast<std::uint64_t>(
        std::count_if(nodes.begin(), nodes.end(), [](const auto& node) { return !node.cpus.empty(); }));
    const std::uint64_t each = share_of(topology, "processors", std::max(*cpus, 0), with_cpus, 1, kMaxCpus / with_cpus);
    int next = 0;
    for (checks::ExpectedNumaNode& node : nodes) {
      if (node.cpus.empty()) continue;
      node.cpus.resize(each);
      for (int& cpu : node.cpus) cpu = next++;
    }
  }
  topology.facts.memory_tolerance = memory_tolerance(topology);
  return topology;
}

std::uint64_t total_memory(const Topology& topology) {
  std::uint64_t bytes = 0;
  for (const checks::ExpectedNumaNode& node : topology.facts.nodes) bytes += node.memory_bytes;
  return bytes;
}

checks::ExpectedTopology facts_without_harness(const Topology& topology) {
  checks::ExpectedTopology facts = topology.facts;
  facts.devices = own_devices(topology.devices);
  return facts;
}

void count_instructions(Topology& topology) {
  std::size_t cpus = 0;
  for (const checks::ExpectedNumaNode& node : topology.facts.nodes) cpus += node.cpus.size();
  if (cpus != 1)
    throw Error(codes::usage_error, fmt::format("topology `{}` has {} processors, and instructions are counted on one",
                                                topology.name, cpus))
        .at(topology.nodes)
        .label("the sum of its nodes")
        .help(fmt::format("name a machine with one processor: --target qemu:{}", kCountedTopology));
  topology.counts_instructions = true;
}

void require_memory(const Topology& topology, std::uint64_t available_bytes) {
  if (total_memory(topology) <= available_bytes) return;
  throw Error(codes::memory_needed,
              fmt::format("topology `{}` needs {} MiB of memory, and this host has {} MiB available", topology.name,
                          total_memory(topology) / kMiB, available_bytes / kMiB))
      .at(topology.nodes)
      .label("the sum of its nodes")
      .help("give its nodes less memory, or try again when less is running");
}

namespace {

/// What is no YAML at all, or of the YAML that we do not read, often has no cure of its own.
YamlNode read_document(std::string_view yaml, const std::string& file) {
  try {
    return parse_yaml(yaml, file);
  } catch (Error& error) {
    if (error.hint().empty())
      error.help("a topology is one mapping, of `key: value` lines, lists and plain values, in UTF-8");
    throw;
  }
}

Error unknown_topology(const std::string& name) {
  std::string names;
  for (const TopologyText& shipped : shipped_topologies()) names += (names.empty() ? "" : ", ") + shipped.name;
  if (name.empty())
    return Error(codes::target_unknown, "the target names no topology after its colon")
        .help(fmt::format("there are {}; one of your own is given by its path: ./FILE.yaml", names));
  if (is_topology_file(name))
    return Error(codes::target_unknown, fmt::format("there is no topology file {}", name))
        .help(fmt::format("give the path of a YAML file from where ainode works (-C), or one of {}", names));
  return Error(codes::target_unknown, fmt::format("there is no topology `{}`", name))
      .help(fmt::format("there are {}; one of your own is given by its path: ./{}.yaml", names, name));
}

}  // namespace

Topology parse_topology(std::string_view yaml, const std::string& file) {
  const YamlNode document = read_document(yaml, file);
  YamlMapping mapping(document, "a topology");
  number(mapping.need("ainode-topology"), "ainode-topology", 1, 1);
  Topology topology;
  topology.name = yaml_text(mapping.need("name"), "name");
  topology.summary = yaml_text(mapping.need("summary"), "summary");
  topology.machine = one_of(mapping.need("machine"), "machine", {"q35"});
  topology.nodes = mapping.need("nodes").place;
  topology.facts.nodes = read_nodes(mapping.need("nodes"));
  topology.facts.distances = read_distances(mapping.need("distances"), topology.facts.nodes.size());
  if (const YamlNode* hmat = mapping.find("hmat")) {
    topology.facts.accesses = read_accesses(*hmat, topology.facts);
    require_agreement(*hmat, topology.facts);
  }
  if (const YamlNode* tiers = mapping.find("tiers")) topology.facts.tiers = read_tiers(*tiers, topology.facts);
  topology.facts.iommu = one_of(mapping.need("iommu"), "iommu", {"none", "intel", "amd"});
  if (const YamlNode* devices = mapping.find("devices"))
    topology.devices = read_devices(*devices, topology.facts.nodes.size());
  topology.facts.devices = expected_devices(topology.devices);
  topology.facts.memory_tolerance = memory_tolerance(topology);
  mapping.finish();
  return topology;
}

bool is_topology_file(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

Topology find_topology(const std::string& name) {
  if (is_topology_file(name) && fs::is_regular_file(name)) return parse_topology(read_file(name, kMaxFile), name);
  for (const TopologyText& shipped : shipped_topologies()) {
    if (shipped.name != name) continue;
    Topology topology = parse_topology(shipped.yaml, name + ".yaml");
    topology.is_shipped = true;
    return topology;
  }
  throw unknown_topology(name);
}

}  // namespace ainode
