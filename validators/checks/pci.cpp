// SPDX-License-Identifier: Apache-2.0
// What /sys/bus/pci/devices says of each device.
#include "validators/checks/pci.h"

#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

/// "0x1af4\n" → "1af4".
std::string hexadecimal(const std::optional<std::string>& text) {
  const std::string id = trimmed(text.value_or(""));
  return id.substr(0, 2) == "0x" ? id.substr(2) : id;
}

std::string name_behind(const std::optional<std::string>& link) {
  return link ? link->substr(link->rfind('/') + 1) : "";
}

}  // namespace

std::vector<PciDevice> pci_devices(const Node& node) {
  const std::string root = "/sys/bus/pci/devices";
  std::vector<PciDevice> devices;
  for (const DirectoryEntry& entry : node.list(root)) {
    const std::string path = root + "/" + entry.name;
    PciDevice device;
    device.address = entry.name;
    device.id = hexadecimal(node.read_file(path + "/vendor")) + ":" + hexadecimal(node.read_file(path + "/device"));
    device.driver = name_behind(node.read_link(path + "/driver"));
    device.iommu_group = name_behind(node.read_link(path + "/iommu_group"));
    device.is_bridge = hexadecimal(node.read_file(path + "/class")).substr(0, 4) == "0604";
    devices.push_back(std::move(device));
  }
  return devices;
}

std::string hardware_id(const ExpectedDevice& device) {
  return device.vendor + ":" + device.device;
}

}  // namespace ainode::checks
