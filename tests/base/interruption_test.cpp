// SPDX-License-Identifier: Apache-2.0
// A flag interrupts the work that answers it, on all its threads, and no other.
#include "base/interruption.h"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/files.h"
#include "base/parallel.h"
#include "base/process.h"
#include "base/steps.h"

namespace ainode {
namespace {

TEST(Interruption, EndsTheWorkThatAnswersTheFlag) {
  InterruptFlag flag{false};
  {
    const AnswersFlag answers(&flag);
    EXPECT_NO_THROW(throw_if_interrupted());
    flag = true;
    EXPECT_THROW(throw_if_interrupted(), Error);
  }
  EXPECT_NO_THROW(throw_if_interrupted()) << "the next work is not meant";
}

TEST(Interruption, LeavesOtherThreadsAlone) {
  const InterruptFlag flag{true};
  const AnswersFlag answers(&flag);
  bool is_interrupted_there = true;
  std::thread([&] { is_interrupted_there = is_interrupted(); }).join();
  EXPECT_FALSE(is_interrupted_there);
}

TEST(Interruption, ReachesTheThreadsOfALoop) {
  InterruptFlag flag{false};
  const AnswersFlag answers(&flag);
  std::atomic<int> started{0};
  const auto body = [&](std::size_t) {
    if (++started == 2) flag = true;  // both run: the second one interrupts them
    while (!is_interrupted()) std::this_thread::yield();
  };
  EXPECT_THROW(parallel_for(2, 100, body), Error);
  EXPECT_EQ(started, 2);
}

Error interrupted_program(const std::string& script, std::string& said) {
  InterruptFlag flag{false};
  const AnswersFlag answers(&flag);
  Command command;
  command.argv = {"bash", "-c", script};
  command.interrupt_grace = std::chrono::seconds(60);
  command.on_error_line = [&](std::string_view line) {
    said += line;
    flag = true;
  };
  try {
    run_process(command);
  } catch (const Error& error) {
    return error;
  }
  return {codes::process_failed, "it was not interrupted"};
}

/// How a process ends that two signals tell to stop; it takes its time over the first.
int status_after_two_signals(std::chrono::milliseconds between) {
  std::array<int, 2> ready = {};
  EXPECT_EQ(pipe(ready.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    install_interrupt_handlers();
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (int i = 0; i < 300; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    _exit(is_interrupted() ? 42 : 1);
  }
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  for (const int end : ready) close(end);
  kill(child, SIGTERM);
  std::this_thread::sleep_for(between);
  kill(child, SIGHUP);  // two of one kind could come as one
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Interruption, TakesSignalsAtOnceForOne) {
  EXPECT_EQ(status_after_two_signals(std::chrono::milliseconds(0)), 42);
  EXPECT_EQ(status_after_two_signals(std::chrono::milliseconds(700)), 128 + SIGHUP);
}

TEST(Interruption, LetsAProgramTidyUp) {
  const fs::path mark = fs::temp_directory_path() / ("ainode-tidied-" + std::to_string(getpid()));
  std::string said;
  const Error error =
      interrupted_program("trap 'touch " + mark.string() + "; exit' INT; echo ready >&2; sleep 100 & wait", said);
  EXPECT_EQ(said, "ready");
  EXPECT_EQ(error.code().id, codes::interrupted.id);
  EXPECT_TRUE(fs::remove(mark)) << "it was killed before it had ended";
}

}  // namespace
}  // namespace ainode
