// SPDX-License-Identifier: Apache-2.0
// Both directions of expected.json stand side by side, so that they cannot drift apart.
#include "validators/checks/expected.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace ainode::checks {

namespace {

constexpr std::array<std::pair<Level, std::string_view>, 3> kLevels = {
    {{Level::quick, "quick"}, {Level::standard, "standard"}, {Level::full, "full"}}};

/// What is wrong with the document, thrown and caught in this file only.
struct BadDocument : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const Json& member(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) throw BadDocument(fmt::format("expected.json has no `{}`", key));
  return *found;
}

template <class T>
T value_of(const Json& object, const char* key) {
  try {
    return member(object, key).get<T>();
  } catch (const Json::exception&) {
    throw BadDocument(fmt::format("`{}` in expected.json has the wrong type", key));
  }
}

using Words = std::vector<std::string>;

Json image_json(const Expected& expected) {
  Json declared = Json::array();
  for (const Declaration& each : expected.declared) {
    declared.push_back({{"subject", each.subject}, {"expected", each.expected}, {"place", each.place}});
  }
  return {{"commit", expected.commit},
          {"kernel_release", expected.kernel_release},
          {"kernel_cmdline", expected.kernel_cmdline},
          {"initrd_modules", expected.initrd_modules},
          {"declared", declared}};
}

void read_image(const Json& image, Expected& expected) {
  expected.commit = value_of<std::string>(image, "commit");
  expected.kernel_release = value_of<std::string>(image, "kernel_release");
  expected.kernel_cmdline = value_of<Words>(image, "kernel_cmdline");
  expected.initrd_modules = value_of<Words>(image, "initrd_modules");
  for (const Json& each : member(image, "declared")) {
    expected.declared.push_back(
        {value_of<std::string>(each, "subject"), member(each, "expected"), value_of<std::string>(each, "place")});
  }
}

Json topology_json(const ExpectedTopology& topology) {
  Json nodes = Json::array(), devices = Json::array(), accesses = Json::array();
  for (const ExpectedNumaNode& node : topology.nodes) {
    nodes.push_back({{"cpus", node.cpus}, {"memory_bytes", node.memory_bytes}});
  }
  for (const ExpectedDevice& device : topology.devices) {
    devices.push_back({{"vendor", device.vendor},
                       {"device", device.device},
                       {"driver", device.driver},
                       {"peer_memory_bytes", device.peer_memory_bytes}});
    if (device.numa_node) devices.back()["numa_node"] = *device.numa_node;
  }
  for (const ExpectedAccess& access : topology.accesses) {
    accesses.push_back({{"initiator", access.initiator},
                        {"target", access.target},
                        {"latency_ns", access.latency_ns},
                        {"bandwidth_mib", access.bandwidth_mib}});
  }
  return {{"nodes", nodes},
          {"distances", topology.distances},
          {"accesses", accesses},
          {"tiers", topology.tiers},
          {"iommu", topology.iommu},
          {"devices", devices},
          {"memory_tolerance", topology.memory_tolerance}};
}

ExpectedTopology read_topology(const Json& json) {
  ExpectedTopology topology;
  for (const Json& node : member(json, "nodes")) {
    topology.nodes.push_back({value_of<std::vector<int>>(node, "cpus"), value_of<std::uint64_t>(node, "memory_bytes")});
  }
  topology.distances = value_of<std::vector<std::vector<int>>>(json, "distances");
  for (const Json& access : member(json, "accesses")) {
    topology.accesses.push_back({value_of<int>(access, "initiator"), value_of<int>(access, "target"),
                                 value_of<int>(access, "latency_ns"), value_of<int>(access, "bandwidth_mib")});
  }
  topology.tiers = value_of<std::vector<std::vector<int>>>(json, "tiers");
  topology.iommu = value_of<std::string>(json, "iommu");
  for (const Json& device : member(json, "devices")) {
    topology.devices.push_back({value_of<std::string>(device, "vendor"), value_of<std::string>(device, "device"),
                                value_of<std::string>(device, "driver"),
                                value_of<std::uint64_t>(device, "peer_memory_bytes")});
    if (device.contains("numa_node")) topology.devices.back().numa_node = value_of<int>(device, "numa_node");
  }
  topology.memory_tolerance = value_of<double>(json, "memory_tolerance");
  return topology;
}

