// SPDX-License-Identifier: Apache-2.0
// Running a program from the agent, with a deadline and with its output as it comes.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::checks {

struct ChildOutcome {
  int status = -1;         ///< 128+signal when killed by one; negative: it could not be started
  std::string problem;     ///< it could not start, or passed its deadline
  bool timed_out = false;  ///< it passed its deadline
};

using TakeOutput = std::function<void(std::string_view piece)>;

/// argv[0] is looked up where a system keeps its programs, whatever PATH says (an ordinary user's lacks modprobe, a
/// bare init's may be empty); the child has that PATH too. stdin is a file that holds `input`, /dev/null without any;
/// stderr is dropped unless `on_error` is given. It ends when the child has, and whoever else holds its output. At the
/// deadline the child's process group is killed.
ChildOutcome run_child(const std::vector<std::string>& argv, std::chrono::seconds deadline, const TakeOutput& on_output,
                       const TakeOutput& on_error = nullptr, std::string_view input = {});

}  // namespace ainode::checks
