// SPDX-License-Identifier: Apache-2.0
// Running programs: captured output, deadlines, and no child left behind.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

struct Command {
  std::vector<std::string> argv;                                  ///< argv[0] is looked up in PATH
  std::optional<std::map<std::string, std::string>> environment;  ///< the whole environment; inherited when absent
  std::filesystem::path directory;                                ///< working directory; inherited when empty
  std::string input;                                              ///< fed to stdin; empty means /dev/null
  std::optional<std::chrono::milliseconds> deadline;              ///< then the whole process group is killed
  /// An interrupt sends the child SIGINT and waits this long before it kills the group.
  std::chrono::milliseconds interrupt_grace{0};
  bool contain = false;  ///< run in a pid namespace of its own, so that daemons it leaves (gpg-agent) die with it
                         ///< (needs to be root in the current user namespace)
  bool inherit_output = false;                               ///< stdout and stderr go where ours go
  std::size_t output_limit = std::size_t{64} << 20;          ///< bytes kept of stdout and of stderr
  std::function<void(std::string_view line)> on_error_line;  ///< each line of stderr as it comes; called on this thread
};

struct ProcessResult {
  int exit_code = -1;  ///< 128+signal when killed by one
  bool timed_out = false;
  std::string output, errors;
  bool succeeded() const { return exit_code == 0 && !timed_out; }
};

/// Runs to the end. Throws Error(tool_missing) when argv[0] does not exist, Error(interrupted) after ending the child
/// when a signal came; every other outcome is in the result. The child dies with this process (PR_SET_PDEATHSIG).
ProcessResult run_process(const Command& command);
/// Like run_process, but throws Error(process_failed or deadline_passed), with the last lines of stderr, unless it
/// succeeded.
std::string run_or_throw(const Command& command);
/// Where PATH (or `path`, colon separated) has the program.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace ainode
