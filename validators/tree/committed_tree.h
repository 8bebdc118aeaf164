// SPDX-License-Identifier: Apache-2.0
// An image that was never booted, as a node: the files of its commit, /etc as a first boot finds it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::tree {

/// Its kernel's release is what the boot image says of itself. What only runs on a started node (a kernel's log,
/// memory, commands) is absent, and said to be. Const methods may be called from several threads.
class CommittedTree : public checks::Node {
 public:
  /// Throws image_malformed where the repository cannot be opened, has not the commit, or the commit has no kernel.
  CommittedTree(const std::filesystem::path& repository, const std::string& commit);
  ~CommittedTree() override;

  std::optional<std::string> read_file(const std::string& path) const override;
  std::vector<checks::DirectoryEntry> list(const std::string& path) const override;
  std::optional<std::string> read_link(const std::string& path) const override;
  bool exists(const std::string& path) const override;
  std::optional<checks::FileStatus> status(const std::string& path) const override;
  std::optional<std::vector<std::string>> privileged_files() const override;
  std::string kernel_release() const override;
  std::optional<std::string> kernel_log() const override;
  std::optional<std::int64_t> coarse_clock_nanoseconds() const override;
  checks::PagePlacement place_pages(int numa_node, int pages) const override;
  checks::PageMove move_pages(int from, int to, int pages, checks::Migration way) const override;
  checks::PageSpread spread_pages(const std::vector<int>& numa_nodes, int pages, checks::Spread policy) const override;
  checks::HugePages place_huge_pages(int numa_node, int pages) const override;
  checks::HeapTrial try_heap(const std::string& device) const override;
  checks::FileBufferTrial try_file_buffer(const std::string& device) const override;
  checks::DeviceDma try_device_dma(const std::string& pci_address) const override;
  checks::PeerTransfer transfer_to_peer(const std::string& pci_address, const std::string& disk,
                                        bool may_write) const override;
  std::optional<bool> is_auditing() const override;
  checks::MemorySpeed measure_memory(int cpu_node, int memory_node, checks::MemoryTest test) const override;
  checks::WakeupLatency measure_wakeups(const std::vector<int>& cpus, int seconds) const override;
  checks::MirrorTrial try_mirror(const std::string& device) const override;
  std::optional<bool> is_read_only(const std::string& path) const override;
  std::optional<bool> is_same_directory(const std::string& one, const std::string& other) const override;
  checks::CommandOutcome run(const std::vector<std::string>& argv) const override;
  checks::CommandOutcome run_companion(const std::vector<std::string>& argv) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ainode::tree
