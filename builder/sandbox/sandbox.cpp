// SPDX-License-Identifier: Apache-2.0
// One program in its own namespaces: a first process (PID 1) makes the view, starts the program and reaps; when it
// ends, by itself or killed, the kernel ends everything that was started below it.
#include "builder/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"
#include "builder/sandbox/confinement.h"
#include "builder/sandbox/mounts.h"

namespace ainode {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kOutputLimit = std::size_t{64} << 20;
constexpr rlim_t kProcesses = 8192;

/// All that the two processes inside need, made before the clone: other threads may hold any lock at that moment, so
/// nothing inside allocates.
struct Inside {
  MountPlan mounts;
  const std::string* filter = nullptr;
  std::vector<std::string> environment_text;
  std::vector<char*> arguments, environment;
  std::string directory;
  rlim_t memory = 0;
  int input = -1, output = -1, errors = -1, failure = -1;
};

[[noreturn]] void report(const Inside& inside, const SetupFailure& failure) {
  [[maybe_unused]] const ssize_t written = write(inside.failure, &failure, sizeof failure);
  _exit(127);
}

[[noreturn]] void report_errno(const Inside& inside, const char* action, const char* subject = "") {
  report(inside, {action, subject, errno});
}

bool limit(__rlimit_resource resource, rlim_t value) {
  const struct rlimit both = {value, value};
  return setrlimit(resource, &both) == 0;
}

void limit_resources(const Inside& inside) {
  if (!limit(RLIMIT_CORE, 0)) report_errno(inside, "set the limit of core files");
  if (!limit(RLIMIT_AS, inside.memory)) report_errno(inside, "set the limit of memory");
  // These are the host's own limits where it allows less.
  limit(RLIMIT_NPROC, kProcesses);
  limit(RLIMIT_NOFILE, 4096);
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_program(const Inside& inside) {
  setsid();
  if (dup2(inside.input, 0) < 0 || dup2(inside.output, 1) < 0 || dup2(inside.errors, 2) < 0)
    report_errno(inside, "connect the streams");
  if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0)
    report_errno(inside, "close the host's files");
  if (chdir(inside.directory.c_str()) != 0) report_errno(inside, "enter the directory ", inside.directory.c_str());
  umask(022);
  limit_resources(inside);
  if (!drop_capabilities()) report_errno(inside, "drop capabilities");
  if (!apply_syscall_filter(*inside.filter)) report_errno(inside, "install the filter of system calls");
  environ = const_cast<char**>(inside.environment.data());
  execvp(inside.arguments[0], inside.arguments.data());
  report_errno(inside, "run ", inside.arguments[0]);
}

/// The C library's fork takes locks that another thread of the parent may have held.
pid_t bare_fork() {
  return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

/// PID 1. Its own capabilities keep what runs beside it from tracing it.
[[noreturn]] void run_first_process(const Inside& inside) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct pollfd parent = {inside.failure, 0, 0};
  if (poll(&parent, 1, 0) < 0 || parent.revents & POLLERR) _exit(127);  // the parent died before it was asked for
  reset_signals();
  setsid();
  if (const SetupFailure failure = enter_tree(inside.mounts)) report(inside, failure);
  if (sethostname("localhost", 9) != 0) report_errno(inside, "set the host name");
  prctl(PR_SET_DUMPABLE, 0);
  const pid_t program = bare_fork();
  if (program < 0) report_errno(inside, "start the program");
  if (program == 0) run_program(inside);
  // Nothing here may hold the streams open once the program has closed them.
  syscall(SYS_close_range, 0U, ~0U, 0U);
  for (int status = 0;;) {
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended == program) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (ended < 0 && errno != EINTR) _exit(127);
  }
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends = {};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("create a pipe", errno);
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
  Descriptor read_end, write_end;
};

/// The first process, seen from outside: ended and reaped on every way out. Its end is complete only when all of its
/// namespace is gone.
class FirstProcess {
 public:
  explicit FirstProcess(const Inside& inside) {
    constexpr unsigned long kNamespaces =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    int handle = -1;
    pid_ =
        static_cast<pid_t>(syscall(SYS_clone, kNamespaces | CLONE_PIDFD | SIGCHLD, nullptr, &handle, nullptr, nullptr));
    if (pid_ == 0) run_first_process(inside);
    if (pid_ < 0) {
      throw Error(codes::sandbox_failed, fmt::format("cannot make the sandbox's namespaces: {}", std::strerror(errno)))
          .help("run `ainode doctor`: it tries each of them");
    }
    handle_ = Descriptor(handle);
  }
  FirstProcess(const FirstProcess&) = delete;
  ~FirstProcess() {
    kill_all();
    wait();
  }
  int handle() const { return handle_.get(); }
  void kill_all() const {
    if (pid_ > 0) kill(pid_, SIGKILL);
  }
  int wait() {
    if (pid_ <= 0) return status_;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int status_ = -1;
  Descriptor handle_;
};

/// A program that does not read its input must not end us.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  ~SigpipeBlocked() {
    const struct timespec now = {};
    if (!sigismember(&before_, SIGPIPE)) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_ = {}, before_ = {};
};

/// The program's three streams and the report of a failed set-up, moved by one poll loop.
class Streams {
 public:
  Streams(const SandboxCommand& command, ProcessResult& result)
      : command_(command), result_(result), unsent_(command.input) {}

