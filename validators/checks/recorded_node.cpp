// SPDX-License-Identifier: Apache-2.0
// All in memory: a recording of a stranger's cannot lead to a file of this machine.
#include "validators/checks/recorded_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "validators/checks/recording_node.h"

namespace ainode::checks {

namespace {

/// The names right below `folder`, which ends with a slash, in keys that are sorted.
template <class Map>
void add_children(const Map& map, const std::string& folder, std::map<std::string, bool>& is_directory) {
  for (auto each = map.lower_bound(folder); each != map.end(); ++each) {
    if (each->first.compare(0, folder.size(), folder) != 0) return;
    const std::string below = each->first.substr(folder.size());
    const std::size_t slash = below.find('/');
    is_directory[below.substr(0, slash)] |= slash != std::string::npos;
  }
}

}  // namespace

const Json* RecordedNode::find(const std::string& probe, const std::string& argument) const {
  const auto answers = recording_.answers.by_argument.find(probe);
  if (answers == recording_.answers.by_argument.end()) return nullptr;
  const auto found = answers->second.find(argument);
  return found == answers->second.end() ? nullptr : &found->second;
}

void RecordedNode::require_absence(const std::string& probe, const std::string& argument) const {
  if (unrecorded_ == Unrecorded::is_unknown)
    throw std::runtime_error(fmt::format("{} of `{}` was not recorded", probe, argument));
}

template <class Answer>
Answer RecordedNode::answer(const std::string& probe, const std::string& argument, Answer if_absent) const {
  if (const Json* found = find(probe, argument)) {
    Answer given{};
    read_json(*found, given);
    return given;
  }
  require_absence(probe, argument);
  return if_absent;
}

template <class Answer>
Answer RecordedNode::answer(const std::string& probe, Answer if_absent) const {
  const auto found = recording_.answers.single.find(probe);
  if (found != recording_.answers.single.end()) {
    Answer given{};
    read_json(found->second, given);
    return given;
  }
  require_absence(probe, "the node");
  return if_absent;
}

std::optional<std::string> RecordedNode::read_file(const std::string& path) const {
  const auto file = recording_.files.find(path);
  if (file != recording_.files.end()) return file->second;
  return answer<std::optional<std::string>>("read_file", path);
}

std::vector<DirectoryEntry> RecordedNode::list(const std::string& path) const {
  if (find("list", path)) return answer<std::vector<DirectoryEntry>>("list", path);
  require_absence("list", path);
  std::map<std::string, bool> is_directory;
  add_children(recording_.files, path + "/", is_directory);
  const auto links = recording_.answers.by_argument.find("read_link");
  if (links != recording_.answers.by_argument.end()) add_children(links->second, path + "/", is_directory);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, directory] : is_directory) entries.push_back({name, directory});
  return entries;
}

std::optional<std::string> RecordedNode::read_link(const std::string& path) const {
  return answer<std::optional<std::string>>("read_link", path);
}

bool RecordedNode::exists(const std::string& path) const {
  if (find("exists", path)) return answer<bool>("exists", path);
  const auto below = recording_.files.lower_bound(path + "/");
  const bool is_there = recording_.files.count(path) != 0 ||
                        (below != recording_.files.end() && below->first.compare(0, path.size() + 1, path + "/") == 0);
  if (!is_there) require_absence("exists", path);
  return is_there;
}

std::optional<FileStatus> RecordedNode::status(const std::string& path) const {
  return answer<std::optional<FileStatus>>("status", path);
}

std::optional<std::vector<std::string>> RecordedNode::privileged_files() const {
  return answer<std::optional<std::vector<std::string>>>("privileged_files", std::vector<std::string>());
}

std::optional<std::string> RecordedNode::module_version(const std::string& path) const {
  if (recording_.files.count(path) != 0) return Node::module_version(path);
  return answer<std::optional<std::string>>("module_version", path);
}

std::string RecordedNode::kernel_release() const {
  return answer<std::string>("kernel_release");
}

std::optional<std::string> RecordedNode::kernel_log() const {
  return answer<std::optional<std::string>>("kernel_log");
}

std::optional<std::int64_t> RecordedNode::coarse_clock_nanoseconds() const {
  return answer<std::optional<std::int64_t>>("coarse_clock_nanoseconds");
}

PagePlacement RecordedNode::place_pages(int numa_node, int) const {
  return answer<PagePlacement>("place_pages", std::to_string(numa_node), {0, 0, "", "not recorded"});
}

PageMove RecordedNode::move_pages(int from, int to, int, Migration way) const {
  return answer<PageMove>(name_of(way), way_between(from, to), {0, false, "not recorded"});
}

PageSpread RecordedNode::spread_pages(const std::vector<int>&, int, Spread policy) const {
  return answer<PageSpread>(name_of(policy), PageSpread{{}, "not recorded"});
}

HugePages RecordedNode::place_huge_pages(int numa_node, int) const {
  return answer<HugePages>("place_huge_pages", std::to_string(numa_node), {0, 0, false, "not recorded"});
}

HeapTrial RecordedNode::try_heap(const std::string& device) const {
  return answer<HeapTrial>("try_heap", device);
}

FileBufferTrial RecordedNode::try_file_buffer(const std::string& device) const {
  return answer<FileBufferTrial>("try_file_buffer", device);
}

DeviceDma RecordedNode::try_device_dma(const std::string& pci_address) const {
  return answer<DeviceDma>("try_device_dma", pci_address);
}

PeerTransfer RecordedNode::transfer_to_peer(const std::string& pci_address, const std::string& disk, bool) const {
  return answer<PeerTransfer>("transfer_to_peer", pair_of(pci_address, disk));
}

std::optional<bool> RecordedNode::is_auditing() const {
  return answer<std::optional<bool>>("is_auditing", std::nullopt);
}

MemorySpeed RecordedNode::measure_memory(int cpu_node, int memory_node, MemoryTest test) const {
  return answer<MemorySpeed>(name_of(test), way_between(cpu_node, memory_node), {0, 0, {}, "not recorded"});
}

WakeupLatency RecordedNode::measure_wakeups(const std::vector<int>&, int) const {
  return answer<WakeupLatency>("measure_wakeups", WakeupLatency{0, 0, 0, 0, {}, "not recorded"});
}

MirrorTrial RecordedNode::try_mirror(const std::string& device) const {
  return answer<MirrorTrial>("try_mirror", device);
}

std::optional<bool> RecordedNode::is_read_only(const std::string& path) const {
  return answer<std::optional<bool>>("is_read_only", path);
}

std::optional<bool> RecordedNode::is_same_directory(const std::string& one, const std::string& other) const {
  return answer<std::optional<bool>>("is_same_directory", pair_of(one, other));
}

CommandOutcome RecordedNode::run(const std::vector<std::string>& argv) const {
  return answer<CommandOutcome>("run", command_line_of(argv),
                                {-1, "", argv.empty() ? "no program was named" : argv[0] + " could not be started"});
}

CommandOutcome RecordedNode::run_companion(const std::vector<std::string>& argv) const {
  return answer<CommandOutcome>("run_companion", command_line_of(argv), {-1, "", "not recorded"});
}

}  // namespace ainode::checks
