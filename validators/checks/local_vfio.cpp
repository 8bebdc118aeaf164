// SPDX-License-Identifier: Apache-2.0
// A device's DMA, driven from here through VFIO: what an IOMMU lets it reach, and what it keeps it from.
// Interfaces: Documentation/driver-api/vfio.rst of Linux; docs/specs/edu.rst of QEMU.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "validators/checks/local_node.h"
#include "validators/checks/probe_memory.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

constexpr std::string_view kDriver = "vfio-pci";
constexpr std::size_t kPage = 4096;
constexpr std::size_t kCopied = 2048;  // QEMU 7.2 aborts when edu copies its whole buffer
// Below 2^28, which is as far as edu reaches.
constexpr std::uint64_t kSource = 0x8000000, kTarget = 0x9000000;

/// What ends the probe; try_device_dma makes it the answer's problem.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void need(bool is_done, const char* call) {
  if (!is_done) throw Failure(failure_of(call));
}

void write_text(const std::string& path, std::string_view text) {
  const OpenFile file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  need(file.get() >= 0 && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
       path.c_str());
}

/// A device without a driver is vfio-pci's as long as this lives.
class Borrowed {
 public:
  Borrowed(const Node& node, const std::string& address)
      : device_("/sys/bus/pci/devices/" + address), address_(address) {
    if (!node.exists(device_)) throw Failure("there is no device " + address);
    if (node.read_link(device_ + "/driver")) throw Failure(address + " has a driver already");
    if (geteuid() != 0) throw Failure(fmt::format("{}give {} to {}", kOnlyRoot, address, kDriver));
    const CommandOutcome loaded = node.run({"modprobe", std::string(kDriver)});
    if (loaded.status != 0) throw Failure(fmt::format("modprobe {} failed with status {}", kDriver, loaded.status));
    write_text(device_ + "/driver_override", kDriver);
    try {
      write_text("/sys/bus/pci/drivers_probe", address_);
    } catch (...) {
      give_back();
      throw;
    }
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { give_back(); }

 private:
  void give_back() const noexcept {
    for (const auto& [file, text] : {std::pair(device_ + "/driver_override", std::string("\n")),
                                     std::pair(device_ + "/driver/unbind", address_)}) {
      try {
        write_text(file, text);
      } catch (const Failure&) {
        // It was not bound: nothing to undo. driver.bound says so otherwise.
      }
    }
  }

  std::string device_, address_;
};

/// The node below /dev/vfio of the device's group.
std::string group_of(const Node& node, const std::string& address) {
  const auto link = node.read_link("/sys/bus/pci/devices/" + address + "/iommu_group");
  if (!link) throw Failure(address + " is in no IOMMU group");
  return "/dev/vfio/" + link->substr(link->rfind('/') + 1);
}

/// The addresses that the device can use, and the memory behind them.
class Container {
 public:
  Container() : file_(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)) { need(file_.get() >= 0, "/dev/vfio/vfio"); }

  void take(int group) const {
    vfio_group_status status{};
    status.argsz = sizeof status;
    need(ioctl(group, VFIO_GROUP_GET_STATUS, &status) == 0, "VFIO_GROUP_GET_STATUS");
    if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) throw Failure("another device of the group has a driver");
    const int file = file_.get();
    need(ioctl(group, VFIO_GROUP_SET_CONTAINER, &file) == 0, "VFIO_GROUP_SET_CONTAINER");
    need(ioctl(file, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0, "VFIO_SET_IOMMU");
  }
  void map(std::uint64_t iova, const Mapping& memory, std::uint32_t rights) const {
    vfio_iommu_type1_dma_map request{};
    request.argsz = sizeof request;
    request.flags = rights;
    request.vaddr = reinterpret_cast<std::uintptr_t>(memory.bytes());
    request.iova = iova;
    request.size = memory.size();
    need(ioctl(file_.get(), VFIO_IOMMU_MAP_DMA, &request) == 0, "VFIO_IOMMU_MAP_DMA");
  }
  void unmap(std::uint64_t iova) const {
    vfio_iommu_type1_dma_unmap request{};
    request.argsz = sizeof request;
    request.iova = iova;
    request.size = kPage;
    need(ioctl(file_.get(), VFIO_IOMMU_UNMAP_DMA, &request) == 0, "VFIO_IOMMU_UNMAP_DMA");
  }

 private:
  OpenFile file_;
};

