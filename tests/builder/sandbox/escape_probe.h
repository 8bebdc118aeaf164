// SPDX-License-Identifier: Apache-2.0
// Attempts to get out of the sandbox, made from inside: each prints what the kernel answered, one line a call.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace escape {

using Arguments = std::vector<std::string>;

struct Probe {
  const char* name;
  std::function<void(const Arguments&)> attempt;
};

/// Prints "CALL: done" or "CALL: EPERM"; returns the result.
long tell(const std::string& call, long result);
/// Prints a line of findings.
void say(const std::string& line);
/// The last error's name: "EPERM".
std::string error_name();

const std::vector<Probe>& file_probes();
const std::vector<Probe>& process_probes();
const std::vector<Probe>& kernel_probes();
const std::vector<Probe>& limit_probes();

}  // namespace escape
