// SPDX-License-Identifier: Apache-2.0
// A table of directories and of names in them. What blocks, acts when it is read or is a secret is not in it.
#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "validators/checks/recording_node.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

struct Captured {
  std::string_view directory;  ///< a part may be a pattern; a last part `**` is any depth of directories
  std::string_view names;      ///< patterns
};

constexpr Captured kCaptured[] = {
    {"/proc",
     "buddyinfo cmdline cpuinfo devices filesystems interrupts iomem meminfo modules mounts partitions swaps version "
     "vmstat zoneinfo"},
    {"/proc/self", "mountinfo"},
    {"/proc/pressure", "*"},
    {"/proc/irq", "default_smp_affinity"},
    {"/proc/irq/*", "smp_affinity_list effective_affinity_list node"},
    {"/proc/sys/**", "*"},
    {"/sys/devices/system/node", "*"},
    {"/sys/devices/system/node/node*", "cpulist cpumap distance meminfo numastat"},
    {"/sys/devices/system/node/node*/access*/initiators", "*"},
    {"/sys/devices/system/node/node*/hugepages/*", "*"},
    {"/sys/devices/virtual/memory_tiering/*", "*"},
    {"/sys/devices/system/cpu", "isolated kernel_max nohz_full offline online possible present"},
    {"/sys/devices/system/cpu/cpufreq/*", "scaling_* cpuinfo_m*"},
    {"/sys/devices/system/cpu/smt", "*"},
    {"/sys/devices/system/cpu/vulnerabilities", "*"},
    {"/sys/bus/pci/devices", "*"},
    {"/sys/bus/pci/devices/*",
     "aer_dev_* ari_enabled class consistent_dma_mask_bits current_link_speed current_link_width device "
     "dma_mask_bits driver enable iommu_group irq local_cpulist max_link_speed max_link_width modalias numa_node "
     "power_state reset_method resource revision sriov_numvfs sriov_totalvfs subsystem_device subsystem_vendor vendor"},
    {"/sys/bus/pci/devices/*/p2pmem", "available published size"},
    {"/sys/bus/pci/drivers", "*"},
    {"/sys/class/accel", "*"},
    {"/sys/class/dma_heap", "*"},
    {"/sys/class/drm", "*"},
    {"/sys/class/infiniband", "*"},
    {"/sys/class/iommu", "*"},
    {"/sys/class/iommu/*/*-iommu", "cap ecap features"},
    {"/sys/kernel/iommu_groups", "*"},
    {"/sys/kernel/iommu_groups/*", "type reserved_regions"},
    {"/sys/kernel/iommu_groups/*/devices", "*"},
    {"/sys/block", "*"},
    {"/sys/block/*", "removable ro size"},
    {"/sys/block/*/queue", "*"},
    {"/sys/kernel", "oops_count warn_count"},
    {"/sys/kernel/mm/hugepages/*", "*"},
    {"/sys/kernel/mm/mempolicy/weighted_interleave", "*"},
    {"/sys/kernel/mm/numa", "*"},
    {"/sys/kernel/mm/transparent_hugepage", "*"},
    {"/sys/kernel/security", "lockdown lsm"},
    {"/sys/module", "*"},
    {"/sys/module/*", "initstate srcversion taint version"},
    {"/sys/module/*/parameters", "*"},
};

/// An automount; what refreshes counters; keys.
constexpr const char* kLeftOut[] = {"/proc/sys/fs/binfmt_misc", "/proc/sys/vm/stat_refresh", "*/tcp_fastopen_key",
                                    "*/stable_secret"};

bool matches(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

bool is_left_out(const std::string& path) {
  return std::any_of(std::begin(kLeftOut), std::end(kLeftOut),
                     [&](const char* pattern) { return matches(pattern, path); });
}

class Capture {
 public:
  Capture(const Node& node, Recording& recording) : node_(node), recording_(recording) {}

  void take_below(const std::string& directory, std::string_view pattern, const std::vector<std::string>& names) {
    if (pattern.empty()) return take_of(directory, names);
    pattern.remove_prefix(1);
    const std::string part(pattern.substr(0, pattern.find('/')));
    const std::string_view rest = pattern.substr(part.size());
    if (part.find('*') == std::string::npos) return take_below(directory + "/" + part, rest, names);
    const bool is_deep = part == "**";
    if (is_deep) take_of(directory, names);
    for (const DirectoryEntry& entry : list(directory)) {
      const std::string path = directory + "/" + entry.name;
      if (is_deep && entry.is_directory && !is_left_out(path)) take_below(path, "/**", names);
      if (!is_deep && matches(part, entry.name)) take_below(path, rest, names);
    }
  }

 private:
  std::vector<DirectoryEntry> list(const std::string& directory) {
    std::vector<DirectoryEntry> entries = node_.list(directory);
    if (!entries.empty()) recording_.answers.by_argument["list"].emplace(directory, json_of(entries));
    return entries;
  }

  void take_of(const std::string& directory, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (name.find('*') == std::string::npos) {
        take(directory + "/" + name);
        continue;
      }
      for (const DirectoryEntry& entry : list(directory))
        if (!entry.is_directory && matches(name, entry.name)) take(directory + "/" + entry.name);
    }
  }

  void take(const std::string& path) {
    constexpr std::uint32_t kReadable = 0444;
    if (is_left_out(path) || recording_.files.count(path) != 0) return;
    const auto status = node_.status(path);
    if (!status) return;
    if (!status->is_regular) {
      if (const auto target = node_.read_link(path)) recording_.answers.by_argument["read_link"].emplace(path, *target);
      return;
    }
    if ((status->mode & kReadable) == 0) return;
    const auto content = node_.read_file(path);
    if (content && content->find('\0') == std::string::npos) recording_.add(path, *content, kCapturedFile, false);
  }

  const Node& node_;
  Recording& recording_;
};

}  // namespace

void capture_system(const Node& node, Recording& recording) {
  Capture capture(node, recording);
  for (const Captured& each : kCaptured) capture.take_below("", each.directory, split_words(each.names));
}

}  // namespace ainode::checks
