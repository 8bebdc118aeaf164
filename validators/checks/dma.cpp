// SPDX-License-Identifier: Apache-2.0
// The DMA family: shared buffers from a heap, and the IOMMU that guards devices.
#include <fmt/format.h>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

std::string heap_objections(const HeapTrial& trial, const std::string& device) {
  if (!trial.is_present) return device + " does not exist";
  if (!trial.problem.empty()) return trial.problem;
  Words objections;
  if (!trial.is_zeroed) objections.push_back("a fresh buffer is not zeroed");
  if (!trial.is_shared) objections.push_back("two mappings of a buffer do not agree");
  if (trial.wrong_flags_error != "EINVAL") {
    objections.push_back(fmt::format("wrong sync flags give {} instead of EINVAL", trial.wrong_flags_error));
  }
  return joined(objections, "; ");
}

Finding heap(const Node& node, const Expected&) {
  const std::string device = "/dev/dma_heap/system";
  const HeapTrial trial = node.try_heap(device);
  const Json measured = {{"bytes", trial.bytes},
                         {"zeroed", trial.is_zeroed},
                         {"shared", trial.is_shared},
                         {"wrong_flags", trial.wrong_flags_error}};
  const Json expected = {{"zeroed", true}, {"shared", true}, {"wrong_flags", "EINVAL"}};
  return judged(measured, expected, device, heap_objections(trial, device));
}

/// The names that the drivers give their units in /sys/class/iommu.
std::string unit_prefix(const std::string& iommu) {
  return iommu == "amd" ? "ivhd" : "dmar";
}

Finding iommu_on(const Node& node, const Expected& expected) {
  const std::string prefix = unit_prefix(expected.topology.iommu);
  Words units;
  for (const DirectoryEntry& entry : node.list("/sys/class/iommu")) units.push_back(entry.name);
  const std::size_t groups = node.list("/sys/kernel/iommu_groups").size();
  Words objections;
  if (units.empty()) objections.push_back("no IOMMU is active");
  for (const std::string& unit : units) {
    if (unit.compare(0, prefix.size(), prefix) != 0) {
      objections.push_back(fmt::format("{} is no {} IOMMU", unit, expected.topology.iommu));
    }
  }
  if (groups == 0) objections.push_back("no device is in an IOMMU group");
  return judged({{"units", units}, {"groups", groups}}, {{"units", prefix + "*"}, {"groups", "at least 1"}},
                "/sys/class/iommu, /sys/kernel/iommu_groups", joined(objections, "; "));
}

}  // namespace

std::vector<Check> dma_checks() {
  return {
      {"dmabuf.heap",
       "the system heap gives zeroed, shareable buffers and refuses wrong flags",
       {"config:DMABUF_HEAPS_SYSTEM"},
       When::booted,
       heap},
      {"iommu.on", "the machine's IOMMU is active and groups its devices", {"iommu"}, When::early, iommu_on},
  };
}

}  // namespace ainode::checks
