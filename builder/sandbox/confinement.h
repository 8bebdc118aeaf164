// SPDX-License-Identifier: Apache-2.0
// What a program in the sandbox may ask of the kernel: ten capabilities and a filter of system calls.
#pragma once

#include <string>

namespace ainode {

/// The filter as the kernel takes it: an array of struct sock_filter. Made once. Thread-safe. Throws sandbox_failed.
const std::string& syscall_filter();

/// Called between fork and exec, so they neither allocate nor throw; false leaves errno set.
bool drop_capabilities() noexcept;
/// Sets no_new_privs, then the filter. `listener` becomes the descriptor at which refused calls wait for their answer,
/// or -1 where something outside listens already: then they are refused all the same, with ENOSYS.
bool apply_syscall_filter(const std::string& filter, int& listener) noexcept;

}  // namespace ainode
