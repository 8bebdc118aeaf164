// SPDX-License-Identifier: Apache-2.0
// The only window that checks have on a system: its files, and a few typed probes where a system call is needed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::checks {

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;  ///< a symbolic link to a directory is not one
};

struct FileStatus {
  bool is_regular = false;  ///< not a directory, a link, a device
  std::uint32_t mode = 0;   ///< permission bits
  std::uint32_t uid = 0, gid = 0;
};

/// How a problem begins that comes of this program's lack of rights: it says nothing of the node.
inline constexpr std::string_view kOnlyRoot = "only root may do this: ";

struct PagePlacement {
  int pages = 0;          ///< touched after mbind(MPOL_BIND)
  int on_node = 0;        ///< of these, where move_pages(nodes=NULL) says
  std::string numa_maps;  ///< the mapping's line of /proc/self/numa_maps, without its address
  std::string problem;    ///< the call that failed and its errno; empty otherwise
};

struct PageMove {
  int arrived = 0;         ///< pages that move_pages(nodes=NULL) then finds on the other node
  bool is_intact = false;  ///< each page still holds what was written to it
  std::string problem;     ///< the call that failed and its errno; empty otherwise
};

enum class Migration {
  by_page,     ///< move_pages(2) with MPOL_MF_MOVE
  by_process,  ///< migrate_pages(2) of this process, whose other pages go along
};

enum class Spread { interleave, weighted_interleave };

struct PageSpread {
  std::map<int, int> on_node;  ///< node → pages of the mapping on it
  std::string problem;         ///< the call that failed and its errno; empty otherwise
};

struct HugePages {
  int added = 0;           ///< by which the node's pool grew when it was asked to
  int on_node = 0;         ///< of these, mapped and bound to the node, where move_pages(nodes=NULL) says
  bool is_intact = false;  ///< they hold what was written to them
  std::string problem;     ///< the call that failed and its errno; empty otherwise
};

/// One buffer of a DMA-BUF heap, from allocation to release.
struct HeapTrial {
  bool is_present = false;        ///< the heap's device exists
  std::uint64_t bytes = 0;        ///< allocated
  bool is_zeroed = false;         ///< as mapped first
  bool is_shared = false;         ///< what one mapping wrote, between sync start and end, the other one reads
  std::string wrong_flags_error;  ///< name of the errno that wrong sync flags gave: "EINVAL"; "none" when accepted
  std::string problem;            ///< the call that failed and its errno; empty otherwise
};

/// One buffer made of a file's pages by /dev/udmabuf.
struct FileBufferTrial {
  bool is_present = false;     ///< the device exists
  std::uint64_t bytes = 0;     ///< of the buffer
  bool is_shared = false;      ///< what is written to file or buffer is read from the other one
  std::string unsealed_error;  ///< errno's name for a file that may still shrink: "EINVAL"; "none" when accepted
  std::string problem;         ///< the call that failed and its errno; empty otherwise
};

/// What a device reached through VFIO: a device that copies between memory and a buffer of its own.
struct DeviceDma {
  std::uint64_t bytes = 0;               ///< of each copy
  bool is_copied = false;                ///< memory → device → memory gave the same bytes
  bool is_read_only_kept = false;        ///< memory mapped for reading alone stayed as it was
  bool is_unmapped_kept = false;         ///< memory no longer mapped stayed as it was
  std::string unmapped_address;          ///< the IOVA of that last write: "0x9000000"
  std::vector<std::string> kernel_says;  ///< lines of the kernel's log that came meanwhile
  std::string problem;                   ///< what failed and its errno; empty otherwise
};

/// Between a disk and the memory that another device has for its peers.
struct PeerTransfer {
  std::uint64_t bytes = 0;         ///< of each transfer
  bool is_read = false;            ///< the peer's memory then held what the disk holds
  bool is_without_path = false;    ///< the kernel refuses: the two are not behind one switch, or not on its list
  std::optional<bool> is_written;  ///< the disk then held what the peer's memory held; nothing: it was not written
  std::string problem;             ///< the call that failed and its errno; empty otherwise
};

enum class MemoryTest {
  triad,  ///< STREAM's a = b + q·c by all processors at once: bandwidth
  chase,  ///< loads of which each needs the one before, by one processor: latency
};

/// How fast the processors of one NUMA node reach the memory of a node.
struct MemorySpeed {
  std::uint64_t bytes = 0;        ///< of each array
  std::uint64_t cache_bytes = 0;  ///< of the processors' last caches; 0 where nobody says
  std::vector<double> samples;    ///< each repetition but the first: MB/s of the triad, ns a load of the chase
  std::string problem;            ///< the call that failed and its errno; empty otherwise
};

