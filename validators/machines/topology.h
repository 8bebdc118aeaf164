// SPDX-License-Identifier: Apache-2.0
// Machines as data: one topology gives QEMU's arguments and what the guest must then show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/expected.h"

namespace ainode {

struct Topology {
  std::string name, summary;
  std::string machine;             ///< q35
  checks::ExpectedTopology facts;  ///< nodes, distances, IOMMU and the devices that the harness always plugs in
};

struct TopologyText {
  std::string name, yaml;
};
/// Those of validators/machines/topologies, compiled into the program; sorted by name.
const std::vector<TopologyText>& shipped_topologies();

inline constexpr std::string_view kDefaultTopology = "two-nodes";

/// Reads one topology strictly. Throws the recipe language's errors (unknown_key, missing_key, wrong_type, bad_value)
/// with their place in `file`.
Topology parse_topology(std::string_view yaml, const std::string& file);
/// A shipped one by name, or the file of a user's where `name` has a `/` or ends with `.yaml`.
/// Throws target_unknown, naming those that are there, and what parse_topology throws.
Topology find_topology(const std::string& name);

std::uint64_t total_memory(const Topology& topology);  ///< bytes, of all nodes

/// -machine, -cpu, -smp, -m, memory, NUMA and IOMMU arguments of QEMU.
std::vector<std::string> machine_arguments(const Topology& topology);
/// What the kernel must be told for this machine: intel_iommu=on.
std::vector<std::string> kernel_arguments(const Topology& topology);

}  // namespace ainode
