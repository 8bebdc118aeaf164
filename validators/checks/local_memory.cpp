// SPDX-License-Identifier: Apache-2.0
// The probes that touch memory: pages bound to a NUMA node, and a buffer of a DMA-BUF heap.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/mempolicy.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "validators/checks/local_node.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

constexpr std::size_t kHeapBytes = std::size_t{1} << 20;
constexpr std::uint64_t kWrongSyncFlags = 0xff;
constexpr int kNodeLimit = 1024;
constexpr int kWeightedInterleave = 6;  // MPOL_WEIGHTED_INTERLEAVE since Linux 6.9

std::string failure_of(const char* call) {
  return fmt::format("{}: {}", call, std::strerror(errno));
}

class Mapping {
 public:
  Mapping(std::size_t size, int protection, int flags, int fd)
      : size_(size), start_(mmap(nullptr, size, protection, flags, fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (is_there()) munmap(start_, size_);
  }
  bool is_there() const { return start_ != MAP_FAILED; }
  std::size_t size() const { return size_; }
  char* bytes() const { return static_cast<char*>(start_); }

 private:
  std::size_t size_;
  void* start_;
};

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A set of nodes as the system calls take it.
class NodeMask {
 public:
  explicit NodeMask(const std::vector<int>& nodes) : words_(kNodeLimit / kBits + 1) {
    for (const int node : nodes)
      words_[static_cast<std::size_t>(node) / kBits] |= 1UL << (static_cast<std::size_t>(node) % kBits);
  }
  const unsigned long* words() const { return words_.data(); }

 private:
  static constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> words_;
};

bool is_node(int numa_node) {
  return numa_node >= 0 && numa_node < kNodeLimit;
}

bool set_policy(const Mapping& area, int policy, const std::vector<int>& nodes) {
  if (!std::all_of(nodes.begin(), nodes.end(), is_node)) {
    errno = EINVAL;
    return false;
  }
  return syscall(SYS_mbind, area.bytes(), area.size(), policy, NodeMask(nodes).words(), kNodeLimit, 0U) == 0;
}

std::vector<void*> addresses_of(const Mapping& area, long page_size) {
  std::vector<void*> addresses;
  for (std::size_t at = 0; at < area.size(); at += static_cast<std::size_t>(page_size))
    addresses.push_back(area.bytes() + at);
  return addresses;
}

/// Pages by the node they lie on, a negative errno for those that lie nowhere; empty when the kernel does not say.
std::map<int, int> count_by_node(const Mapping& area, long page_size) {
  const std::vector<void*> addresses = addresses_of(area, page_size);
  std::vector<int> nodes(addresses.size(), -1);
  std::map<int, int> counts;
  if (syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, nodes.data(), 0) != 0) return counts;
  for (const int node : nodes) ++counts[node];
  return counts;
}

/// Pages one by one: a huge one would make a single entry of what shall be many.
class SmallPages : public Mapping {
 public:
  SmallPages(int pages, long page_size)
      : Mapping(static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1) {
    if (is_there()) madvise(bytes(), size(), MADV_NOHUGEPAGE);
  }
};

/// Why not every page was moved; empty when all were.
std::string move_each(const Mapping& area, int to, long page_size) {
  const std::vector<void*> addresses = addresses_of(area, page_size);
  const std::vector<int> targets(addresses.size(), to);
  std::vector<int> reached(addresses.size(), -1);
  const long left =
      syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), targets.data(), reached.data(), MPOL_MF_MOVE);
  return left < 0 ? failure_of("move_pages") : "";
}

std::string migrate_process(int from, int to) {
  const long left = syscall(SYS_migrate_pages, 0, kNodeLimit, NodeMask({from}).words(), NodeMask({to}).words());
  return left < 0 ? failure_of("migrate_pages") : "";
}

std::string numa_maps_line(const LocalNode& node, const char* start) {
  const std::string address = fmt::format("{:x} ", reinterpret_cast<std::uintptr_t>(start));
  const std::string maps = node.read_file("/proc/self/numa_maps").value_or("");
  for (const std::string& line : split_lines(maps)) {
    const std::size_t digits = line.find_first_not_of('0');
    if (digits != std::string::npos && line.compare(digits, address.size(), address) == 0) {
      return line.substr(digits + address.size());
    }
  }
  return "";
}

bool sync(int buffer, std::uint64_t flags) {
  dma_buf_sync request{};
  request.flags = flags;
  return ioctl(buffer, DMA_BUF_IOCTL_SYNC, &request) == 0;
}

bool is_all_zero(const char* bytes, std::size_t size) {
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0;
}

std::uint32_t pattern(std::size_t index) {
  return static_cast<std::uint32_t>(index) * 2654435761U + 1;
}

void write_pattern(char* bytes, std::size_t size) {
  auto* words = reinterpret_cast<std::uint32_t*>(bytes);
  for (std::size_t i = 0; i < size / sizeof *words; ++i) words[i] = pattern(i);
}