/// How late a thread of a real-time policy wakes up, of all processors that were asked for together.
struct WakeupLatency {
  std::uint64_t wakeups = 0;
  double median_us = 0, p9999_us = 0, max_us = 0;
  std::map<int, int> histogram;  ///< n → wake-ups that were late by less than 2ⁿ µs, and not by less than half of it
  std::string problem;           ///< the call that failed and its errno; empty otherwise
};

/// A device that mirrors a process's memory and takes pages into its own: the kernel's test module for HMM.
struct MirrorTrial {
  bool is_present = false;       ///< the device exists
  std::uint64_t bytes = 0;       ///< mirrored
  bool is_read = false;          ///< the device read what the process wrote
  bool is_written = false;       ///< the process then read what the device wrote
  std::uint64_t moved = 0;       ///< bytes that went into the device's own memory
  bool is_brought_back = false;  ///< the process's next look at them brought them back, whole
  std::string problem;           ///< the call that failed and its errno; empty otherwise
};

struct CommandOutcome {
  int status = -1;      ///< 128+signal when killed by one
  std::string output;   ///< stdout
  std::string problem;  ///< why it did not run or not end; empty otherwise
};

/// Paths are absolute, of the node. Methods never throw for what is missing: absence is an answer. One thread.
class Node {
 public:
  virtual ~Node() = default;
  virtual std::optional<std::string> read_file(const std::string& path) const = 0;
  virtual std::vector<DirectoryEntry> list(const std::string& path) const = 0;  ///< sorted by name; empty when missing
  virtual std::optional<std::string> read_link(const std::string& path) const = 0;
  virtual bool exists(const std::string& path) const = 0;
  virtual std::optional<FileStatus> status(const std::string& path) const = 0;  ///< of a link itself
  /// Regular files below /usr and /etc that are setuid or setgid or have capabilities; sorted. Nothing where a
  /// directory there is closed to who asks.
  virtual std::optional<std::vector<std::string>> privileged_files() const = 0;
  /// The version magic of a kernel module's file, "none" where it has none; nothing where it cannot be read.
  virtual std::optional<std::string> module_version(const std::string& path) const;

  virtual std::string kernel_release() const = 0;
  /// Lines as syslog(2) gives them: "<4>[    1.234567] text".
  virtual std::optional<std::string> kernel_log() const = 0;
  /// The smallest step that CLOCK_MONOTONIC_COARSE is seen to make: the kernel moves it once a tick, by the ticks
  /// since.
  virtual std::optional<std::int64_t> coarse_clock_nanoseconds() const = 0;
  virtual PagePlacement place_pages(int numa_node, int pages) const = 0;
  virtual PageMove move_pages(int from, int to, int pages, Migration way) const = 0;
  virtual PageSpread spread_pages(const std::vector<int>& numa_nodes, int pages, Spread policy) const = 0;
  /// The pool is as large afterwards as it was.
  virtual HugePages place_huge_pages(int numa_node, int pages) const = 0;
  virtual HeapTrial try_heap(const std::string& device) const = 0;
  virtual FileBufferTrial try_file_buffer(const std::string& device) const = 0;
  /// Of a device without a driver, which it is again afterwards. Only QEMU's `edu` (1234:11e8) is known.
  virtual DeviceDma try_device_dma(const std::string& pci_address) const = 0;
  /// `disk` is a block device, whose first bytes are overwritten where `may_write`.
  virtual PeerTransfer transfer_to_peer(const std::string& pci_address, const std::string& disk,
                                        bool may_write) const = 0;
  /// Whether the kernel audits; nothing where it does not say, or not to who asks.
  virtual std::optional<bool> is_auditing() const = 0;
  virtual MemorySpeed measure_memory(int cpu_node, int memory_node, MemoryTest test) const = 0;
  /// Each processor at once: a SCHED_FIFO thread that sleeps half a millisecond again and again.
  virtual WakeupLatency measure_wakeups(const std::vector<int>& cpus, int seconds) const = 0;
  virtual MirrorTrial try_mirror(const std::string& device) const = 0;
  virtual std::optional<bool> is_read_only(const std::string& path) const = 0;  ///< the mount that holds it
  /// One device and inode, as of a bind mount and what it shows.
  virtual std::optional<bool> is_same_directory(const std::string& one, const std::string& other) const = 0;
  virtual CommandOutcome run(const std::vector<std::string>& argv) const = 0;  ///< ended after 180 s
  /// One of the harness's own programs, which lies beside this one: argv[0] is its name. Ended after ten minutes.
  /// `problem` is also what it says of its failure.
  virtual CommandOutcome run_companion(const std::vector<std::string>& argv) const = 0;
};

}  // namespace ainode::checks
