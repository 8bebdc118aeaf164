// SPDX-License-Identifier: Apache-2.0
// The node's PCI devices, as the driver and the DMA family look at them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/expected.h"
#include "validators/checks/node.h"

namespace ainode::checks {

struct PciDevice {
  std::string address, id;  ///< 0000:00:02.0, 1af4:1041
  std::string driver;       ///< empty: none
  std::string iommu_group;  ///< empty: in none
  bool is_bridge = false;   ///< between PCI buses
};

/// Vendor and device of what Node::try_device_dma can drive: QEMU's `edu`.
inline constexpr std::string_view kDrivableDevice = "1234:11e8";

std::vector<PciDevice> pci_devices(const Node& node);   ///< by address
std::string hardware_id(const ExpectedDevice& device);  ///< 1af4:1041

}  // namespace ainode::checks
