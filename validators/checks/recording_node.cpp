// SPDX-License-Identifier: Apache-2.0
// One line a probe.
#include "validators/checks/recording_node.h"

#include <fmt/format.h>

#include "validators/checks/text.h"

namespace ainode::checks {

std::string name_of(Migration way) {
  return way == Migration::by_page ? "move_pages" : "migrate_pages";
}

std::string name_of(Spread policy) {
  return policy == Spread::interleave ? "interleave" : "weighted_interleave";
}

std::string name_of(MemoryTest test) {
  return test == MemoryTest::triad ? "triad" : "chase";
}

std::string way_between(int from, int to) {
  return fmt::format("{} to {}", from, to);
}

std::string pair_of(const std::string& one, const std::string& other) {
  return one + " and " + other;
}

std::string command_line_of(const std::vector<std::string>& argv) {
  return joined(argv, " ");
}

template <class Answer>
Answer RecordingNode::note(const std::string& probe, const std::string& argument, Answer answer) const {
  recording_.answers.by_argument[probe][argument] = json_of(answer);
  return answer;
}

template <class Answer>
Answer RecordingNode::note(const std::string& probe, Answer answer) const {
  recording_.answers.single[probe] = json_of(answer);
  return answer;
}

std::optional<std::string> RecordingNode::read_file(const std::string& path) const {
  auto content = node_.read_file(path);
  if (!content) return note("read_file", path, content);
  recording_.add(path, *content, kRecordedFile, true);
  return content;
}

std::vector<DirectoryEntry> RecordingNode::list(const std::string& path) const {
  return note("list", path, node_.list(path));
}

std::optional<std::string> RecordingNode::read_link(const std::string& path) const {
  return note("read_link", path, node_.read_link(path));
}

bool RecordingNode::exists(const std::string& path) const {
  return note("exists", path, node_.exists(path));
}

std::optional<FileStatus> RecordingNode::status(const std::string& path) const {
  return note("status", path, node_.status(path));
}

std::optional<std::vector<std::string>> RecordingNode::privileged_files() const {
  return note("privileged_files", node_.privileged_files());
}

std::optional<std::string> RecordingNode::module_version(const std::string& path) const {
  return note("module_version", path, node_.module_version(path));
}

std::string RecordingNode::kernel_release() const {
  return note("kernel_release", node_.kernel_release());
}

std::optional<std::string> RecordingNode::kernel_log() const {
  return note("kernel_log", node_.kernel_log());
}

std::optional<std::int64_t> RecordingNode::coarse_clock_nanoseconds() const {
  return note("coarse_clock_nanoseconds", node_.coarse_clock_nanoseconds());
}

PagePlacement RecordingNode::place_pages(int numa_node, int pages) const {
  return note("place_pages", std::to_string(numa_node), node_.place_pages(numa_node, pages));
}

PageMove RecordingNode::move_pages(int from, int to, int pages, Migration way) const {
  return note(name_of(way), way_between(from, to), node_.move_pages(from, to, pages, way));
}

PageSpread RecordingNode::spread_pages(const std::vector<int>& numa_nodes, int pages, Spread policy) const {
  return note(name_of(policy), node_.spread_pages(numa_nodes, pages, policy));
}

HugePages RecordingNode::place_huge_pages(int numa_node, int pages) const {
  return note("place_huge_pages", std::to_string(numa_node), node_.place_huge_pages(numa_node, pages));
}

HeapTrial RecordingNode::try_heap(const std::string& device) const {
  return note("try_heap", device, node_.try_heap(device));
}

FileBufferTrial RecordingNode::try_file_buffer(const std::string& device) const {
  return note("try_file_buffer", device, node_.try_file_buffer(device));
}

DeviceDma RecordingNode::try_device_dma(const std::string& pci_address) const {
  return note("try_device_dma", pci_address, node_.try_device_dma(pci_address));
}

PeerTransfer RecordingNode::transfer_to_peer(const std::string& pci_address, const std::string& disk,
                                             bool may_write) const {
  return note("transfer_to_peer", pair_of(pci_address, disk), node_.transfer_to_peer(pci_address, disk, may_write));
}

std::optional<bool> RecordingNode::is_auditing() const {
  return note("is_auditing", node_.is_auditing());
}

MemorySpeed RecordingNode::measure_memory(int cpu_node, int memory_node, MemoryTest test) const {
  return note(name_of(test), way_between(cpu_node, memory_node), node_.measure_memory(cpu_node, memory_node, test));
}

WakeupLatency RecordingNode::measure_wakeups(const std::vector<int>& cpus, int seconds) const {
  return note("measure_wakeups", node_.measure_wakeups(cpus, seconds));
}

MirrorTrial RecordingNode::try_mirror(const std::string& device) const {
  return note("try_mirror", device, node_.try_mirror(device));
}

std::optional<bool> RecordingNode::is_read_only(const std::string& path) const {
  return note("is_read_only", path, node_.is_read_only(path));
}

std::optional<bool> RecordingNode::is_same_directory(const std::string& one, const std::string& other) const {
  return note("is_same_directory", pair_of(one, other), node_.is_same_directory(one, other));
}

CommandOutcome RecordingNode::run(const std::vector<std::string>& argv) const {
  return note("run", command_line_of(argv), node_.run(argv));
}

CommandOutcome RecordingNode::run_companion(const std::vector<std::string>& argv) const {
  return note("run_companion", command_line_of(argv), node_.run_companion(argv));
}

}  // namespace ainode::checks
