// SPDX-License-Identifier: Apache-2.0
// fork, exec, poll on two pipes, wait.
#include "validators/checks/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ainode::checks {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kCannotStart = 127;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() { shut(0), shut(1); }
  void shut(int end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
};

/// This process's environment, but for PATH.
std::vector<char*> environment_of_child() {
  static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::vector<char*> variables{path};
  for (char** variable = environ; *variable; ++variable)
    if (std::strncmp(*variable, path, 5) != 0) variables.push_back(*variable);
  variables.push_back(nullptr);
  return variables;
}

/// Allocates nothing: other threads may have held the allocator's lock.
[[noreturn]] void become(const std::vector<char*>& argv, std::vector<char*>& environment, int output, int errors) {
  environ = environment.data();
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors >= 0 ? errors : nothing, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(kCannotStart);
}

/// Reads what is there; false at the end of the stream.
bool pass_on(int fd, const TakeOutput& take) {
  std::array<char, 4096> piece;
  const ssize_t size = read(fd, piece.data(), piece.size());
  if (size > 0 && take) take({piece.data(), static_cast<std::size_t>(size)});
  return size > 0 || (size < 0 && errno == EINTR);
}

/// Both streams to their end; false when the deadline came first.
bool pass_on_all(Pipe& output, Pipe& errors, Clock::time_point deadline, const TakeOutput& on_output,
                 const TakeOutput& on_error) {
  while (output.ends[0] >= 0 || errors.ends[0] >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready[2] = {{output.ends[0], POLLIN, 0}, {errors.ends[0], POLLIN, 0}};
    poll(ready, 2, static_cast<int>(std::min<long long>(left, 1000)));
    if (ready[0].revents != 0 && !pass_on(output.ends[0], on_output)) output.shut(0);
    if (ready[1].revents != 0 && !pass_on(errors.ends[0], on_error)) errors.shut(0);
  }
  return true;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ChildOutcome run_child(const std::vector<std::string>& argv, std::chrono::seconds deadline, const TakeOutput& on_output,
                       const TakeOutput& on_error) {
  if (argv.empty()) return {-1, "no program was named"};
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& each : argv) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment = environment_of_child();
  Pipe output, errors;
  const pid_t child = fork();
  if (child < 0) return {-1, fmt::format("fork for {}: {}", argv[0], std::strerror(errno))};
  if (child == 0) become(arguments, environment, output.ends[1], on_error ? errors.ends[1] : -1);
  output.shut(1);
  errors.shut(1);
  const bool ended = pass_on_all(output, errors, Clock::now() + deadline, on_output, on_error);
  if (!ended) kill(-child, SIGKILL);
  const int status = wait_for(child);
  if (!ended) return {status, fmt::format("{} did not end in {} s", argv[0], deadline.count())};
  if (status == kCannotStart) return {status, fmt::format("{} could not be started", argv[0])};
  return {status, ""};
}

}  // namespace ainode::checks
