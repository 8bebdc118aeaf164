// SPDX-License-Identifier: Apache-2.0
// The DMA family: shared buffers, the IOMMU that guards devices, and what a device reaches behind it. Peers stand in
// p2p.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <set>

#include "validators/checks/catalog.h"
#include "validators/checks/kernel_config.h"
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

std::string heap_objections(const HeapTrial& trial) {
  if (!trial.is_present) return "it does not exist";
  if (!trial.problem.empty()) return trial.problem;
  Words objections;
  if (!trial.is_zeroed) objections.push_back("a fresh buffer is not zeroed");
  if (!trial.is_shared) objections.push_back("two mappings of a buffer do not agree");
  if (trial.wrong_flags_error != "EINVAL") {
    objections.push_back(fmt::format("wrong sync flags give {} instead of EINVAL", trial.wrong_flags_error));
  }
  return joined(objections, "; ");
}

/// The kernel's heaps; that of the system must be among them. What a trusted execution environment keeps to itself
/// (Linux's drivers/tee/tee_heap.c) no processor may map.
std::set<std::string> heap_names(const Node& node) {
  std::set<std::string> names = {"system"};
  for (const DirectoryEntry& entry : node.list("/sys/class/dma_heap"))
    if (entry.name.compare(0, 10, "protected,") != 0) names.insert(entry.name);
  return names;
}

Finding heap(const Node& node, const Expected&) {
  Json measured = Json::object();
  Words objections;
  for (const std::string& name : heap_names(node)) {
    const std::string device = "/dev/dma_heap/" + name;
    const HeapTrial trial = node.try_heap(device);
    measured[name] = {{"bytes", trial.bytes},
                      {"zeroed", trial.is_zeroed},
                      {"shared", trial.is_shared},
                      {"wrong_flags", trial.wrong_flags_error}};
    if (const std::string objection = heap_objections(trial); !objection.empty())
      objections.push_back(device + ": " + objection);
  }
  return judged(std::move(measured), {{"zeroed", true}, {"shared", true}, {"wrong_flags", "EINVAL"}},
                "/sys/class/dma_heap, /dev/dma_heap/*", joined(objections, "; "));
}

std::string file_buffer_objections(const FileBufferTrial& trial, const std::string& device) {
  if (!trial.is_present) return device + " does not exist";
  if (!trial.problem.empty()) return trial.problem;
  Words objections;
  if (!trial.is_shared) objections.push_back("file and buffer do not agree");
  if (trial.unsealed_error != "EINVAL")
    objections.push_back(fmt::format("a file that may shrink gives {} instead of EINVAL", trial.unsealed_error));
  return joined(objections, "; ");
}

Finding file_buffer(const Node& node, const Expected&) {
  const std::string device = "/dev/udmabuf";
  const FileBufferTrial trial = node.try_file_buffer(device);
  return judged({{"bytes", trial.bytes}, {"shared", trial.is_shared}, {"unsealed", trial.unsealed_error}},
                {{"shared", true}, {"unsealed", "EINVAL"}}, device + ", UDMABUF_CREATE of a memfd",
                file_buffer_objections(trial, device));
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

/// The devices that the topology names; the machine's chipset is not among them.
std::vector<PciDevice> named_devices(const std::vector<PciDevice>& all, const Expected& expected) {
  const std::vector<ExpectedDevice>& wanted = expected.topology.devices;
  std::vector<PciDevice> named;
  std::copy_if(all.begin(), all.end(), std::back_inserter(named), [&](const PciDevice& device) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const ExpectedDevice& each) { return hardware_id(each) == device.id; });
  });
  return named;
}

std::string name_of(const PciDevice& device) {
  return fmt::format("{} ({})", device.address, device.id);
}

/// What shares a group can reach each other's memory, so that a device is given away with all of its group or not.
Finding iommu_groups(const Node& node, const Expected& expected) {
  const std::vector<PciDevice> all = pci_devices(node);
  Json measured = Json::object();
  Words objections;
  for (const PciDevice& device : named_devices(all, expected)) {
    measured[name_of(device)] = device.iommu_group;
    if (device.iommu_group.empty()) objections.push_back(name_of(device) + " is in no group");
    for (const PciDevice& other : all) {
      if (device.iommu_group.empty() || other.iommu_group != device.iommu_group) continue;
      if (other.address != device.address && !other.is_bridge)
        objections.push_back(
            fmt::format("{} shares group {} with {}", name_of(device), device.iommu_group, name_of(other)));
    }
  }
  if (measured.empty()) objections.push_back("none of the expected devices is there");
  return judged(measured, "a group each, shared with bridges only", "/sys/bus/pci/devices/*/iommu_group",
                joined(objections, "; "));
}

