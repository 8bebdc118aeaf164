// SPDX-License-Identifier: Apache-2.0
// Programs and how they end.
#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

ProcessResult shell(const std::string& script, Command command = {}) {
  command.argv = {"sh", "-c", script};
  return run_process(command);
}

/// Empty when the process is gone, or ended and not yet reaped.
std::string command_line(pid_t process) {
  return read_file_if_any("/proc/" + std::to_string(process) + "/cmdline").value_or("");
}

TEST(Process, CapturesBothStreamsAndTheStatus) {
  const ProcessResult result = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_FALSE(result.succeeded());
}

TEST(Process, FeedsInputLargerThanAPipe) {
  Command command;
  command.input = std::string(1 << 20, 'x');
  EXPECT_EQ(shell("wc -c", command).output, "1048576\n");
}

TEST(Process, SurvivesAProgramThatReadsNothing) {
  Command command;
  command.input = std::string(1 << 20, 'x');
  EXPECT_EQ(shell("exit 0", command).exit_code, 0);
}

TEST(Process, EndsAtTheDeadlineWithAllChildren) {
  Command command;
  command.deadline = std::chrono::milliseconds(200);
  const ProcessResult result = shell("sleep 1000 & echo $!; wait", command);
  EXPECT_TRUE(result.timed_out);
  const pid_t grandchild = std::stoi(result.output);
  for (int tries = 0; tries < 500 && !command_line(grandchild).empty(); ++tries) usleep(10000);
  EXPECT_EQ(command_line(grandchild), "");
}

TEST(Process, DoesNotWaitForADaemonThatKeepsTheStreams) {
  const ProcessResult result = shell("sleep 1000 & echo $!");
  const pid_t daemon = std::stoi(result.output);
  EXPECT_EQ(kill(daemon, SIGKILL), 0) << "an uncontained daemon goes on";
}

TEST(Process, AContainedProgramLeavesNoDaemon) {
  if (geteuid() != 0) GTEST_SKIP() << "a pid namespace needs root, which a build is in its user namespace";
  Command command;
  command.contain = true;
  command.input = "read to the end\n";
  const ProcessResult result = shell("cat; (setsid sleep 98765 >/dev/null 2>&1 &)", command);
  EXPECT_EQ(result.output, "read to the end\n");
  EXPECT_NE(shell("pgrep -f 'sleep 9876[5]'").exit_code, 0);
}

TEST(Process, GivesJustTheEnvironmentAsked) {
  Command command;
  command.environment = {{"A", "1"}, {"PATH", "/usr/bin:/bin"}};
  EXPECT_EQ(shell("env | grep -v -e PWD -e SHLVL -e '^_=' | sort", command).output, "A=1\nPATH=/usr/bin:/bin\n");
}

TEST(Process, NamesAMissingProgram) {
  try {
    Command command;
    command.argv = {"no-such-program"};
    run_process(command);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, "H0004");
    EXPECT_EQ(error.message(), "`no-such-program` is not installed");
  }
}

TEST(Process, TellsTheLastLinesOfAFailure) {
  try {
    Command command;
    command.argv = {"sh", "-c", "echo reason >&2; exit 5"};
    run_or_throw(command);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(render(error), "error[H0009]: `sh` failed with exit status 5\n  × it said: reason\n");
  }
}

}  // namespace
}  // namespace ainode
