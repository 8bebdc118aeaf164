// SPDX-License-Identifier: Apache-2.0
// Machines as data: one topology gives QEMU's arguments and what the guest must then show.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "validators/checks/expected.h"

namespace ainode {

/// A kind of device that a topology may plug in, and what the guest sees of it.
struct DeviceKind {
  std::string_view name;  ///< of `kind`, and of QEMU's device
  checks::ExpectedDevice seen;
  bool has_storage = false;
  std::string_view arguments = {};  ///< of QEMU's device, further ones: ",romfile="
};

struct MachineDevice {
  const DeviceKind* kind = nullptr;
  std::uint64_t storage_bytes = 0;  ///< empty at power on, lost with the machine
  std::uint64_t cmb_bytes = 0;      ///< controller memory buffer; 0: none
  std::optional<int> numa_node;     ///< that it is on; nothing: on the root complex, which belongs to none
  bool is_behind_switch = false;    ///< all of these behind one PCIe switch, else on the root complex
  Place place;                      ///< where its file names it
};

struct Topology {
  std::string name, summary;
  Place nodes;          ///< where its file says how much memory it has
  std::string machine;  ///< q35
  std::vector<MachineDevice> devices;
  bool is_shipped = false;           ///< else a file of the user's, whose mistakes are theirs
  bool counts_instructions = false;  ///< asked of the run, not of the file: time is kInstructionNs an instruction
  checks::ExpectedTopology facts;    ///< its devices are those above, their bridges, and what the harness plugs in
};

struct TopologyText {
  std::string name, yaml;
};
/// Those of validators/machines/topologies, compiled into the program; sorted by name.
const std::vector<TopologyText>& shipped_topologies();

inline constexpr std::string_view kDefaultTopology = "two-nodes";
/// The one whose instructions are counted, unless another one is named: it has one processor.
inline constexpr std::string_view kCountedTopology = "tiny-edge";
/// Guest time of an instruction where they are counted: QEMU's `-icount shift=1` gives each 2¹ ns.
inline constexpr int kInstructionNs = 2;

/// Reads one topology strictly. Throws the recipe language's errors (unknown_key, missing_key, wrong_type, bad_value)
/// with their place in `file`.
Topology parse_topology(std::string_view yaml, const std::string& file);
/// Whether a topology's name is the path of a file: it has a `/`, or ends with `.yaml` or `.yml`.
bool is_topology_file(const std::string& name);
/// A shipped one by name, or the file of a user's.
/// Throws target_unknown, naming those that are there, and what parse_topology throws.
Topology find_topology(const std::string& name);

/// The same machine with so many bytes of memory and so many processors, each dealt evenly to the nodes that have some.
/// Throws usage_error, naming what fits, where that cannot be.
Topology resized(Topology topology, std::optional<std::uint64_t> memory, std::optional<int> cpus);

std::uint64_t total_memory(const Topology& topology);  ///< bytes, of all nodes
/// What the machine shows where the harness plugs nothing in: a real one, or one that was started otherwise.
checks::ExpectedTopology facts_without_harness(const Topology& topology);
/// Lets the machine count its instructions. Throws usage_error where it has several processors.
void count_instructions(Topology& topology);
/// Throws memory_needed where that is more than the host has available.
void require_memory(const Topology& topology, std::uint64_t available_bytes);

/// -accel, -machine, -cpu, -smp, -m, memory, NUMA and IOMMU arguments of QEMU.
std::vector<std::string> machine_arguments(const Topology& topology);
/// The topology's own devices and the switch in front of them.
std::vector<std::string> device_arguments(const Topology& topology);
/// What the kernel must be told for this machine: intel_iommu=on.
std::vector<std::string> kernel_arguments(const Topology& topology);

}  // namespace ainode