/// As Linux's kstrtobool() reads it.
std::optional<bool> switched(std::string_view value) {
  constexpr std::string_view kOn[] = {"1", "y", "Y", "t", "T", "on", "On", "ON"};
  constexpr std::string_view kOff[] = {"0", "n", "N", "f", "F", "off", "Off", "OFF"};
  if (std::find(std::begin(kOn), std::end(kOn), value) != std::end(kOn)) return true;
  if (std::find(std::begin(kOff), std::end(kOff), value) != std::end(kOff)) return false;
  return std::nullopt;
}

bool has_part(std::string_view list, std::string_view wanted) {
  const std::string padded = fmt::format(",{},", list);
  return padded.find(fmt::format(",{},", wanted)) != std::string::npos;
}

/// What kernel and image ask for.
struct Translation {
  bool passes_through = false;
  std::optional<bool> is_strict;  ///< unmapped addresses are flushed at once; nothing: nobody knows
};

/// Linux's kernel-parameters.txt: the last one wins, but for the two drivers' own, which are read after all others and
/// can make it strict alone.
Translation wanted_translation(const Node& node, const Expected& expected) {
  Translation wanted;
  if (const auto config = read_kernel_config(node)) {
    wanted.passes_through = config->value("IOMMU_DEFAULT_PASSTHROUGH") == "y";
    wanted.is_strict = config->value("IOMMU_DEFAULT_DMA_STRICT") == "y";
  }
  bool is_forced = false;
  for (const std::string& argument : expected.kernel_cmdline) {
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    const std::string_view value = std::string_view(argument).substr(std::min(name.size() + 1, argument.size()));
    if (name == "iommu" && has_part(value, "pt")) wanted.passes_through = true;
    if (name == "iommu" && has_part(value, "nopt")) wanted.passes_through = false;
    if (name == "iommu.passthrough") wanted.passes_through = switched(value).value_or(wanted.passes_through);
    if (const auto strict = switched(value); name == "iommu.strict" && strict) wanted.is_strict = strict;
    if (name == "intel_iommu" && has_part(value, "strict")) is_forced = true;
    if (name == "amd_iommu" && has_part(value, "fullflush")) is_forced = true;
  }
  if (is_forced) wanted.is_strict = true;
  return wanted;
}

/// Where flushing may be lazy, Linux is strict all the same behind an IOMMU that is emulated and says so in its
/// capabilities: an AMD one by NpCache (drivers/iommu/amd/init.c); an Intel one by its caching mode, unless it
/// translates by the first stage, which depends on more (drivers/iommu/intel/iommu.c).
Words lazy_types(const Node& node, const std::string& iommu) {
  const bool is_amd = iommu == "amd";
  const Words either = {"DMA-FQ", "DMA"};
  const std::uint64_t caches = std::uint64_t{1} << (is_amd ? 26 : 7);
  const std::vector<DirectoryEntry> units = node.list("/sys/class/iommu");
  for (const DirectoryEntry& unit : units) {
    const std::string path = fmt::format("/sys/class/iommu/{}/{}-iommu/cap", unit.name, iommu);
    const std::string digits = trimmed(node.read_file(path).value_or(""));
    std::uint64_t capabilities = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), capabilities, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return either;
    if ((capabilities & caches) != 0) return is_amd ? Words{"DMA"} : either;
  }
  return units.empty() ? either : Words{"DMA-FQ"};
}

Words allowed_types(const Node& node, const Expected& expected) {
  const Translation wanted = wanted_translation(node, expected);
  if (wanted.passes_through) return {"identity"};
  if (!wanted.is_strict) return {"DMA-FQ", "DMA"};
  return *wanted.is_strict ? Words{"DMA"} : lazy_types(node, expected.topology.iommu);
}

Finding iommu_type(const Node& node, const Expected& expected) {
  const Words allowed = allowed_types(node, expected);
  Json measured = Json::object();
  Words objections;
  for (const PciDevice& device : named_devices(pci_devices(node), expected)) {
    const std::string path = fmt::format("/sys/kernel/iommu_groups/{}/type", device.iommu_group);
    const std::string type = trimmed(node.read_file(path).value_or("none"));
    measured[name_of(device)] = type;
    if (std::find(allowed.begin(), allowed.end(), type) == allowed.end())
      objections.push_back(fmt::format("{} has {} instead of {}", name_of(device), type, joined(allowed, " or ")));
  }
  if (measured.empty()) objections.push_back("none of the expected devices is there");
  return judged(measured, allowed, "/sys/kernel/iommu_groups/*/type, /sys/class/iommu/*/*-iommu/cap",
                joined(objections, "; "));
}

/// The machine's devices that a check can drive.
std::vector<PciDevice> drivable_devices(const Node& node) {
  std::vector<PciDevice> devices = pci_devices(node);
  std::erase_if(devices, [](const PciDevice& device) { return device.id != kDrivableDevice; });
  return devices;
}

