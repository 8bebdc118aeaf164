// SPDX-License-Identifier: Apache-2.0
// QMP, as much as a watcher needs: say hello, hear why the machine stopped, press buttons.
#pragma once

#include <string>
#include <string_view>

namespace ainode {

/// Reads what QEMU's monitor says (docs/interop/qmp-spec). What it cannot read it ignores: exit statuses and consoles
/// tell the same story less exactly.
class MachineMonitor {
 public:
  /// What must be written to the monitor before it says anything of events.
  static std::string greeting() { return "{\"execute\":\"qmp_capabilities\"}\n"; }
  static std::string quit() { return "{\"execute\":\"quit\"}\n"; }

  void read(std::string_view bytes);
  /// SHUTDOWN's reason: guest-shutdown, guest-reset, guest-panic, host-signal…; empty before that.
  const std::string& shutdown_reason() const { return shutdown_reason_; }
  /// Why QEMU stopped the machine when it could not write a disk; empty while it could.
  const std::string& disk_error() const { return disk_error_; }

 private:
  void read_line(std::string_view line);
  std::string line_, shutdown_reason_, disk_error_;
};

}  // namespace ainode
