// SPDX-License-Identifier: Apache-2.0
// The storage family: block devices, partitions and what is mounted.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

Measured block_devices(const Node& node, const Json& statement) {
  const auto glob = statement.at("devices").get<std::string>();
  Json found = Json::object();
  Words objections;
  for (const DirectoryEntry& device : node.list("/sys/block")) {
    if (fnmatch(glob.c_str(), device.name.c_str(), 0) != 0) continue;
    const std::string queue = "/sys/block/" + device.name + "/queue/";
    const auto hold = [&](const char* key, const std::optional<std::string>& value, const std::string& what) {
      if (!statement.contains(key)) return;
      const Json& wanted = statement[key];
      const Measured held = held_to(value, wanted.is_string() ? wanted.get<std::string>() : wanted.dump(), what);
      found[device.name][key] = held.value;
      if (!held.objection.empty()) objections.push_back(held.objection);
    };
    hold("scheduler", chosen_word(node, queue + "scheduler"), "the scheduler of " + device.name);
    hold("read_ahead_kib", read_words(node, queue + "read_ahead_kb"), "the read-ahead of " + device.name);
  }
  if (found.empty()) return {nullptr, "", fmt::format("the machine has no block device `{}`", glob)};
  return {found, joined(objections, "; ")};
}

Finding block_settings(const Node& node, const Expected& expected) {
  return judge_each(expected, "storage.scheduler", "/sys/block/*/queue/{scheduler,read_ahead_kb}",
                    [&](const Json& statement) { return block_devices(node, statement); });
}

/// "…/../../vda2", as udev links a partition's name → "vda2".
std::string partition_named(const Node& node, const std::string& name) {
  const std::string target = node.read_link("/dev/disk/by-partlabel/" + name).value_or("");
  return target.substr(target.rfind('/') + 1);
}

/// proc_pid_mountinfo(5): "36 35 98:0 /root /point options … - ext4 /dev/x options".
bool is_mounted(const Node& node, const std::string& point, const Words& filesystems) {
  for (const std::string& line : split_lines(node.read_file("/proc/self/mountinfo").value_or(""))) {
    const Words words = split_words(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words[4] != point || dash == words.end() || std::next(dash) == words.end()) continue;
    if (std::find(filesystems.begin(), filesystems.end(), *std::next(dash)) != filesystems.end()) return true;
  }
  return false;
}

Measured partition(const Node& node, const Json& statement) {
  constexpr std::int64_t kSector = 512;  // the unit of sysfs, whatever the disk's own is
  const auto id = statement.at("id").get<std::string>(), filesystem = statement.at("fs").get<std::string>();
  const std::string device = partition_named(node, id);
  if (device.empty()) return {nullptr, fmt::format("there is no partition `{}`", id)};
  const std::int64_t bytes = read_number(node, "/sys/class/block/" + device + "/size").value_or(0) * kSector;
  Json found = {{"device", device}, {"bytes", bytes}};
  if (bytes != statement.at("bytes").get<std::int64_t>())
    return {found, fmt::format("partition `{}` has {} bytes instead of {}", id, bytes, statement.at("bytes").dump())};
  const auto point = statement.at("mount").get<std::string>();
  if (point.empty()) return {found};
  // OSTree shows the root's file system at /sysroot; what is mounted when it is first used is an autofs until then.
  const bool is_root = point == "/";
  const bool is_there =
      is_root ? is_mounted(node, "/sysroot", {filesystem}) : is_mounted(node, point, {filesystem, "autofs"});
  found["mounted"] = is_there;
  return {found, is_there ? "" : fmt::format("{} of partition `{}` is not mounted as {}", point, id, filesystem)};
}

Finding partitions(const Node& node, const Expected& expected) {
  return judge_each(expected, "storage.mounts", "/dev/disk/by-partlabel, /sys/class/block, /proc/self/mountinfo",
                    [&](const Json& statement) { return partition(node, statement); });
}

}  // namespace

std::vector<Check> storage_checks() {
  return {{"storage.scheduler",
           "each block device has its declared scheduler and read-ahead",
           {"declared:storage.scheduler"},
           When::booted,
           block_settings},
          {"storage.mounts",
           "each partition has its size and is mounted where it was declared",
           {"declared:storage.mounts"},
           When::booted,
           partitions}};
}

}  // namespace ainode::checks
