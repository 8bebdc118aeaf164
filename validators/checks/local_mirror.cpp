// SPDX-License-Identifier: Apache-2.0
// HMM through the kernel's own test module: a device that mirrors this process's memory, and takes pages into memory of
// its own. The ABI is that of Linux's lib/test_hmm_uapi.h; the module is lib/test_hmm.c.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "validators/checks/local_node.h"
#include "validators/checks/probe_memory.h"

namespace ainode::checks {

namespace {

/// struct hmm_dmirror_cmd.
struct MirrorCommand {
  std::uint64_t address;  ///< of the process
  std::uint64_t buffer;   ///< where the device's side is copied to or from
  std::uint64_t pages;
  std::uint64_t done;    ///< out: pages copied or moved
  std::uint64_t faults;  ///< out
};

constexpr unsigned long kRead = _IOWR('H', 0x00, MirrorCommand), kWrite = _IOWR('H', 0x01, MirrorCommand),
                        kMigrateToDevice = _IOWR('H', 0x02, MirrorCommand), kSnapshot = _IOWR('H', 0x04, MirrorCommand);
constexpr unsigned char kOnDevice = 0x20;  // HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL, beside the bits of access
constexpr std::size_t kPages = 16;

class Mirror {
 public:
  Mirror(int device, const Mapping& memory, MirrorTrial& trial) : device_(device), memory_(memory), trial_(trial) {}

  bool ask(unsigned long request, const char* name, char* buffer) {
    MirrorCommand command = {reinterpret_cast<std::uintptr_t>(memory_.bytes()),
                             reinterpret_cast<std::uintptr_t>(buffer), kPages, 0, 0};
    if (ioctl(device_, request, &command) == 0) return true;
    trial_.problem = failure_of(name);
    return false;
  }

 private:
  int device_;
  const Mapping& memory_;
  MirrorTrial& trial_;
};

/// Each step needs the one before.
void try_mirroring(int device, MirrorTrial& trial) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), size = kPages * page;
  const Mapping memory(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  const Mapping seen(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!memory.is_there() || !seen.is_there()) {
    trial.problem = failure_of("mmap");
    return;
  }
  // Pages one by one: a huge one would be moved whole or not at all.
  madvise(memory.bytes(), size, MADV_NOHUGEPAGE);
  Mirror mirror(device, memory, trial);
  trial.bytes = size;
  write_pattern(memory.bytes(), size);
  if (!mirror.ask(kRead, "HMM_DMIRROR_READ", seen.bytes())) return;
  trial.is_read = has_pattern(seen.bytes(), size);

  std::memset(memory.bytes(), 0, size);
  if (!mirror.ask(kWrite, "HMM_DMIRROR_WRITE", seen.bytes())) return;
  trial.is_written = has_pattern(memory.bytes(), size);

  char places[kPages] = {};
  if (!mirror.ask(kMigrateToDevice, "HMM_DMIRROR_MIGRATE_TO_DEV", seen.bytes())) return;
  if (!mirror.ask(kSnapshot, "HMM_DMIRROR_SNAPSHOT", places)) return;
  const auto is_on_device = [](char place) { return (static_cast<unsigned char>(place) & 0x30) == kOnDevice; };
  trial.moved = page * static_cast<std::size_t>(std::count_if(std::begin(places), std::end(places), is_on_device));

  // Read by this process, pages of the device fault and come back.
  trial.is_brought_back = has_pattern(memory.bytes(), size);
  if (!mirror.ask(kSnapshot, "HMM_DMIRROR_SNAPSHOT", places)) return;
  if (std::any_of(std::begin(places), std::end(places), is_on_device)) trial.is_brought_back = false;
}

}  // namespace

MirrorTrial LocalNode::try_mirror(const std::string& device) const {
  MirrorTrial trial;
  trial.is_present = exists(device);
  if (!trial.is_present) return trial;
  const OpenFile file(open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0)
    trial.problem = failure_of("open");
  else
    try_mirroring(file.get(), trial);
  return trial;
}

}  // namespace ainode::checks
