// SPDX-License-Identifier: Apache-2.0
// Options that hold for every guest stand here once; a topology adds its own.
#include "validators/machines/qemu_command.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/process.h"

namespace ainode {

namespace {

/// A comma ends a value in QEMU's option lists unless it is doubled.
std::string option_value(const fs::path& path) {
  std::string value;
  for (const char byte : path.string()) value += byte == ',' ? std::string(",,") : std::string(1, byte);
  return value;
}

void append(std::vector<std::string>& command, const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
}

}  // namespace

GuestFiles prepare_guest_files(const BootEntry& entry, const fs::path& disk, const fs::path& directory) {
  GuestFiles files = {directory / "kernel", {}, directory / "overlay.qcow2", {}};
  write_file(files.kernel, entry.kernel);
  if (!entry.initrd.empty()) {
    files.initrd = directory / "initrd";
    write_file(files.initrd, entry.initrd);
  }
  Command create;
  create.argv = {"qemu-img",
                 "create",
                 "-q",
                 "-f",
                 "qcow2",
                 "-F",
                 disk.extension() == ".qcow2" ? "qcow2" : "raw",
                 "-b",
                 fs::absolute(disk).string(),
                 files.overlay.string()};
  run_or_throw(create);
  return files;
}

std::vector<std::string> harness_arguments(const Topology& topology, const std::vector<std::string>& extra) {
  // no_timer_check: under emulation the kernel's test of the timer behind an IOMMU fails by chance, and it panics.
  // The timeouts: on a busy host systemd gave up on the console's device after its usual 90 s, which is no fault of the
  // image's.
  std::vector<std::string> arguments = {"console=ttyS0", "no_timer_check", "systemd.show_status=0",
                                        "systemd.default_timeout_start_sec=600",
                                        "systemd.default_device_timeout_sec=600"};
  append(arguments, kernel_arguments(topology));
  append(arguments, extra);
  return arguments;
}

std::vector<std::string> qemu_command(const std::string& qemu, const Topology& topology, const GuestFiles& files,
                                      const std::string& command_line) {
  std::vector<std::string> command = {qemu};
  append(command, machine_arguments(topology));
  append(command, {"-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"});
  append(command, {"-kernel", files.kernel.string(), "-append", command_line});
  if (!files.initrd.empty()) append(command, {"-initrd", files.initrd.string()});
  append(command, {"-drive", fmt::format("if=none,id=system,format=qcow2,file={}", option_value(files.overlay)),
                   "-device", "virtio-blk-pci,disable-legacy=on,drive=system,serial=ainode-system"});
  if (!files.agent_disk.empty()) {
    append(command,
           {"-drive", fmt::format("if=none,id=agent,format=raw,readonly=on,file={}", option_value(files.agent_disk)),
            "-device", "virtio-blk-pci,disable-legacy=on,drive=agent,serial=ainode-agent"});
  }
  append(command, {"-device", "virtio-serial-pci,disable-legacy=on"});
  append(command, device_arguments(topology));  // last, so that what stands above has one address on every machine
  return command;
}

}  // namespace ainode
