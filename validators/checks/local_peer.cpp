// SPDX-License-Identifier: Apache-2.0
// Transfers between a disk and the memory of another device, without a copy in the host's.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "validators/checks/local_node.h"
#include "validators/checks/probe_memory.h"

namespace ainode::checks {

namespace {

constexpr std::size_t kBytes = std::size_t{64} << 10;

bool read_all(int disk, const Mapping& into) {
  return pread(disk, into.bytes(), into.size(), 0) == static_cast<ssize_t>(into.size());
}

bool write_all(int disk, const Mapping& from) {
  return pwrite(disk, from.bytes(), from.size(), 0) == static_cast<ssize_t>(from.size());
}

Mapping host_memory() {
  return {kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1};
}

/// Errors by which Linux says that there is no way between the two, but through the host's memory.
void refuse(PeerTransfer& transfer, const char* call) {
  transfer.is_without_path = errno == EREMOTEIO || errno == EINVAL;
  transfer.problem = failure_of(call);
}

/// The disk takes what the peer's memory holds, and gives it back to the host's.
void write_from_peer(int disk, const Mapping& peer, PeerTransfer& transfer) {
  const Mapping back = host_memory();
  // Nothing of it may be there already; fresh memory is zero.
  if (!write_all(disk, back)) {
    transfer.problem = failure_of("clearing the disk");
    return;
  }
  write_pattern(peer.bytes(), kBytes);
  if (!write_all(disk, peer)) {
    refuse(transfer, "writing from the peer's memory");
  } else if (!read_all(disk, back)) {
    transfer.problem = failure_of("reading into the host's memory");
  } else {
    transfer.is_written = has_pattern(back.bytes(), kBytes);
  }
}

/// What the disk holds reaches the peer's memory as it reaches the host's.
void read_into_peer(int disk, const Mapping& peer, PeerTransfer& transfer) {
  const Mapping held = host_memory();
  if (!read_all(disk, held)) {
    transfer.problem = failure_of("reading into the host's memory");
    return;
  }
  // Nothing of it may be there already.
  for (std::size_t i = 0; i < kBytes; ++i) peer.bytes()[i] = static_cast<char>(~held.bytes()[i]);
  if (!read_all(disk, peer)) {
    refuse(transfer, "reading into the peer's memory");
  } else {
    transfer.is_read = std::memcmp(peer.bytes(), held.bytes(), kBytes) == 0;
  }
}

}  // namespace

PeerTransfer LocalNode::transfer_to_peer(const std::string& pci_address, const std::string& disk,
                                         bool may_write) const {
  PeerTransfer transfer;
  const std::string allocate = "/sys/bus/pci/devices/" + pci_address + "/p2pmem/allocate";
  const OpenFile memory(open(allocate.c_str(), O_RDWR | O_CLOEXEC));
  if (memory.get() < 0) {
    transfer.problem = failure_of(allocate.c_str());
    return transfer;
  }
  const OpenFile file(open(disk.c_str(), (may_write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC));
  if (file.get() < 0) {
    transfer.problem = failure_of(disk.c_str());
    return transfer;
  }
  const Mapping peer(kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get());
  if (!peer.is_there()) {
    transfer.problem = failure_of("mmap of the peer's memory");
    return transfer;
  }
  transfer.bytes = kBytes;
  if (may_write) write_from_peer(file.get(), peer, transfer);
  if (transfer.problem.empty()) read_into_peer(file.get(), peer, transfer);
  return transfer;
}

}  // namespace ainode::checks
