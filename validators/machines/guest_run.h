// SPDX-License-Identifier: Apache-2.0
// One guest from power on to its agent's last word, or to the moment when it is clear that this word will not come.
// A guest that is asked has no last word: it is judged while it boots and while it owes an answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/steps.h"
#include "validators/checks/protocol.h"
#include "validators/checks/requests.h"

namespace ainode {

/// Time for which QEMU waited for a processor of a busy host does not count, except for `host_factor`.
struct GuestDeadlines {
  std::chrono::milliseconds whole{900'000};      ///< of a boot
  std::chrono::milliseconds silence{240'000};    ///< no byte on console or agent's port
  std::chrono::milliseconds answer{30'000};      ///< for the console to answer a key, when no agent ever spoke
  std::chrono::milliseconds last_words{30'000};  ///< from a panic's line to believing it
  double cpu_seconds = 1800;                     ///< of QEMU, all its threads, for a boot
  int host_factor = 4;                           ///< wall time over `whole` from which on the host is to blame
  int boots = 3;  ///< a guest that resets itself before its agent spoke is started again, this often in all
};

struct GuestPlan {
  std::string name;                  ///< how texts call it: the image
  std::vector<std::string> command;  ///< QEMU's, without the channels
  std::string nonce;                 ///< of the agent's protocol
  std::filesystem::path evidence;    ///< an existing directory for console.log, agent.log, qemu.log, kernel.log
  GuestDeadlines deadlines;
  bool records = false;  ///< the agent sends a recording
  bool listens = false;  ///< the agent answers what it is asked
  int wake = -1;         ///< a round is over when this descriptor can be read; negative: none
};

/// How a run ended: `code` is null when the agent said its last word.
struct GuestOutcome {
  const ErrorCode* code = nullptr;
  std::string text;        ///< one sentence with its subject; empty when finished
  std::string last_lines;  ///< of the console (of QEMU when it died), for people
  std::string doing;       ///< the check that was running
  int signal = 0;          ///< that killed QEMU, or that QEMU obeyed where it said so: SIGTERM
  bool agent_spoke = false;
  double first_word_seconds = 0, first_word_cpu_seconds = 0;  ///< until hello; fair seconds and QEMU's CPU seconds
  double seconds = 0, cpu_seconds = 0;                        ///< of the last boot, wall
  std::uint64_t console_bytes = 0, agent_bytes = 0;
  int boots = 0;                      ///< more than one: it reset itself while it booted
  bool has_stale_breakpoint = false;  ///< of a panic: see ConsoleLog
  bool is_infra() const { return code && code->exit == Exit::environment; }
};

/// Before another start writes its own logs: renames those of start number `start`, console.log to console.1.log.
void set_logs_aside(const std::filesystem::path& evidence, std::size_t start);
/// Removes what a former command so set aside there, of its first `starts` starts.
void clear_logs_aside(const std::filesystem::path& evidence, std::size_t starts);

using OnMessage = std::function<void(const checks::Message& message)>;

/// Boots and listens; `on_message` gets each message as it comes. A guest may reset itself while it boots (some systems
/// do once, on their first start: to label files, to take a firmware's or a bootloader's new settings); its agent's
/// first word ends that: what it says belongs to one boot. Failures of guest and QEMU are in the outcome. Throws
/// tool_missing, interrupted, file_failed, disk_full. No QEMU is left on any way out.
GuestOutcome run_guest(RunContext& run, const GuestPlan& plan, const OnMessage& on_message);

/// How long an answer may take.
struct AnswerDeadlines {
  std::chrono::milliseconds whole;
  double cpu_seconds;  ///< of QEMU, all its threads
};

/// A guest whose agent listens. Starts QEMU when made; throws what run_guest throws. One thread, which must live as
/// long as this (see GuestProcess).
class AskedGuest {
 public:
  /// `on_message` gets each message as it comes. `run`'s events must live as long as this.
  AskedGuest(RunContext& run, GuestPlan plan, OnMessage on_message);
  AskedGuest(const AskedGuest&) = delete;
  AskedGuest& operator=(const AskedGuest&) = delete;
  ~AskedGuest();  ///< kills QEMU

  /// Listens for a moment; what happened, once it is over: its `code` is never null. No round may follow.
  std::optional<GuestOutcome> round();
  bool is_ready() const;     ///< the agent spoke
  bool is_answered() const;  ///< nothing that was asked is due
  /// What is known of it now, without a code.
  GuestOutcome so_far() const;

  /// From now on the boot may take this long, whatever the plan says.
  void expect_word_within(std::chrono::milliseconds time);
  /// Only when it is ready and everything is answered. `name`: how texts call it, "while it ran NAME"; may be empty.
  void ask(checks::Request request, const AnswerDeadlines& deadlines, const std::string& name);

 private:
  class Boots;
  std::unique_ptr<Boots> boots_;
};

}  // namespace ainode
