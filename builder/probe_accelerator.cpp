// SPDX-License-Identifier: Apache-2.0
// An ordinary firmware start and a boot sector: a broken virtual machine monitor may run a few instructions and hang in
// the firmware, so the guest's answer counts only from behind it.
#include "builder/probe_accelerator.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"

namespace ainode {

namespace {

/// mov al,0x31; mov dx,0xf4; out dx,al; cli; hlt; jmp -3. QEMU's isa-debug-exit then ends with 2·0x31+1.
constexpr std::array<unsigned char, 10> kGuest = {0xb0, 0x31, 0xba, 0xf4, 0x00, 0xee, 0xfa, 0xf4, 0xeb, 0xfd};
constexpr int kGuestAnswered = 2 * 0x31 + 1;

std::string boot_sector() {
  std::string sector(kGuest.begin(), kGuest.end());
  sector.resize(510, '\0');
  return sector + "\x55\xaa";
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return printable(text.substr(text.rfind('\n') + 1));
}

/// What opening the device says, before QEMU is asked; `works` means that it could be opened.
GuestAnswer answer_of_device(const fs::path& device) {
  const Descriptor opened(open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (opened.is_open()) return GuestAnswer::works;
  return errno == EACCES || errno == EPERM ? GuestAnswer::forbidden : GuestAnswer::absent;
}

}  // namespace

std::string_view to_string(GuestAnswer answer) {
  switch (answer) {
    case GuestAnswer::absent:
      return "absent";
    case GuestAnswer::forbidden:
      return "forbidden";
    case GuestAnswer::fails:
      return "fails";
    case GuestAnswer::hangs:
      return "hangs";
    case GuestAnswer::works:
      return "works";
  }
  return "";
}

GuestProbe probe_accelerator(const AcceleratorProbe& probe) {
  if (!probe.device.empty()) {
    const GuestAnswer answer = answer_of_device(probe.device);
    if (answer != GuestAnswer::works) return {answer, ""};
  }
  const TemporaryDirectory directory(fs::temp_directory_path());
  const fs::path image = directory.path() / "guest.img";
  write_file(image, boot_sector());
  Command command;
  command.argv = {probe.qemu,
                  "-machine",
                  "pc",
                  "-accel",
                  probe.accelerator,
                  "-m",
                  "16",
                  "-nodefaults",
                  "-no-user-config",
                  "-no-reboot",
                  "-display",
                  "none",
                  "-device",
                  "isa-debug-exit,iobase=0xf4,iosize=1",
                  "-boot",
                  "a",
                  "-drive",
                  fmt::format("file={},format=raw,if=floppy,readonly=on", image.string())};
  command.deadline = probe.deadline;
  const ProcessResult result = run_process(command);
  if (result.timed_out) return {GuestAnswer::hangs, ""};
  if (result.exit_code == kGuestAnswered) return {GuestAnswer::works, ""};
  const std::string said = last_line(result.errors);
  return {GuestAnswer::fails, said.empty() ? fmt::format("QEMU ended with status {}", result.exit_code) : said};
}

}  // namespace ainode