  void lend_to(Inside& inside) const {
    inside.input = input_.read_end.get();
    inside.output = output_.write_end.get();
    inside.errors = errors_.write_end.get();
    inside.failure = failure_.write_end.get();
  }

  void close_far_ends() {
    input_.read_end.reset();
    for (Pipe* pipe : {&output_, &errors_, &failure_}) pipe->write_end.reset();
    fcntl(input_.write_end.get(), F_SETFL, O_NONBLOCK);
    if (unsent_.empty()) input_.write_end.reset();
  }

  /// Until the first process has ended and all it said is read. False when the deadline passed before.
  bool run(const FirstProcess& first) {
    const auto deadline = Clock::now() + command_.deadline;
    bool has_ended = false;
    while (!has_ended || output_.read_end.is_open() || errors_.read_end.is_open() || failure_.read_end.is_open()) {
      throw_if_interrupted();
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return false;
      std::array<pollfd, 5> all = {{{has_ended ? -1 : first.handle(), POLLIN, 0},
                                    {input_.write_end.get(), POLLOUT, 0},
                                    {output_.read_end.get(), POLLIN, 0},
                                    {errors_.read_end.get(), POLLIN, 0},
                                    {failure_.read_end.get(), POLLIN, 0}}};
      poll(all.data(), all.size(), static_cast<int>(std::min<long long>(left, 100)));
      if (all[0].revents) has_ended = true;
      if (all[1].revents) send();
      if (all[2].revents) receive(output_.read_end, result_.output);
      if (all[3].revents) split_lines(receive(errors_.read_end, result_.errors));
      if (all[4].revents) receive_failure();
    }
    if (command_.on_error_line && !line_.empty()) command_.on_error_line(line_);
    return true;
  }

  const SetupFailure& failure() const { return said_; }

 private:
  void send() {
    const ssize_t count = write(input_.write_end.get(), unsent_.data(), unsent_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) unsent_.remove_prefix(static_cast<std::size_t>(count));
    if (count < 0 || unsent_.empty()) input_.write_end.reset();
  }

  std::string_view receive(Descriptor& stream, std::string& kept) {
    const ssize_t count = read(stream.get(), buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) return {};
    if (count <= 0) {
      stream.reset();
      return {};
    }
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    kept += bytes.substr(0, kOutputLimit - std::min(kOutputLimit, kept.size()));
    return bytes;
  }

  void receive_failure() {
    SetupFailure said;
    if (read(failure_.read_end.get(), &said, sizeof said) == sizeof said) said_ = said;
    failure_.read_end.reset();
  }

  void split_lines(std::string_view bytes) {
    if (!command_.on_error_line) return;
    for (const char byte : bytes) {
      if (byte != '\n') {
        if (line_.size() < 65536) line_ += byte;
        continue;
      }
      command_.on_error_line(line_);
      line_.clear();
    }
  }

  const SandboxCommand& command_;
  ProcessResult& result_;
  std::string_view unsent_;
  std::string line_;
  SetupFailure said_;
  Pipe input_, output_, errors_, failure_;
  std::array<char, 65536> buffer_;
};

Inside plan_inside(const SandboxCommand& command) {
  Inside inside;
  inside.mounts = plan_mounts(command);
  inside.filter = &syscall_filter();
  inside.directory = command.directory;
  inside.memory = command.memory_limit;
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"LC_ALL", "C.UTF-8"},
      {"TZ", "UTC"},
      {"HOME", "/root"},
      {"DEBIAN_FRONTEND", "noninteractive"},
      {"SOURCE_DATE_EPOCH", std::to_string(command.source_date_epoch)}};
  for (const auto& [name, value] : command.environment) environment[name] = value;
  for (const auto& [name, value] : environment) inside.environment_text.push_back(fmt::format("{}={}", name, value));
  for (std::string& text : inside.environment_text) inside.environment.push_back(text.data());
  inside.environment.push_back(nullptr);
  for (const std::string& argument : command.argv) inside.arguments.push_back(const_cast<char*>(argument.c_str()));
  inside.arguments.push_back(nullptr);
  return inside;
}

void throw_if_failed(const SetupFailure& failure, const SandboxCommand& command) {
  if (!failure) return;
  throw Error(codes::sandbox_failed,
              fmt::format("cannot {}{}: {}", failure.action, failure.subject, std::strerror(failure.error_number)))
      .within(fmt::format("running `{}` in {}", command.argv[0], command.root.string()));
}

}  // namespace

ProcessResult run_in_sandbox(const SandboxCommand& command) {
  if (!is_in_user_namespace()) throw Error(codes::sandbox_failed, "a sandbox outside a user namespace");
  if (command.argv.empty()) throw Error(codes::sandbox_failed, "a sandbox without a program");
  Inside inside = plan_inside(command);
  ProcessResult result;
  Streams streams(command, result);
  streams.lend_to(inside);
  const SigpipeBlocked sigpipe;
  FirstProcess first(inside);
  streams.close_far_ends();
  result.timed_out = !streams.run(first);
  if (result.timed_out) first.kill_all();
  result.exit_code = first.wait();
  throw_if_failed(streams.failure(), command);
  return result;
}

}  // namespace ainode
