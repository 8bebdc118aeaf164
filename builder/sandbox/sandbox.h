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
  std::uint64_t memory_limit = std::uint64_t{4} << 30;  ///< address space, bytes
  std::function<void(std::string_view line)> on_error_line;
};

/// Runs one program as root inside the tree: new pid, net (loopback down), ipc, uts (hostname "localhost"), cgroup and
/// mount namespaces; pivot_root; fresh /proc (masked), private /dev, tmpfs /run, /tmp and /work (0755, for binds);
/// no_new_privs; ten capabilities; seccomp (fsync family becomes a no-op; module loading, kexec, bpf, perf, keyctl,
/// userfaultfd, io_uring, clock setting, reboot, swap, mounts, new namespaces, TIOCSTI are refused); umask 022; no host
/// environment. Nothing it starts outlives it. Throws sandbox_failed when it cannot be set up; the program's own
/// failure is in the result.
ProcessResult run_in_sandbox(const SandboxCommand& command);

}  // namespace ainode
