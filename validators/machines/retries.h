// SPDX-License-Identifier: Apache-2.0
// Which ends of a run are worth another start: a table, so that nothing is tried again silently until it is green.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "validators/machines/guest_run.h"

namespace ainode {

inline constexpr int kRetries = 2;                             ///< starts after the first one
inline constexpr std::chrono::milliseconds kRetryPause{1000};  ///< before each, times its number

/// The cause, where it is of the environment or the emulator, known to pass, and cannot be the guest's; else nothing. A
/// QEMU that crashes by itself is not such a case, since a guest can bring that about; nor is a host that is too busy:
/// another start makes it busier.
std::optional<std::string_view> passing_cause(const GuestOutcome& outcome);

}  // namespace ainode
