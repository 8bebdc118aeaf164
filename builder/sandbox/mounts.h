// SPDX-License-Identifier: Apache-2.0
// The view of the file system that a program in the sandbox gets: planned on this side as a table, carried out between
// clone and exec.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "builder/sandbox/sandbox.h"

namespace ainode {

/// What every root needs as mount points; a tree may lack them.
inline constexpr std::array kMountPoints = {"proc", "dev", "run", "tmp", "work"};

/// The first thing that failed on the way into the sandbox. Its texts are literals or belong to the plan, whose copy in
/// the child lies at the same addresses: so the struct can be sent through a pipe to the process that made the plan.
struct SetupFailure {
  const char* action = nullptr;  ///< null: nothing failed
  const char* subject = "";
  int error_number = 0;
  explicit operator bool() const { return action != nullptr; }
};

/// One row of the table.
struct MountStep {
  enum class Action {
    directory,    ///< make it; existing is fine
    file,         ///< make an empty file; existing is fine
    link,         ///< make a symbolic link to `source`
    file_system,  ///< mount a new one of type `source`
    bind,         ///< show `source` of the host
    read_only,    ///< make the mount at the destination read-only
    mask,         ///< hide a file behind /dev/null, a directory behind an empty one; a missing one is fine
  };
  Action action;
  std::string source;
  std::string destination;  ///< inside, without the leading slash
  std::string options = {};
  unsigned long flags = 0;
  unsigned mode = 0755;
};

struct MountPlan {
  std::string root;
  bool is_writable = false;  ///< an overlay; any other tree is shown read-only, since it may share files with the store
  std::vector<MountStep> steps;
};

/// Throws sandbox_failed for a tree or a bind that does not exist.
MountPlan plan_mounts(const SandboxCommand& command);

/// Makes the view in this process's own mount namespace and moves into it. Allocates nothing and does not throw.
SetupFailure enter_tree(const MountPlan& plan) noexcept;

}  // namespace ainode
