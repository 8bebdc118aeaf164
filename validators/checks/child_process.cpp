// SPDX-License-Identifier: Apache-2.0
// fork, exec, poll on two pipes, wait. Input lies in a file without a name, so nothing waits for whoever reads it.
#include "validators/checks/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

namespace ainode::checks {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kCannotStart = 127;
constexpr std::chrono::milliseconds kPause{5};

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

/// A file without a name that holds the input, to be read from its start.
class InputFile {
 public:
  explicit InputFile(std::string_view input) : fd_(memfd_create("input", MFD_CLOEXEC)) {
    std::size_t at = 0;
    while (fd_ >= 0 && at < input.size()) {
      const ssize_t size = pwrite(fd_, input.data() + at, input.size() - at, static_cast<off_t>(at));
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) break;
      at += static_cast<std::size_t>(size);
    }
    is_whole_ = at == input.size();
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool is_whole() const { return is_whole_; }

 private:
  int fd_;
  bool is_whole_;
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

/// What the child's standard streams become, and where it says why it could not; negative: /dev/null.
struct Ends {
  int input, output, errors, failure;
};

/// Allocates nothing: other threads may have held the allocator's lock.
[[noreturn]] void become(const std::vector<char*>& argv, std::vector<char*>& environment, const Ends& ends) {
  environ = environment.data();
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(ends.input >= 0 ? ends.input : nothing, STDIN_FILENO);
  dup2(ends.output, STDOUT_FILENO);
  dup2(ends.errors >= 0 ? ends.errors : nothing, STDERR_FILENO);
  execvp(argv[0], argv.data());
  const int why = errno;
  [[maybe_unused]] const ssize_t said = write(ends.failure, &why, sizeof why);
  _exit(kCannotStart);
}

/// Reads what is there; false at the end of the stream.
bool pass_on(int fd, const TakeOutput& take) {
  std::array<char, 32768> piece;
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

int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/// Nothing when the deadline came first.
std::optional<int> wait_until(pid_t child, Clock::time_point deadline) {
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status_of(status);
    if (ended < 0 && errno != EINTR) return 0;
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(kPause);
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status_of(status);
}

}  // namespace

ChildOutcome run_child(const std::vector<std::string>& argv, std::chrono::seconds deadline, const TakeOutput& on_output,
                       const TakeOutput& on_error, std::string_view input) {
  if (argv.empty()) return {-1, "no program was named"};
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& each : argv) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment = environment_of_child();
  const InputFile file(input);
  if (!file.is_whole()) return {-1, fmt::format("no memory for the input of {}", argv[0])};
  Pipe output, errors, failure;
  const Ends ends = {input.empty() ? -1 : file.fd(), output.ends[1], on_error ? errors.ends[1] : -1, failure.ends[1]};
  const pid_t child = fork();
  if (child < 0) return {-1, fmt::format("fork for {}: {}", argv[0], std::strerror(errno))};
  if (child == 0) become(arguments, environment, ends);
  setpgid(child, child);  // whoever of the two comes first, so that there is a group to kill
  for (Pipe* pipe : {&output, &errors, &failure}) pipe->shut(1);
  if (int why = 0; read(failure.ends[0], &why, sizeof why) == sizeof why)
    return {wait_for(child), fmt::format("{} could not be started", argv[0])};
  const auto end = Clock::now() + deadline;
  const bool is_silent = pass_on_all(output, errors, end, on_output, on_error);
  const auto status = is_silent ? wait_until(child, end) : std::nullopt;
  if (status) return {*status, ""};
  kill(-child, SIGKILL);
  return {wait_for(child), fmt::format("{} did not end in {} s", argv[0], deadline.count()), true};
}

}  // namespace ainode::checks