Expected read_document(const Json& json) {
  Expected expected;
  read_image(member(json, "image"), expected);
  expected.topology = read_topology(member(json, "topology"));
  expected.harness_cmdline = value_of<Words>(member(json, "harness"), "cmdline");
  expected.profiles = value_of<Words>(json, "profiles");
  const auto level = level_named(value_of<std::string>(json, "level"));
  if (!level) throw BadDocument("`level` in expected.json is unknown");
  expected.level = *level;
  expected.only = value_of<Words>(json, "only");
  if (json.contains("elsewhere")) expected.elsewhere = value_of<Words>(json, "elsewhere");
  if (json.contains("nonce")) {
    expected.nonce = value_of<std::string>(json, "nonce");
    if (expected.nonce.empty()) throw BadDocument("the nonce in expected.json is empty");
  }
  expected.emulated = value_of<bool>(json, "emulated");
  if (json.contains("instruction_ns")) expected.instruction_ns = value_of<int>(json, "instruction_ns");
  return expected;
}

}  // namespace

std::string_view to_string(Level level) {
  return kLevels.at(static_cast<std::size_t>(level)).second;
}

std::optional<Level> level_named(std::string_view name) {
  for (const auto& [level, word] : kLevels) {
    if (word == name) return level;
  }
  return std::nullopt;
}

std::vector<std::string_view> level_names() {
  std::vector<std::string_view> names;
  for (const auto& row : kLevels) names.push_back(row.second);
  return names;
}

const ExpectedAccess& ExpectedTopology::local_access(int target) const {
  const ExpectedAccess* nearest = nullptr;
  for (const ExpectedAccess& access : accesses) {
    if (access.target == target &&
        (!nearest || distances.at(access.initiator).at(target) < distances.at(nearest->initiator).at(target)))
      nearest = &access;
  }
  if (!nearest) throw std::out_of_range(fmt::format("no access to node {} is expected", target));
  return *nearest;
}

const Declaration* Expected::declaration(std::string_view subject) const {
  for (const Declaration& each : declared) {
    if (each.subject == subject) return &each;
  }
  return nullptr;
}

Expected expected_of(const Manifest& manifest) {
  Expected expected;
  expected.commit = manifest.commit;
  expected.kernel_release = manifest.kernel_release;
  expected.kernel_cmdline = manifest.kernel_cmdline;
  expected.initrd_modules = manifest.initrd_modules;
  expected.declared = manifest.declared;
  expected.profiles = manifest.profiles;
  return expected;
}

std::string write_expected(const Expected& expected) {
  Json json;
  json["image"] = image_json(expected);
  json["topology"] = topology_json(expected.topology);
  json["harness"] = {{"cmdline", expected.harness_cmdline}};
  json["profiles"] = expected.profiles;
  json["level"] = to_string(expected.level);
  json["only"] = expected.only;
  if (!expected.elsewhere.empty()) json["elsewhere"] = expected.elsewhere;
  if (!expected.nonce.empty()) json["nonce"] = expected.nonce;
  json["emulated"] = expected.emulated;
  if (expected.instruction_ns != 0) json["instruction_ns"] = expected.instruction_ns;
  return json.dump(1) + "\n";
}

ReadExpected read_expected(std::string_view text) {
  try {
    return {read_document(Json::parse(text)), ""};
  } catch (const BadDocument& bad) {
    return {std::nullopt, bad.what()};
  } catch (const Json::exception& bad) {
    return {std::nullopt, fmt::format("expected.json is not what the harness writes: {}", bad.what())};
  }
}

}  // namespace ainode::checks
