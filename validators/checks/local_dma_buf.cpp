// SPDX-License-Identifier: Apache-2.0
// Buffers that devices share: from a DMA-BUF heap, and of a file's own pages.
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "validators/checks/local_node.h"
#include "validators/checks/probe_memory.h"

namespace ainode::checks {

namespace {

constexpr std::size_t kHeapBytes = std::size_t{1} << 20;
constexpr std::size_t kFileBytes = std::size_t{64} << 10;
constexpr std::uint64_t kWrongSyncFlags = 0xff;

bool sync(int buffer, std::uint64_t flags) {
  dma_buf_sync request{};
  request.flags = flags;
  return ioctl(buffer, DMA_BUF_IOCTL_SYNC, &request) == 0;
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

/// A buffer of the file's pages, or -1.
int create_buffer(int device, int file) {
  udmabuf_create request{};
  request.memfd = static_cast<std::uint32_t>(file);
  request.flags = UDMABUF_FLAGS_CLOEXEC;
  request.size = kFileBytes;
  return ioctl(device, UDMABUF_CREATE, &request);
}

/// What one side writes, the other one must read.
void share_pages(int file, int buffer, FileBufferTrial& trial) {
  const Mapping of_file(kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  const Mapping of_buffer(kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, buffer);
  if (!of_file.is_there() || !of_buffer.is_there()) {
    trial.problem = failure_of("mmap of file and buffer");
    return;
  }
  write_pattern(of_file.bytes(), kFileBytes);
  const bool is_seen_in_buffer = has_pattern(of_buffer.bytes(), kFileBytes);
  std::memset(of_buffer.bytes(), 0, kFileBytes);
  trial.is_shared = is_seen_in_buffer && is_all_zero(of_file.bytes(), kFileBytes);
}

}  // namespace

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

FileBufferTrial LocalNode::try_file_buffer(const std::string& device) const {
  FileBufferTrial trial;
  trial.is_present = exists(device);
  if (!trial.is_present) return trial;
  const OpenFile maker(open(device.c_str(), O_RDWR | O_CLOEXEC));
  const OpenFile file(memfd_create("ainode", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  if (maker.get() < 0 || file.get() < 0 || ftruncate(file.get(), kFileBytes) != 0) {
    trial.problem = failure_of("open");
    return trial;
  }
  // A file that may still shrink would leave the buffer without pages.
  const OpenFile unsealed(create_buffer(maker.get(), file.get()));
  trial.unsealed_error = unsealed.get() >= 0 ? "none" : error_name(errno);
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    trial.problem = failure_of("F_ADD_SEALS");
    return trial;
  }
  const OpenFile buffer(create_buffer(maker.get(), file.get()));
  if (buffer.get() < 0) {
    trial.problem = failure_of("UDMABUF_CREATE");
  } else {
    trial.bytes = kFileBytes;
    share_pages(file.get(), buffer.get(), trial);
  }
  return trial;
}

}  // namespace ainode::checks