bool has_pattern(const char* bytes, std::size_t size) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(bytes);
  for (std::size_t i = 0; i < size / sizeof *words; ++i) {
    if (words[i] != pattern(i)) return false;
  }
  return true;
}

std::string error_name(int number) {
  return number == EINVAL ? "EINVAL" : std::strerror(number);
}

/// Writes through one mapping and reads through the other, each between its sync calls.
void share(int buffer, const Mapping& writer, const Mapping& reader, HeapTrial& trial) {
  if (!sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE)) {
    trial.problem = failure_of("DMA_BUF_IOCTL_SYNC start write");
    return;
  }
  write_pattern(writer.bytes(), kHeapBytes);
  if (!sync(buffer, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE)) trial.problem = failure_of("DMA_BUF_IOCTL_SYNC end write");
  if (!sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ))
    trial.problem = failure_of("DMA_BUF_IOCTL_SYNC start read");
  trial.is_shared = has_pattern(reader.bytes(), kHeapBytes);
  if (!sync(buffer, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ)) trial.problem = failure_of("DMA_BUF_IOCTL_SYNC end read");
}

void try_buffer(int buffer, HeapTrial& trial) {
  const Mapping writer(kHeapBytes, PROT_READ | PROT_WRITE, MAP_SHARED, buffer);
  const Mapping reader(kHeapBytes, PROT_READ, MAP_SHARED, buffer);
  if (!writer.is_there() || !reader.is_there()) {
    trial.problem = failure_of("mmap of the buffer");
    return;
  }
  trial.is_zeroed = is_all_zero(writer.bytes(), kHeapBytes);
  share(buffer, writer, reader, trial);
  trial.wrong_flags_error = sync(buffer, kWrongSyncFlags) ? "none" : error_name(errno);
}

}  // namespace

PagePlacement LocalNode::place_pages(int numa_node, int pages) const {
  PagePlacement placement;
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) {
    placement.problem = failure_of("mmap");
  } else if (!set_policy(area, MPOL_BIND, {numa_node})) {
    placement.problem = failure_of("mbind");
  } else {
    std::memset(area.bytes(), 1, area.size());
    placement.pages = pages;
    std::map<int, int> counts = count_by_node(area, page_size);
    if (counts.empty()) placement.problem = failure_of("move_pages");
    placement.on_node = counts[numa_node];
    placement.numa_maps = numa_maps_line(*this, area.bytes());
  }
  return placement;
}

PageMove LocalNode::move_pages(int from, int to, int pages, Migration way) const {
  PageMove move;
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) return {0, false, failure_of("mmap")};
  if (!is_node(to)) errno = EINVAL;
  if (!is_node(to) || !set_policy(area, MPOL_BIND, {from})) return {0, false, failure_of("mbind")};
  write_pattern(area.bytes(), area.size());
  // The pages must be free to go: bound to their node, a fault would bring them back.
  if (!set_policy(area, MPOL_DEFAULT, {})) return {0, false, failure_of("mbind")};
  move.problem = way == Migration::by_page ? move_each(area, to, page_size) : migrate_process(from, to);
  move.arrived = count_by_node(area, page_size)[to];
  move.is_intact = has_pattern(area.bytes(), area.size());
  return move;
}

PageSpread LocalNode::spread_pages(const std::vector<int>& numa_nodes, int pages, Spread policy) const {
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) return {{}, failure_of("mmap")};
  const bool is_weighted = policy == Spread::weighted_interleave;
  if (!set_policy(area, is_weighted ? kWeightedInterleave : MPOL_INTERLEAVE, numa_nodes))
    return {{}, failure_of("mbind")};
  std::memset(area.bytes(), 1, area.size());
  PageSpread spread = {count_by_node(area, page_size), ""};
  if (spread.on_node.empty()) spread.problem = failure_of("move_pages");
  return spread;
}

HeapTrial LocalNode::try_heap(const std::string& device) const {
  HeapTrial trial;
  trial.is_present = exists(device);
  if (!trial.is_present) return trial;
  const OpenFile heap(open(device.c_str(), O_RDONLY | O_CLOEXEC));
  dma_heap_allocation_data allocation{};
  allocation.len = kHeapBytes;
  allocation.fd_flags = O_RDWR | O_CLOEXEC;
  if (heap.get() < 0) {
    trial.problem = failure_of("open");
  } else if (ioctl(heap.get(), DMA_HEAP_IOCTL_ALLOC, &allocation) != 0) {
    trial.problem = failure_of("DMA_HEAP_IOCTL_ALLOC");
  } else {
    const OpenFile buffer(static_cast<int>(allocation.fd));
    trial.bytes = kHeapBytes;
    try_buffer(buffer.get(), trial);
  }
  return trial;
}

}  // namespace ainode::checks
