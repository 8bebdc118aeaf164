// SPDX-License-Identifier: Apache-2.0
// Running programs in a tree: user namespace, overlay, and everything else closed (TRUST: maintainer scripts' sandbox).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"

namespace ainode {

class Error;

/// Runs `body` in a child process that is root of a new user namespace (ids 0–65535; an ordinary user's own id becomes
/// 0, the rest are subordinate ids; root maps 0–65535 to themselves) with a private mount namespace, and returns body's
/// exit status. The child dies with this process; signals (INT, TERM, HUP) are passed on. Must be called while
/// single-threaded. Throws no_user_namespaces, no_subuids or tool_missing (newuidmap), each with its cure.
int in_user_namespace(const std::function<int()>& body);
bool is_in_user_namespace();  ///< of our own making
/// Inside in_user_namespace(): from here this process and its children have no network interface that is up. Throws
/// sandbox_failed.
void leave_network();

struct BindMount {
  std::filesystem::path source;       ///< on the host
  std::filesystem::path destination;  ///< absolute, inside; must exist in the tree or be below /tmp, /run, /work
  bool writable = false;
};

/// An overlay over read-only lower directories. Inside in_user_namespace() only. The upper directory stays when this
/// object goes.
class Overlay {
 public:
  /// lowers: topmost first. `upper` and `work` must lie on one file system, not a tmpfs. Throws overlay_failed with the
  /// cure.
  Overlay(const std::vector<std::filesystem::path>& lowers, const std::filesystem::path& upper,
          const std::filesystem::path& work, std::filesystem::path mount_point);
  ~Overlay();
  Overlay(const Overlay&) = delete;
  const std::filesystem::path& root() const { return mount_point_; }

 private:
  std::filesystem::path mount_point_;
};

struct SandboxCommand {
  std::filesystem::path root;  ///< the tree: an Overlay's root, or a read-only checkout
  std::vector<std::string> argv;
  std::map<std::string, std::string>
      environment;  ///< added to PATH, LC_ALL=C.UTF-8, TZ=UTC, HOME=/root, DEBIAN_FRONTEND=noninteractive
  std::vector<BindMount> binds;
  std::string directory = "/";
  std::string input;
  std::int64_t source_date_epoch = 0;
  std::chrono::seconds deadline{600};
  std::uint64_t memory_limit = std::uint64_t{4} << 30;  ///< address space of each process, bytes
  std::uint64_t process_limit = 4096;                   ///< processes and threads at once
  std::function<void(std::string_view line)> on_error_line;
};

/// How a program ended, and where the sandbox stood in its way.
struct SandboxResult : ProcessResult {
  std::vector<std::string> refused;  ///< "mount, asked for by dpkg": the calls that the filter refused, each once
  std::vector<std::string> limits;   ///< "4096 processes at once": the limits that it ran into, as far as is known
  /// Adds both to an error's reasons, and the cure.
  void explain(Error& error) const;
};

/// Runs one program as root inside the tree: new pid, net (loopback down), ipc, uts (hostname "localhost"), cgroup and
/// mount namespaces; pivot_root; fresh /proc (masked), private /dev, tmpfs /run, /tmp and /work (0755, for binds);
/// no_new_privs; ten capabilities; seccomp; umask 022; no host environment. Throws sandbox_failed when it cannot be set
/// up; the program's own failure is in the result.
///
/// What holds whatever the program does, though it is root of its tree (tests/builder/sandbox/escape_test.cpp tries):
/// - Files: it changes nothing but the overlay's upper directory and writable binds. No link, magic link or descriptor
///   leads out of the tree, not even the program's own name. Set-id files that it makes lie in the upper directory:
///   keep that where other users cannot enter.
/// - Processes: it sees and signals only its own; all of them end with the program, or with this process.
/// - Kernel: it loads, mounts, configures and sets nothing; /proc is readable at most. Refused calls fail with EPERM
///   and are named in the result; fsync and its like succeed without work. 32-bit calls meet the same filter.
/// - Network: only an own loopback that is down, and sockets of the families unix, inet, inet6 and netlink.
/// - Amounts: `deadline`; `memory_limit` for a process and, where a v2 control group can be made, three quarters of the
///   machine's memory for all; `process_limit`, held by a control group (v2, or v1's pids) or else by RLIMIT_NPROC,
///   which binds ordinary users but not root; 64 MiB kept of each stream. Not limited: the upper directory's size.
SandboxResult run_in_sandbox(const SandboxCommand& command);

}  // namespace ainode
