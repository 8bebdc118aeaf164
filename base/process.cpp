// SPDX-License-Identifier: Apache-2.0
// A child in its own process group, its streams drained by one poll loop; whatever happens, it is ended and reaped.
#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"

namespace ainode {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Descriptor read_end, write_end;
  Pipe() {
    std::array<int, 2> ends = {};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("create a pipe", errno);
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
};

/// Everything the child needs, prepared before the fork: between fork and exec nothing may allocate.
struct ChildPlan {
  std::string program;
  std::vector<char*> arguments, environment;
  std::vector<std::string> environment_text;
  const char* directory = nullptr;
  int input = -1, output = -1, errors = -1, failure = -1;
  pid_t parent = 0;
};

[[noreturn]] void report_and_exit(const ChildPlan& plan) {
  const int error_number = errno;
  [[maybe_unused]] const ssize_t written = write(plan.failure, &error_number, sizeof error_number);
  _exit(127);
}

void reset_signals() {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void exec_child(const ChildPlan& plan) {
  reset_signals();
  if (plan.input >= 0) dup2(plan.input, 0);
  if (plan.output >= 0) dup2(plan.output, 1);
  if (plan.errors >= 0) dup2(plan.errors, 2);
  if (plan.directory && chdir(plan.directory) != 0) report_and_exit(plan);
  execve(plan.program.c_str(), plan.arguments.data(), plan.environment.empty() ? environ : plan.environment.data());
  report_and_exit(plan);
}

/// PID 1 of the child's own pid namespace: starts the program, reaps everything, and by ending takes all the rest with
/// it.
[[noreturn]] void contain_child(const ChildPlan& plan) {
  if (unshare(CLONE_NEWPID) != 0) report_and_exit(plan);
  const pid_t init = fork();
  if (init < 0) report_and_exit(plan);
  if (init > 0) {
    // No exec closes the supervisors' copies of the pipes, and with them open the program would never see its input
    // end.
    close_range(3, ~0U, 0);
    int status = 0;
    while (waitpid(init, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const pid_t program = fork();
  if (program < 0) report_and_exit(plan);
  if (program == 0) exec_child(plan);
  close_range(3, ~0U, 0);
  int status = 0;
  while (waitpid(program, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

pid_t start(const ChildPlan& plan, bool contain) {
  const pid_t child = fork();
  if (child < 0) throw system_error("start " + plan.program, errno);
  if (child > 0) return child;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);
  if (contain) contain_child(plan);
  exec_child(plan);
}

ChildPlan plan_child(const Command& command) {
  ChildPlan plan;
  const auto program = find_program(command.argv.at(0));
  if (!program) {
    throw Error(codes::tool_missing, fmt::format("`{}` is not installed", command.argv[0]))
        .help("run `ainode doctor`: it names the package for each missing program");
  }
  plan.program = program->string();
  for (const std::string& argument : command.argv) plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  plan.arguments.push_back(nullptr);
  if (command.environment) {
    for (const auto& [name, value] : *command.environment) plan.environment_text.push_back(name + "=" + value);
    for (std::string& text : plan.environment_text) plan.environment.push_back(text.data());
    plan.environment.push_back(nullptr);
  }
  if (!command.directory.empty()) plan.directory = command.directory.c_str();
  plan.parent = getpid();
  return plan;
}

/// Kills the group and reaps the child on every way out.
class RunningChild {
 public:
  explicit RunningChild(pid_t pid) : pid_(pid) {}
  RunningChild(const RunningChild&) = delete;
  ~RunningChild() {
    if (pid_ > 0) {
      kill_all();
      wait();
    }
  }
  void kill_all() {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
  }
  /// Asks it to end, and waits for that.
  void interrupt(std::chrono::milliseconds grace) const {
    kill(pid_, SIGINT);
    has_exited(static_cast<int>(grace.count()));
  }
  /// Waits up to `milliseconds` for the exit; the child stays to be reaped.
  bool has_exited(int milliseconds) const {
    for (int waited = 0;; ++waited) {
      siginfo_t info = {};
      if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_)
        return true;
      if (waited >= milliseconds) return false;
      usleep(1000);
    }
  }
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

/// Splits a stream into lines for a callback.
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
  void feed(std::string_view bytes) {
    if (!on_line_) return;
    for (const char byte : bytes) {
      if (byte == '\n')
        flush();
      else if (line_.size() < 65536)
        line_ += byte;
    }
  }
  void flush() {
    if (on_line_ && !line_.empty()) on_line_(line_);
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
};

/// A program may end without reading its input; that is an error of write here, never the end of this process, whoever
/// embeds it. Takes back the one SIGPIPE that a write may raise, for this thread alone.
class BrokenPipeSignalOff {
 public:
  BrokenPipeSignalOff() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~BrokenPipeSignalOff() {
    if (sigismember(&before_, SIGPIPE)) return;
    const timespec now = {0, 0};
    sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BrokenPipeSignalOff(const BrokenPipeSignalOff&) = delete;

 private:
  sigset_t pipe_, before_;
};

/// Moves bytes between the child's streams and the result until all streams are closed or the deadline passes.
class Pump {
 public:
  Pump(const Command& command, Descriptor input, Descriptor output, Descriptor errors, ProcessResult& result)
      : command_(command),
        input_(std::move(input)),
        output_(std::move(output)),
        errors_(std::move(errors)),
        result_(result),
        lines_(command.on_error_line),
        unsent_(command.input) {
    for (const Descriptor* stream : {&input_, &output_, &errors_}) {
      if (stream->is_open()) fcntl(stream->get(), F_SETFL, O_NONBLOCK);
    }
    if (unsent_.empty()) input_.reset();
  }

  /// Until the child has exited: a daemon that keeps its streams open does not hold us. False when the deadline passed.
  bool run(const RunningChild& child) {
    try {
      return drain(child);
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id && command_.interrupt_grace.count() > 0)
        child.interrupt(command_.interrupt_grace);
      throw;
    }
  }

 private:
  bool drain(const RunningChild& child) {
    const auto deadline = Clock::now() + command_.deadline.value_or(std::chrono::hours(24 * 365));
    for (bool has_exited = false; has_open_stream() || !has_exited;) {
      throw_if_interrupted();
      if (Clock::now() >= deadline) return false;
      const bool was_idle = !move_bytes(has_exited || !has_open_stream() ? 0 : 100);
      if (has_exited && was_idle) break;
      if (!has_exited && was_idle) has_exited = child.has_exited(has_open_stream() ? 0 : 20);
    }
    lines_.flush();
    return true;
  }

  bool has_open_stream() const { return output_.is_open() || errors_.is_open() || input_.is_open(); }

  /// One round of the poll loop; false when nothing was ready.
  bool move_bytes(int wait_ms) {
    std::array<pollfd, 3> streams = {
        {{input_.get(), POLLOUT, 0}, {output_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}}};
    if (poll(streams.data(), streams.size(), wait_ms) <= 0) return false;
    if (streams[0].revents) send();
    if (streams[1].revents) receive(output_, result_.output, nullptr);
    if (streams[2].revents) receive(errors_, result_.errors, &lines_);
    return true;
  }

  void send() {
    const BrokenPipeSignalOff off;
    const ssize_t count = write(input_.get(), unsent_.data(), unsent_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) unsent_.remove_prefix(static_cast<std::size_t>(count));
    if (count < 0 || unsent_.empty()) input_.reset();
  }
  void receive(Descriptor& stream, std::string& kept, LineSplitter* lines) {
    std::array<char, 65536> buffer;
    const ssize_t count = read(stream.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      stream.reset();
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    kept += bytes.substr(0, command_.output_limit - std::min(command_.output_limit, kept.size()));
    if (lines) lines->feed(bytes);
  }

  const Command& command_;
  Descriptor input_, output_, errors_;
  ProcessResult& result_;
  LineSplitter lines_;
  std::string_view unsent_;
};

void throw_if_exec_failed(const Descriptor& failure, const ChildPlan& plan) {
  int error_number = 0;
  ssize_t count = 0;
  while ((count = read(failure.get(), &error_number, sizeof error_number)) < 0 && errno == EINTR) {
  }
  if (count == sizeof error_number) throw system_error("run " + plan.program, error_number);
}

std::string last_lines(const std::string& text, int count) {
  std::size_t start = text.size();
  while (start > 0 && text[start - 1] == '\n') --start;
  const std::size_t end = start;
  while (start > 0 && count > 0) {
    if (text[start - 1] == '\n' && --count == 0) break;
    --start;
  }
  return text.substr(start, end - start);
}

}  // namespace

ProcessResult run_process(const Command& command) {
  ChildPlan plan = plan_child(command);
  Pipe failure, input, output, errors;
  Descriptor null_input;
  if (command.input.empty()) null_input = open_file("/dev/null", O_RDONLY);
  plan.failure = failure.write_end.get();
  plan.input = command.input.empty() ? null_input.get() : input.read_end.get();
  if (!command.inherit_output) {
    plan.output = output.write_end.get();
    plan.errors = errors.write_end.get();
  }
  RunningChild child(start(plan, command.contain));
  for (Pipe* pipe : {&failure, &output, &errors}) pipe->write_end.reset();
  input.read_end.reset();
  throw_if_exec_failed(failure.read_end, plan);

  ProcessResult result;
  Pump pump(command, std::move(input.write_end), std::move(output.read_end), std::move(errors.read_end), result);
  result.timed_out = !pump.run(child);
  if (result.timed_out) child.kill_all();
  result.exit_code = child.wait();
  return result;
}

std::string run_or_throw(const Command& command) {
  ProcessResult result = run_process(command);
  if (result.succeeded()) return std::move(result.output);
  const std::string& name = command.argv[0];
  if (result.timed_out) {
    throw Error(codes::deadline_passed,
                fmt::format("`{}` did not end within {} s", name, command.deadline->count() / 1000));
  }
  Error error(codes::process_failed, fmt::format("`{}` failed with exit status {}", name, result.exit_code));
  const std::string said = last_lines(result.errors.empty() ? result.output : result.errors, 5);
  if (!said.empty()) error.chain("it said: " + said);
  throw error;
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const auto is_program = [](const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos)
    return is_program(name) ? std::optional<fs::path>(fs::absolute(name)) : std::nullopt;
  const char* path = std::getenv("PATH");
  // Administrators' programs (newuidmap aside, mke2fs and the like) are not in every user's PATH.
  const std::string directories = std::string(path ? path : "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
  std::size_t start = 0;
  while (start <= directories.size()) {
    const std::size_t end = std::min(directories.find(':', start), directories.size());
    const std::string directory = directories.substr(start, end - start);
    if (!directory.empty() && is_program(fs::path(directory) / name)) return fs::path(directory) / name;
    start = end + 1;
  }
  return std::nullopt;
}

}  // namespace ainode
