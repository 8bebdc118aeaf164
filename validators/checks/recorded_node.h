// SPDX-License-Identifier: Apache-2.0
// A node out of a directory: its files as they were recorded, and what its probes answered as JSON.
#pragma once

#include <map>

#include "base/json.h"
#include "validators/checks/node.h"

namespace ainode::checks {

/// `root` holds the tree (root/proc/cmdline, root/sys/…; links are kept as links and are followed below root only when
/// relative). `probes`, each key optional:
///   {"kernel_release": "…", "kernel_log": "…", "coarse_clock_nanoseconds": 4000000,
///    "place_pages": {"0": {"pages": 256, "on_node": 256, "numa_maps": "…", "problem": ""}},
///    "move_pages": {"0 to 1": {"arrived": 64, "is_intact": true, "problem": ""}}, "migrate_pages": the same,
///    "interleave": {"on_node": {"0": 64, "1": 64}, "problem": ""}, "weighted_interleave": the same,
///    "try_heap": {"/dev/dma_heap/system": {"bytes": 1048576, "is_zeroed": true, "is_shared": true,
///                 "wrong_flags_error": "EINVAL", "problem": ""}},
///    "status": {"/etc/x": {"mode": 420, "uid": 0, "gid": 0}}, "privileged_files": ["/usr/bin/su"],
///    "is_read_only": {"/usr": true}, "is_same_directory": {"/usr": "/sysroot/…"},
///    "run": {"systemctl is-system-running": {"status": 0, "output": "running\n"}}}
class RecordedNode : public Node {
 public:
  RecordedNode(std::string root, Json probes) : root_(std::move(root)), probes_(std::move(probes)) {}

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
  HeapTrial try_heap(const std::string& device) const override;
  std::optional<bool> is_read_only(const std::string& path) const override;
  std::optional<bool> is_same_directory(const std::string& one, const std::string& other) const override;
  CommandOutcome run(const std::vector<std::string>& argv) const override;

 private:
  /// What a probe answered for one argument; null when it was not recorded.
  Json answer(const char* probe, const std::string& argument) const;

  std::string root_;
  Json probes_;
};

}  // namespace ainode::checks
