// SPDX-License-Identifier: Apache-2.0
// ainode-memory: how fast each node's processors reach each node's memory. A static program that needs nothing of the
// image. The measuring is that of the checks numa.bandwidth and numa.latency (validators/checks/memory_speed.h); the
// same work is done always, so it can be counted as well as timed.
#include <cstdio>
#include <exception>

#include "bench/memory/commands.h"

namespace ainode::memory {
namespace {

int answer_to(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "help")) return std::fputs(kUsage, stdout) < 0;
  try {
    const Answer answer = run_command(parse_options(arguments), checks::read_numa_nodes());
    if (std::fwrite(answer.text.data(), 1, answer.text.size(), stdout) != answer.text.size() ||
        std::fflush(stdout) != 0)
      throw Error(Exit::environment, "standard output: cannot be written");
    return static_cast<int>(answer.exit);
  } catch (const Error& error) {
    std::fprintf(stderr, "ainode-memory: %s\n%s", error.what(), error.exit() == Exit::usage ? kUsage : "");
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ainode-memory: %s\n", error.what());
    return static_cast<int>(Exit::environment);
  }
}

}  // namespace
}  // namespace ainode::memory

int main(int count, char** words) {
  return ainode::memory::answer_to({words + (count > 0), words + count});
}