/// QEMU's device for teaching, whose DMA engine copies between memory and a buffer of 4 KiB.
class Edu {
 public:
  Edu(int group, const std::string& address)
      : file_(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address.c_str())),
        registers_(start_of(VFIO_PCI_BAR0_REGION_INDEX)) {
    const std::uint64_t command_register = start_of(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND;
    std::uint16_t command = 0;
    need(pread(file_.get(), &command, sizeof command, static_cast<off_t>(command_register)) == sizeof command,
         "reading PCI_COMMAND");
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    need(pwrite(file_.get(), &command, sizeof command, static_cast<off_t>(command_register)) == sizeof command,
         "writing PCI_COMMAND");
  }

  void fetch(std::uint64_t iova) const { copy(iova, kBuffer, kStart); }
  void store(std::uint64_t iova) const { copy(kBuffer, iova, kStart | kToMemory); }

 private:
  static constexpr std::uint32_t kBuffer = 0x40000, kStart = 1, kToMemory = 2;
  enum Register : std::uint64_t { source = 0x80, destination = 0x88, count = 0x90, command = 0x98 };

  std::uint64_t start_of(std::uint32_t region) const {
    need(file_.get() >= 0, "VFIO_GROUP_GET_DEVICE_FD");
    vfio_region_info info{};
    info.argsz = sizeof info;
    info.index = region;
    need(ioctl(file_.get(), VFIO_DEVICE_GET_REGION_INFO, &info) == 0, "VFIO_DEVICE_GET_REGION_INFO");
    return info.offset;
  }
  void set(Register place, std::uint64_t value) const {
    const auto word = static_cast<std::uint32_t>(value);
    need(pwrite(file_.get(), &word, sizeof word, static_cast<off_t>(registers_ + place)) == sizeof word,
         "writing a register");
  }
  bool is_busy() const {
    std::uint32_t word = 0;
    need(pread(file_.get(), &word, sizeof word, static_cast<off_t>(registers_ + command)) == sizeof word,
         "reading a register");
    return (word & kStart) != 0;
  }
  void copy(std::uint64_t from, std::uint64_t to, std::uint32_t what) const {
    set(source, from);
    set(destination, to);
    set(count, kCopied);
    set(command, what);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (is_busy()) {
      if (std::chrono::steady_clock::now() > deadline) throw Failure("the device does not end its copy");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  OpenFile file_;
  std::uint64_t registers_;
};

Mapping page() {
  return {kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1};
}

void drive(const Node& node, const std::string& address, DeviceDma& dma) {
  const OpenFile group(open(group_of(node, address).c_str(), O_RDWR | O_CLOEXEC));
  need(group.get() >= 0, "the group's node below /dev/vfio");
  const Container container;
  container.take(group.get());
  const Edu device(group.get(), address);
  const Mapping from = page(), to = page();
  need(from.is_there() && to.is_there(), "mmap");
  write_pattern(from.bytes(), kCopied);
  container.map(kSource, from, VFIO_DMA_MAP_FLAG_READ);
  container.map(kTarget, to, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
  dma.bytes = kCopied;
  device.fetch(kSource);
  device.store(kTarget);
  dma.is_copied = has_pattern(to.bytes(), kCopied);

  std::memset(from.bytes(), 0, kPage);
  device.store(kSource);
  dma.is_read_only_kept = is_all_zero(from.bytes(), kPage);

  std::memset(to.bytes(), 0, kPage);
  container.unmap(kTarget);
  dma.unmapped_address = fmt::format("{:#x}", kTarget);
  device.store(kTarget);
  dma.is_unmapped_kept = is_all_zero(to.bytes(), kPage);
}

/// Lines that `after` has beyond `before`; all of it where the log has wrapped around meanwhile.
std::vector<std::string> added_lines(const std::string& before, const std::string& after) {
  std::string last = before.substr(0, before.find_last_not_of('\n') + 1);
  last = last.substr(last.rfind('\n') + 1);
  std::vector<std::string> lines = split_lines(after);
  const auto known = std::find(lines.rbegin(), lines.rend(), last);
  lines.erase(lines.begin(), known.base());
  return lines;
}

/// A fault is logged from an interrupt, and so a little later than the device ends its copy.
std::vector<std::string> lines_until_fault(const Node& node, const std::string& before, const std::string& address) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (;;) {
    std::vector<std::string> lines = added_lines(before, node.kernel_log().value_or(""));
    const bool is_told = std::any_of(lines.begin(), lines.end(),
                                     [&](const std::string& line) { return line.find(address) != std::string::npos; });
    if (is_told || address.empty() || std::chrono::steady_clock::now() > deadline) return lines;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

DeviceDma LocalNode::try_device_dma(const std::string& pci_address) const {
  DeviceDma dma;
  const std::string before = kernel_log().value_or("");
  try {
    const Borrowed device(*this, pci_address);
    drive(*this, pci_address, dma);
  } catch (const Failure& failure) {
    dma.problem = failure.what();
  }
  dma.kernel_says = lines_until_fault(*this, before, dma.unmapped_address);
  return dma;
}

}  // namespace ainode::checks
