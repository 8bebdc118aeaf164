// SPDX-License-Identifier: Apache-2.0
// A topology as QEMU's arguments: processors and memory by node, what the firmware's tables say of them, the IOMMU,
// devices.
#include <fmt/format.h>

#include "validators/machines/topology.h"

namespace ainode {

namespace {

using Words = std::vector<std::string>;
constexpr std::size_t kFirstOwnBus = 64, kBusesEach = 4;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

Words node_arguments(const checks::ExpectedTopology& facts) {
  Words words;
  for (std::size_t i = 0; i < facts.nodes.size(); ++i) {
    const checks::ExpectedNumaNode& node = facts.nodes[i];
    append(words, {"-object", fmt::format("memory-backend-ram,id=m{},size={}M", i, node.memory_bytes / kMiB)});
    std::string line = fmt::format("node,nodeid={}", i);
    if (!node.cpus.empty()) line += fmt::format(",cpus={}-{}", node.cpus.front(), node.cpus.back());
    // Without this the kernel shows, of a node without processors, whichever nodes reach it best by its own reckoning.
    if (node.cpus.empty() && !facts.accesses.empty())
      line += fmt::format(",initiator={}", facts.local_access(static_cast<int>(i)).initiator);
    append(words, {"-numa", fmt::format("{},memdev=m{}", line, i)});
  }
  return words;
}

Words table_arguments(const checks::ExpectedTopology& facts) {
  Words words;
  for (std::size_t a = 0; a < facts.nodes.size(); ++a) {
    for (std::size_t b = a + 1; b < facts.nodes.size(); ++b)
      append(words, {"-numa", fmt::format("dist,src={},dst={},val={}", a, b, facts.distances[a][b])});
  }
  for (const checks::ExpectedAccess& access : facts.accesses) {
    const std::string line =
        fmt::format("hmat-lb,initiator={},target={},hierarchy=memory,data-type=", access.initiator, access.target);
    append(words, {"-numa", fmt::format("{}access-latency,latency={}", line, access.latency_ns)});
    append(words, {"-numa", fmt::format("{}access-bandwidth,bandwidth={}M", line, access.bandwidth_mib)});
  }
  return words;
}

}  // namespace

Words machine_arguments(const Topology& topology) {
  const checks::ExpectedTopology& facts = topology.facts;
  const bool has_iommu = facts.iommu != "none";
  std::size_t cpus = 0, sockets = 0;
  for (const checks::ExpectedNumaNode& node : facts.nodes) {
    cpus += node.cpus.size();
    sockets += node.cpus.empty() ? 0 : 1;
  }
  // QEMU 7.2's TCG has no native cmpxchg16b between threads: each one stops all processors and may come back with
  // broken flags. The kernel's allocator, which uses it all the time, then ran on to address 0. So it is not there, but
  // for Linux's driver of AMD IOMMUs, which refuses to work without: then all processors take turns in one thread.
  const bool needs_cx16 = facts.iommu == "amd";
  const bool in_turns = needs_cx16 || topology.counts_instructions;
  Words arguments = {"-accel", in_turns ? "tcg,thread=single" : "tcg,thread=multi", "-machine",
                     fmt::format("{}{}{}", topology.machine, has_iommu ? ",kernel-irqchip=split" : "",
                                 facts.accesses.empty() ? "" : ",hmat=on"),
                     "-cpu", needs_cx16 ? "max" : "max,cx16=off",
                     // Without `sockets=` the kernel finds one socket on several nodes, warns and taints itself.
                     "-smp", fmt::format("{},sockets={},cores={},threads=1", cpus, sockets, cpus / sockets), "-m",
                     fmt::format("{}M", total_memory(topology) / kMiB)};
  append(arguments, node_arguments(facts));
  append(arguments, table_arguments(facts));
  if (has_iommu) append(arguments, {"-device", facts.iommu + "-iommu,intremap=on"});
  // Time is what was executed, whatever the host does: no waiting for the host's clock, no slowing down to it.
  if (topology.counts_instructions) append(arguments, {"-icount", "shift=1,sleep=off,align=off"});
  return arguments;
}

Words device_arguments(const Topology& topology) {
  Words words;
  std::size_t ports = 0;
  for (std::size_t i = 0; i < topology.devices.size(); ++i) {
    const MachineDevice& device = topology.devices[i];
    std::string line = fmt::format("{}{}", device.kind->name, device.kind->arguments);
    if (device.kind->has_storage) {
      // `snapshot` lays a temporary file without a name over a disk of zeros: writes are kept until QEMU ends.
      append(words, {"-drive", fmt::format("if=none,id=storage{},format=raw,snapshot=on,file.driver=null-co,"
                                           "file.read-zeroes=on,file.size={}",
                                           i, device.storage_bytes)});
      line += fmt::format(",drive=storage{},serial=ainode-storage{}", i, i);
    }
    if (device.cmb_bytes > 0) line += fmt::format(",cmb_size_mb={}", device.cmb_bytes / kMiB);
    if (device.is_behind_switch) {
      if (ports == 0)
        append(words, {"-device", "pcie-root-port,id=root,bus=pcie.0,chassis=1", "-device",
                       "x3130-upstream,id=switch,bus=root"});
      append(words, {"-device", fmt::format("xio3130-downstream,id=port{},bus=switch,chassis={},slot={}", ports,
                                            ports + 2, ports)});
      line += fmt::format(",bus=port{}", ports++);
    }
    if (device.numa_node) {
      // A host bridge that says its node, with bus numbers of its own: the device's port and the device.
      append(words, {"-device", fmt::format("pxb-pcie,id=bridge{},bus=pcie.0,bus_nr={},numa_node={}", i,
                                            kFirstOwnBus + kBusesEach * i, *device.numa_node)});
      append(words,
             {"-device", fmt::format("pcie-root-port,id=local{},bus=bridge{},chassis={}", i, i, kFirstOwnBus + i)});
      line += fmt::format(",bus=local{}", i);
    }
    // QEMU's own choice would be the newest bus, which may be one for bridges alone.
    if (!device.is_behind_switch && !device.numa_node) line += ",bus=pcie.0";
    append(words, {"-device", line});
  }
  return words;
}

Words kernel_arguments(const Topology& topology) {
  // Linux uses an AMD IOMMU unasked.
  if (topology.facts.iommu == "intel") return {"intel_iommu=on"};
  // QEMU's tables name no IOAPIC below it, so Linux maps no interrupts, and VFIO would give no device away.
  if (topology.facts.iommu == "amd") return {"vfio_iommu_type1.allow_unsafe_interrupts=1"};
  return {};
}

}  // namespace ainode
