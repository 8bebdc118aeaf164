// SPDX-License-Identifier: Apache-2.0
// A QEMU process: its channels as socket pairs, its processor time, and the promise that it never outlives us.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "validators/machines/fair_time.h"

namespace ainode {

/// The channels are inherited descriptors, so nothing on disk names them and nothing can be left behind.
/// Threading: one thread, which must live as long as the process does (the kernel kills QEMU when it ends).
class GuestProcess {
 public:
  /// Starts `command` (whose first word is looked up in PATH) with three channels appended as QEMU's arguments:
  /// console = first serial port, agent = the virtio-serial port `ainode.agent`, monitor = QMP.
  /// Throws tool_missing, file_failed.
  explicit GuestProcess(std::vector<std::string> command);
  GuestProcess(const GuestProcess&) = delete;
  GuestProcess& operator=(const GuestProcess&) = delete;
  ~GuestProcess();  ///< kills the whole process group and reaps

  const Descriptor& console() const { return console_; }
  const Descriptor& agent() const { return agent_; }
  const Descriptor& monitor() const { return monitor_; }
  const Descriptor& errors() const { return errors_; }  ///< stdout and stderr
  const std::vector<std::string>& command() const { return command_; }
  pid_t pid() const { return pid_; }

  /// The wait status once it ended; nothing while it runs.
  std::optional<int> poll_exit();
  void kill();

 private:
  std::vector<std::string> command_;
  Descriptor console_, agent_, monitor_, errors_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// The command as bash reads it, on one line: words of anything but letters, digits and _@%+=:,./- are quoted.
std::string quoted(const std::vector<std::string>& command);

/// How a wait status reads: "was killed by signal 9 (Killed)", "ended with exit status 1".
std::string describe_exit(int wait_status);

/// What a guest had of its host: fair time (see there) and processor time.
class GuestClock {
 public:
  using Duration = FairTime::Duration;
  explicit GuestClock(pid_t pid);
  void tick();  ///< call in every round, before what the round brought is looked at
  Duration fair() const { return time_.fair(); }
  Duration wall() const { return time_.wall(); }
  double cpu_seconds() const { return cpu_seconds_; }  ///< used by QEMU, all threads

 private:
  pid_t pid_;
  std::chrono::steady_clock::time_point last_;
  FairTime time_;
  double cpu_seconds_ = 0;
};

/// Runs `command` on this terminal, in the foreground, until it ends; the terminal's settings are restored. Returns its
/// exit status, 128+signal when killed by one. Throws interrupted after killing it when a signal asks us to end.
int run_on_terminal(const std::vector<std::string>& command);

}  // namespace ainode
