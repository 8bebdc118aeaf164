// SPDX-License-Identifier: Apache-2.0
// An image that is booted once and kept: commands and checks run in it one after another, as often as one likes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"
#include "base/report.h"

namespace ainode {

struct SessionOptions {
  std::filesystem::path image;               ///< what `build --out` wrote
  std::string topology;                      ///< a name or the path of a YAML file; empty: the default machine
  std::optional<std::uint64_t> memory;       ///< bytes, dealt evenly to the topology's nodes; nothing: the topology's
  std::optional<int> cpus;                   ///< dealt evenly to its nodes with processors; nothing: the topology's
  std::string qemu = "qemu-system-x86_64";   ///< or a stand-in, for tests
  std::filesystem::path evidence;            ///< where console and agent logs are kept; default: IMAGE/evidence
  std::vector<std::string> extra_arguments;  ///< appended to the kernel command line
  std::chrono::seconds wall_deadline{900};   ///< of the boot, and of each validate(); as ValidateOptions counts it
  std::chrono::seconds silence{240};         ///< no byte on any channel for this long, while booting or asked: hung
  std::chrono::seconds cpu_deadline{1800};   ///< of QEMU's processor time, for the boot and for each request
  EventSink* events = nullptr;               ///< told of each boot and each check; from the session's own thread
};

struct CommandResult {
  int exit_code = 0;       ///< 128+signal when killed by one; 127 when it could not be started
  std::string out, err;    ///< bytes as the command wrote them, kOutputLimit in all
  bool timed_out = false;  ///< and its process group was killed
  bool truncated = false;  ///< it wrote more than is kept here
};

/// What validate() asks, as ValidateOptions means it.
struct SessionChecks {
  std::vector<std::string> profiles;  ///< empty: the manifest's
  std::string level;                  ///< empty: standard
  std::vector<std::string> checks;    ///< ids; not empty: these alone, whatever profile and level
};

/// A guest, QEMU and the thread that owns both. May be used from any thread, one call at a time. Every call throws
/// `interrupted` within a second once an interrupt arrived (base/steps.h).
///
/// A guest that hangs, panics, resets or switches itself off, a QEMU that dies, and an interrupt while a call waits end
/// the session: that call throws what happened (guest_hung, guest_silent, guest_panicked, guest_rebooted,
/// guest_ended_early, result_malformed, qemu_died, machine_refused, disk_full, deadline_passed, interrupted), and so
/// does each later one. Nothing is deemed silent while nobody asks it anything.
class GuestSession {
 public:
  static constexpr std::size_t kOutputLimit = std::size_t{16} << 20;  ///< bytes kept of one command's output
  static constexpr std::size_t kInputLimit = std::size_t{16} << 20;   ///< bytes of one command's standard input
  using TakeOutput = std::function<void(std::string_view stream, std::string_view piece)>;

  /// Starts QEMU; the image stays as it is. Throws what validate_image throws for usage and for a machine that this
  /// host cannot give, and usage_error where memory or processors cannot be dealt evenly.
  explicit GuestSession(SessionOptions options);
  GuestSession(const GuestSession&) = delete;
  GuestSession& operator=(const GuestSession&) = delete;
  ~GuestSession();  ///< close()

  /// Until the agent spoke: very early, so the system may still be starting (`systemctl is-system-running --wait`).
  /// Each call below waits so itself, for as long as wall_deadline. A guest without a word by then is guest_silent.
  void wait_ready(std::chrono::seconds timeout);

  /// Runs a program as root, argv[0] looked up where a system keeps its programs, `input` as its standard input (an
  /// emulated guest takes in some 200 KB a second). When `timeout` is over in the guest, its process group is killed.
  /// Throws usage_error for an empty argv, a NUL in it, and for more than a request or kInputLimit takes.
  CommandResult run(const std::vector<std::string>& argv, std::chrono::seconds timeout, const std::string& input = "");
  /// The same, but output goes to `take` as it comes, without a limit; from the session's own thread.
  CommandResult run(const std::vector<std::string>& argv, std::chrono::seconds timeout, const std::string& input,
                    const TakeOutput& take);

  /// The report that validate_image gives, of the guest as it is now: a guest that fails meanwhile is the report's
  /// failure, and the session's end. Throws target_unknown for profiles, levels and checks that there are not.
  Report validate(const SessionChecks& checks);

  /// Kills QEMU and joins the thread; what the guest wrote is lost. May be called again; other calls then throw
  /// usage_error.
  void close();

 private:
  class Owner;
  Owner& owner();
  std::unique_ptr<Owner> owner_;
};

}  // namespace ainode
