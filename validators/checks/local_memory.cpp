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

bool bind_to(void* start, std::size_t size, int numa_node) {
  constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> mask(kNodeLimit / kBits + 1);
  mask[static_cast<std::size_t>(numa_node) / kBits] |= 1UL << (static_cast<std::size_t>(numa_node) % kBits);
  return syscall(SYS_mbind, start, size, MPOL_BIND, mask.data(), kNodeLimit, 0U) == 0;
}

/// How many pages lie on the node; -1 when the kernel does not say.
int count_on(int numa_node, char* start, int pages, long page_size) {
  std::vector<void*> addresses;
  addresses.reserve(static_cast<std::size_t>(pages));
  for (int i = 0; i < pages; ++i) addresses.push_back(start + i * page_size);
  std::vector<int> nodes(addresses.size(), -1);
  if (syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, nodes.data(), 0) != 0) return -1;
  int count = 0;
  for (const int node : nodes) count += node == numa_node ? 1 : 0;
  return count;
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
  const std::size_t size = static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size);
  const Mapping area(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!area.is_there()) {
    placement.problem = failure_of("mmap");
  } else if (numa_node < 0 || numa_node >= kNodeLimit || !bind_to(area.bytes(), size, numa_node)) {
    placement.problem = failure_of("mbind");
  } else {
    // One huge page would make a single entry of what shall be many.
    madvise(area.bytes(), size, MADV_NOHUGEPAGE);
    std::memset(area.bytes(), 1, size);
    placement.pages = pages;
    placement.on_node = count_on(numa_node, area.bytes(), pages, page_size);
    if (placement.on_node < 0) placement.problem = failure_of("move_pages");
    placement.numa_maps = numa_maps_line(*this, area.bytes());
  }
  return placement;
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
