// SPDX-License-Identifier: Apache-2.0
// What happens between the clone and the program: the first process makes the view, starts the program and reaps.
#pragma once

#include <sys/resource.h>

#include <string>
#include <vector>

#include "builder/sandbox/mounts.h"

namespace ainode {

/// All that the two processes inside need, made before the clone: other threads may hold any lock at that moment, so
/// nothing inside allocates.
struct Inside {
  MountPlan mounts;
  const std::string* filter = nullptr;
  std::vector<std::string> environment_text;
  std::vector<char*> arguments, environment;
  std::string search_path;
  std::string directory;
  rlim_t memory = 0, processes = 0;
  int control_group = -1;  ///< where to enter it; -1: there is none
  /// Descriptors: three streams, the pipe for a SetupFailure, the socket for the listener of refused calls.
  int input = -1, output = -1, errors = -1, failure = -1, listener = -1;
};

Inside plan_inside(const SandboxCommand& command);

/// PID 1 of the new namespaces.
[[noreturn]] void run_first_process(Inside& inside) noexcept;

}  // namespace ainode
