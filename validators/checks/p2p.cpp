// SPDX-License-Identifier: Apache-2.0
// The DMA family, peer to peer: memory that devices have for each other, and data that takes that way.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/node_files.h"
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

struct Provider {
  std::string address, id;
  std::int64_t bytes = 0;
  std::optional<std::int64_t> available;  ///< of these, what nobody uses
  bool is_published = false;              ///< other drivers may use it
};

/// Linux's Documentation/ABI/testing/sysfs-bus-pci, p2pmem.
std::vector<Provider> find_providers(const Node& node) {
  std::vector<Provider> providers;
  for (const PciDevice& device : pci_devices(node)) {
    const std::string root = "/sys/bus/pci/devices/" + device.address + "/p2pmem/";
    const auto bytes = read_number(node, root + "size");
    if (bytes)
      providers.push_back({device.address, device.id, *bytes, read_number(node, root + "available"),
                           read_number(node, root + "published") == 1});
  }
  return providers;
}

/// "1b36:0010 16777216", sorted.
Words wanted_providers(const Expected& expected) {
  Words wanted;
  for (const ExpectedDevice& device : expected.topology.devices)
    if (device.peer_memory_bytes > 0)
      wanted.push_back(fmt::format("{} {}", hardware_id(device), device.peer_memory_bytes));
  std::sort(wanted.begin(), wanted.end());
  return wanted;
}

/// A driver may use some of it itself (nvme keeps its queues there), but not all.
std::string provider_objection(const Provider& peer) {
  Words objections;
  if (!peer.is_published) objections.push_back(peer.address + " keeps its memory to itself");
  if (!peer.available)
    objections.push_back(peer.address + " does not say how much of its memory is available");
  else if (*peer.available <= 0 || *peer.available > peer.bytes)
    objections.push_back(
        fmt::format("{} of the {} bytes of {} are available", *peer.available, peer.bytes, peer.address));
  return joined(objections, "; ");
}

Finding provider(const Node& node, const Expected& expected) {
  Words found, objections;
  Json available = Json::object();
  for (const Provider& each : find_providers(node)) {
    found.push_back(fmt::format("{} {}", each.id, each.bytes));
    available[each.address] = each.available ? Json(*each.available) : Json();
    if (std::string objection = provider_objection(each); !objection.empty())
      objections.push_back(std::move(objection));
  }
  std::sort(found.begin(), found.end());
  const Words wanted = wanted_providers(expected);
  if (found != wanted)
    objections.push_back(fmt::format("devices with memory for peers are {} instead of {}",
                                     found.empty() ? "none" : joined(found, ", "), joined(wanted, ", ")));
  return judged({{"peers", found}, {"available", available}}, {{"peers", wanted}, {"available", "some of it"}},
                "/sys/bus/pci/devices/*/p2pmem/{size,available,published}", joined(objections, "; "));
}

struct Disk {
  std::string address, device;  ///< of the controller; /dev/nvme1n1
  bool is_scratch = false;      ///< a disk that the harness made for this run: nobody's data
};

/// nvme0c1n1, one way of several to a namespace, → nvme0n1, the disk.
std::string head_of(std::string name) {
  const std::size_t way = name.find('c'), space = name.find('n', 1);
  if (way != std::string::npos && space != std::string::npos && way < space) name.erase(way, space - way);
  return name;
}

std::vector<Disk> nvme_disks(const Node& node) {
  std::vector<Disk> disks;
  for (const PciDevice& device : pci_devices(node)) {
    const std::string root = "/sys/bus/pci/devices/" + device.address + "/nvme";
    for (const DirectoryEntry& controller : node.list(root)) {
      const std::string serial = trimmed(node.read_file(root + "/" + controller.name + "/serial").value_or(""));
      const bool is_scratch = serial.compare(0, 14, "ainode-storage") == 0;
      for (const DirectoryEntry& each : node.list(root + "/" + controller.name)) {
        const std::string name = head_of(each.name);
        if (node.exists("/sys/block/" + name + "/queue")) disks.push_back({device.address, "/dev/" + name, is_scratch});
      }
    }
  }
  return disks;
}

/// Nobody's data is on an emulated machine's disks, so that there the way back is due too.
std::string transfer_objection(const PeerTransfer& transfer, const Disk& disk, bool is_emulated) {
  if (!transfer.problem.empty()) return transfer.problem;
  Words objections;
  if (is_emulated && !disk.is_scratch)
    objections.push_back(disk.device + " is not known as a scratch disk, and so was not written");
  else if (is_emulated && !transfer.is_written)
    objections.push_back(disk.device + " was not written");
  if (!transfer.is_read) objections.push_back("what arrived in the peer's memory is not what the disk holds");
  if (transfer.is_written == false) objections.push_back("what the disk took from the peer's memory is something else");
  return joined(objections, "; ");
}

/// Data is compared, since a transfer that an IOMMU led elsewhere returns success.
Finding transfer(const Node& node, const Expected& expected) {
  Json measured = Json::object();
  Words objections;
  bool is_any_way = false;
  const std::vector<Disk> disks = nvme_disks(node);
  for (const Provider& peer : find_providers(node)) {
    for (const Disk& disk : disks) {
      if (disk.address == peer.address) continue;
      const PeerTransfer found = node.transfer_to_peer(peer.address, disk.device, disk.is_scratch && expected.emulated);
      const std::string name = fmt::format("{} and the memory of {}", disk.address, peer.address);
      if (found.is_without_path) {
        measured[name] = "the kernel allows no path: " + found.problem;
        continue;
      }
      is_any_way = true;
      measured[name] = {{"bytes", found.bytes}, {"read", found.is_read}};
      if (found.is_written) measured[name]["written"] = *found.is_written;
      if (const std::string objection = transfer_objection(found, disk, expected.emulated); !objection.empty())
        objections.push_back(name + ": " + objection);
    }
  }
  if (!is_any_way) objections.push_back("no device has memory that another disk could reach");
  return judged(std::move(measured), "the same bytes both ways; only an emulated machine's scratch disk is written",
                "p2pmem/allocate as the buffer of O_DIRECT reads and writes", joined(objections, "; "));
}

}  // namespace

std::vector<Check> peer_checks() {
  return {
      {"p2p.provider",
       "each expected device offers its memory to its peers",
       {"peer-memory", "config:PCI_P2PDMA"},
       When::booted,
       provider},
      {"p2p.transfer",
       "data goes between a disk and another device's memory, and arrives whole",
       {"peer-memory", "config:PCI_P2PDMA"},
       When::booted,
       transfer},
  };
}

}  // namespace ainode::checks
