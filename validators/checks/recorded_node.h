// SPDX-License-Identifier: Apache-2.0
// A node out of a recording: its files as they were, and what its probes answered.
#pragma once

#include "validators/checks/recording.h"

namespace ainode::checks {

/// What there is of a thing that the recording does not hold.
enum class Unrecorded {
  is_absent,   ///< the node has it not
  is_unknown,  ///< asking for it throws std::runtime_error, so that no check judges what nobody saw
};

/// Answers as JSON, each key optional:
///   {"kernel_release": "…", "kernel_log": "…", "coarse_clock_nanoseconds": 4000000,
///    "place_pages": {"0": {"pages": 256, "on_node": 256, "numa_maps": "…", "problem": ""}},
///    "move_pages": {"0 to 1": {"arrived": 64, "is_intact": true, "problem": ""}}, "migrate_pages": the same,
///    "interleave": {"on_node": {"0": 64, "1": 64}, "problem": ""}, "weighted_interleave": the same,
///    "place_huge_pages": {"0": {"added": 2, "on_node": 2, "is_intact": true, "problem": ""}},
///    "try_heap": {"/dev/dma_heap/system": {"is_present": true, "bytes": 1048576, "is_zeroed": true,
///                 "is_shared": true, "wrong_flags_error": "EINVAL", "problem": ""}},
///    "try_file_buffer": {"/dev/udmabuf": {"is_present": true, "bytes": 65536, "is_shared": true,
///                        "unsealed_error": "EINVAL", "problem": ""}},
///    "try_device_dma": {"0000:00:04.0": {"bytes": 2048, "is_copied": true, "is_read_only_kept": true,
///                       "is_unmapped_kept": true, "unmapped_address": "0x9000000",
///                       "kernel_says": ["<4>[    9.1] DMAR: …"], "problem": ""}},
///    "transfer_to_peer": {"0000:03:00.0 and /dev/nvme1n1": {"bytes": 65536, "is_read": true, "is_written": true,
///                         "problem": ""}},
///    "triad": {"0 to 1": {"bytes": 67108864, "cache_bytes": 16777216, "samples": [11000.5, 11010], "problem": ""}},
///    "chase": the same, "measure_wakeups": {"wakeups": 40000, "median_us": 3, "p9999_us": 14, "max_us": 20.5,
///                       "histogram": {"2": 30000, "5": 10000}, "problem": ""},
///    "try_mirror": {"/dev/hmm_dmirror0": {"is_present": true, "bytes": 65536, "is_read": true, "is_written": true,
///                   "moved": 65536, "is_brought_back": true, "problem": ""}},
///    "status": {"/etc/x": {"is_regular": true, "mode": 420, "uid": 0, "gid": 0}},
///    "privileged_files": ["/usr/bin/su"], "module_version": {"/usr/lib/modules/…/x.ko.xz": "6.12 SMP"},
///    "is_read_only": {"/usr": true}, "is_same_directory": {"/usr and /sysroot/…": true},
///    "run": {"systemctl is-system-running": {"status": 0, "output": "running\n", "problem": ""}},
///    "list": {"/sys/class/iommu": ["dmar0"]}, "exists": {"/sys/module/loop": true},
///    "read_link": {"/sys/block/vda": "../devices/…"}, "read_file": {"/proc/config.gz": null}}
/// `list` names directories with a `/` at their end; `read_file` names what could not be read. What has no answer of
/// its own in `list` and `exists` follows from the files.
class RecordedNode : public Node {
 public:
  RecordedNode(Recording recording, Unrecorded unrecorded)
      : recording_(std::move(recording)), unrecorded_(unrecorded) {}

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
  const Json* find(const std::string& probe, const std::string& argument) const;
  template <class Answer>
  Answer answer(const std::string& probe, const std::string& argument, Answer if_absent = {}) const;
  template <class Answer>
  Answer answer(const std::string& probe, Answer if_absent = {}) const;
  /// Throws where what is not recorded is unknown.
  void require_absence(const std::string& probe, const std::string& argument) const;

  Recording recording_;
  Unrecorded unrecorded_;
};

}  // namespace ainode::checks
