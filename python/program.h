// SPDX-License-Identifier: Apache-2.0
// What makes trees runs in the program `ainode`: it is root of a user namespace, which only a process of one thread can
// enter, and Python's process has many, whose locks a fork would leave held for ever.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/steps.h"

namespace ainode::python {

/// Runs a verb of the `ainode` that was installed with this module; its events become run's. Returns its answer of
/// --json. Throws Reported for its errors; interrupted, once it has ended.
Json run_program(RunContext& run, const std::vector<std::string>& arguments);

}  // namespace ainode::python
