// SPDX-License-Identifier: Apache-2.0
// Threads on processors of their own.
#pragma once

#include <vector>

namespace ainode::checks {

/// Binds the calling thread; false with errno set.
bool run_on(int cpu);

/// Those of `cpus` that a thread of this process may run on: also isolated ones, where none is sent unasked.
std::vector<int> allowed_processors(std::vector<int> cpus);

}  // namespace ainode::checks
