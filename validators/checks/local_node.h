// SPDX-License-Identifier: Apache-2.0
// The system that this program runs on.
#pragma once

#include <string>
#include <utility>

#include "validators/checks/node.h"

namespace ainode::checks {

class LocalNode : public Node {
 public:
  /// Programs of the harness's lie in `companions`; empty: where this program does.
  explicit LocalNode(std::string companions = {}) : companions_(std::move(companions)) {}
  std::optional<std::string> read_file(const std::string& path) const override;
  std::vector<DirectoryEntry> list(const std::string& path) const override;
  std::optional<std::string> read_link(const std::string& path) const override;
  bool exists(const std::string& path) const override;
  std::optional<FileStatus> status(const std::string& path) const override;
  std::optional<std::vector<std::string>> privileged_files() const override;
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
  std::string companions_;
};

}  // namespace ainode::checks
