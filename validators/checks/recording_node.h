// SPDX-License-Identifier: Apache-2.0
// A node that notes what it is asked and what it answers. A new probe of Node stands here, in recorded_node.cpp and in
// the tables of answers.h and answers.cpp.
#pragma once

#include "validators/checks/recording.h"

namespace ainode::checks {

/// Under which names and arguments answers stand in a recording.
std::string name_of(Migration way);
std::string name_of(Spread policy);
std::string name_of(MemoryTest test);
std::string way_between(int from, int to);
std::string pair_of(const std::string& one, const std::string& other);
std::string command_line_of(const std::vector<std::string>& argv);

/// Of two answers to one question, the later one is kept. Both references must outlive the object.
class RecordingNode : public Node {
 public:
  RecordingNode(const Node& node, Recording& recording) : node_(node), recording_(recording) {}

  std::optional<std::string> read_file(const std::string& path) const override;
  std::vector<DirectoryEntry> list(const std::string& path) const override;
  std::optional<std::string> read_link(const std::string& path) const override;
  bool exists(const std::string& path) const override;
  std::optional<FileStatus> status(const std::string& path) const override;
  std::optional<std::vector<std::string>> privileged_files() const override;
  std::optional<std::string> module_version(const std::string& path) const override;
  std::string kernel_release() const override;
  std::optional<std::string> kernel_log() const override;
  std::optional<std::int64_t> coarse_clock_nanoseconds() const override;
  PagePlacement place_pages(int numa_node, int pages) const override;
  PageMove move_pages(int from, int to, int pages, Migration way) const override;
  PageSpread spread_pages(const std::vector<int>& numa_nodes, int pages, Spread policy) const override;
  HugePages place_huge_pages(int numa_node, int pages) const override;
  HeapTrial try_heap(const std::string& device) const override;
  FileBufferTrial try_file_buffer(const std::string& device) const override;
  DeviceDma try_device_dma(const std::string& pci_address) const override;
  PeerTransfer transfer_to_peer(const std::string& pci_address, const std::string& disk, bool may_write) const override;
  std::optional<bool> is_auditing() const override;
  MemorySpeed measure_memory(int cpu_node, int memory_node, MemoryTest test) const override;
  WakeupLatency measure_wakeups(const std::vector<int>& cpus, int seconds) const override;
  MirrorTrial try_mirror(const std::string& device) const override;
  std::optional<bool> is_read_only(const std::string& path) const override;
  std::optional<bool> is_same_directory(const std::string& one, const std::string& other) const override;
  CommandOutcome run(const std::vector<std::string>& argv) const override;
  CommandOutcome run_companion(const std::vector<std::string>& argv) const override;

 private:
  template <class Answer>
  Answer note(const std::string& probe, const std::string& argument, Answer answer) const;
  template <class Answer>
  Answer note(const std::string& probe, Answer answer) const;

  const Node& node_;
  Recording& recording_;
};

/// Adds what checks of the future may ask: a bounded set of text files, links and listings of /proc and /sys, which
/// capture.cpp lists. What is recorded already stays.
void capture_system(const Node& node, Recording& recording);

}  // namespace ainode::checks