/// A judgement on each device that can be driven.
Finding judge_devices(const Node& node, const std::string& expected,
                      const std::function<Json(const DeviceDma&)>& measured_of,
                      const std::function<std::string(const DeviceDma&, const PciDevice&)>& objection_to,
                      std::string gap = "") {
  Json measured = Json::object();
  Words objections;
  for (const PciDevice& device : drivable_devices(node)) {
    const DeviceDma dma = node.try_device_dma(device.address);
    measured[name_of(device)] = measured_of(dma);
    const std::string objection = dma.problem.empty() ? objection_to(dma, device) : dma.problem;
    if (!objection.empty()) objections.push_back(name_of(device) + ": " + objection);
  }
  if (measured.empty()) objections.push_back("none of the expected devices is there");
  return judged(std::move(measured), expected, "VFIO type 1, the kernel's log", joined(objections, "; "),
                std::move(gap));
}

Finding copy(const Node& node, const Expected&) {
  return judge_devices(
      node, "memory that is mapped for a device is read and written by it",
      [](const DeviceDma& dma) {
        return Json{{"bytes", dma.bytes}, {"copied", dma.is_copied}};
      },
      [](const DeviceDma& dma, const PciDevice&) -> std::string {
        return dma.is_copied ? "" : "what came back is not what was sent";
      });
}

/// Whichever IOMMU it is, its driver's line names device and address: "DMAR: [DMA Write NO_PASID] Request device
/// [00:04.0] fault addr 0x9000000", "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:04.0 … address=0x9000000".
std::string fault_line(const DeviceDma& dma, const std::string& pci_address) {
  const std::string in_its_domain = pci_address.substr(pci_address.find(':') + 1);
  const auto line = std::find_if(dma.kernel_says.begin(), dma.kernel_says.end(), [&](const std::string& each) {
    return each.find(in_its_domain) != std::string::npos && each.find(dma.unmapped_address) != std::string::npos;
  });
  return line == dma.kernel_says.end() ? "" : *line;
}

std::string intrusions(const DeviceDma& dma) {
  Words objections;
  if (!dma.is_read_only_kept) objections.push_back("memory that it may only read was written");
  if (!dma.is_unmapped_kept) objections.push_back("memory that is no longer mapped was written");
  return joined(objections, "; ");
}

Finding isolation(const Node& node, const Expected& expected) {
  const bool is_mute = expected.emulated && expected.topology.iommu == "amd";
  return judge_devices(
      node, "memory that is not mapped for a device is kept from it, and the kernel names device and address",
      [](const DeviceDma& dma) {
        return Json{{"read_only_kept", dma.is_read_only_kept},
                    {"unmapped_kept", dma.is_unmapped_kept},
                    {"address", dma.unmapped_address},
                    {"kernel_says", dma.kernel_says}};
      },
      [is_mute](const DeviceDma& dma, const PciDevice& device) {
        std::string reason = intrusions(dma);
        if (reason.empty() && !is_mute && fault_line(dma, device.address).empty())
          reason = fmt::format("the kernel's log names no fault of it at {}", dma.unmapped_address);
        return reason;
      },
      is_mute ? "devices are kept out, but QEMU's AMD IOMMU reports no fault that the kernel could name" : "");
}

}  // namespace

std::vector<Check> dma_checks() {
  std::vector<Check> checks = {
      {"dmabuf.heap",
       "each DMA-BUF heap gives zeroed, shareable buffers and refuses wrong flags",
       {"config:DMABUF_HEAPS_SYSTEM"},
       When::booted,
       heap},
      {"dmabuf.udmabuf",
       "a sealed file's pages become a shareable buffer, and both show the same",
       {"config:UDMABUF"},
       When::booted,
       file_buffer},
      {"dma.copy",
       "a device copies between memory that is mapped for it",
       {"iommu", "dma-device", "config:VFIO_PCI", "config:VFIO_IOMMU_TYPE1"},
       When::booted,
       copy},
      {"dma.isolation",
       "the IOMMU keeps a device from memory that is not mapped for it, and tells",
       {"iommu", "dma-device", "config:VFIO_PCI", "config:VFIO_IOMMU_TYPE1"},
       When::booted,
       isolation},
      {"iommu.on", "the machine's IOMMU is active and groups its devices", {"iommu"}, When::early, iommu_on},
      {"iommu.type",
       "DMA is translated or passed through as kernel and image say",
       {"iommu", "devices"},
       When::early,
       iommu_type},
      {"iommu.groups",
       "each expected device is alone in its IOMMU group",
       {"iommu", "devices"},
       When::early,
       iommu_groups},
  };
  for (Check& check : engine_checks()) checks.push_back(std::move(check));
  for (Check& check : peer_checks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace ainode::checks
