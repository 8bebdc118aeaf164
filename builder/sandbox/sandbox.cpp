// SPDX-License-Identifier: Apache-2.0
// One program in its own namespaces, seen from outside: when the first process (PID 1) ends, by itself or killed, the
// kernel ends everything that was started below it.
#include "builder/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"
#include "builder/sandbox/control_group.h"
#include "builder/sandbox/inside.h"
#include "builder/sandbox/refusals.h"

namespace ainode {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kOutputLimit = std::size_t{64} << 20;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends = {};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("create a pipe", errno);
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
  Descriptor read_end, write_end;
};

struct SocketPair {
  SocketPair() {
    std::array<int, 2> ends = {};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw system_error("create a pair of sockets", errno);
    near = Descriptor(ends[0]);
    far = Descriptor(ends[1]);
  }
  Descriptor near, far;
};

/// The one descriptor that the other end sends; none when it was closed before.
Descriptor receive_descriptor(int socket) {
  char byte = 0;
  struct iovec text = {&byte, 1};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> buffer = {};
  struct msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = buffer.data();
  message.msg_controllen = buffer.size();
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return {};
  const struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return {};
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return Descriptor(descriptor);
}

/// The first process, seen from outside: ended and reaped on every way out. Its end is complete only when all of its
/// namespace is gone.
class FirstProcess {
 public:
  explicit FirstProcess(Inside& inside) {
    constexpr unsigned long kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
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
  Streams(const SandboxCommand& command, SandboxResult& result)
      : command_(command), result_(result), unsent_(command.input) {}

  void lend_to(Inside& inside) const {
    inside.input = input_.read_end.get();
    inside.output = output_.write_end.get();
    inside.errors = errors_.write_end.get();
    inside.failure = failure_.write_end.get();
    inside.listener = listener_.far.get();
  }

  void close_far_ends() {
    input_.read_end.reset();
    for (Pipe* pipe : {&output_, &errors_, &failure_}) pipe->write_end.reset();
    listener_.far.reset();
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
      std::array<pollfd, 6> all = {{{has_ended ? -1 : first.handle(), POLLIN, 0},
                                    {input_.write_end.get(), POLLOUT, 0},
                                    {output_.read_end.get(), POLLIN, 0},
                                    {errors_.read_end.get(), POLLIN, 0},
                                    {failure_.read_end.get(), POLLIN, 0},
                                    {listener_.near.get(), POLLIN, 0}}};
      poll(all.data(), all.size(), static_cast<int>(std::min<long long>(left, 100)));
      if (all[0].revents) has_ended = true;
      if (all[1].revents) send();
      if (all[2].revents) receive(output_.read_end, result_.output);
      if (all[3].revents) split_lines(receive(errors_.read_end, result_.errors));
      if (all[4].revents) receive_failure();
      if (all[5].revents) listen(all[5].revents);
    }
    if (command_.on_error_line && !line_.empty()) command_.on_error_line(line_);
    return true;
  }

  const SetupFailure& failure() const { return said_; }
  const std::vector<std::string>& refused() const { return refusals_.noted(); }

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

  /// First the socket, over which the listener of refused calls comes, then that.
  void listen(short events) {
    if (!has_listener_) {
      listener_.near = receive_descriptor(listener_.near.get());
      has_listener_ = true;
    } else if (events & POLLIN) {
      refusals_.answer(listener_.near.get());
    } else {
      listener_.near.reset();
    }
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
  SandboxResult& result_;
  std::string_view unsent_;
  std::string line_;
  SetupFailure said_;
  Refusals refusals_;
  SocketPair listener_;
  bool has_listener_ = false;
  Pipe input_, output_, errors_, failure_;
  std::array<char, 65536> buffer_;
};

void throw_if_failed(const SetupFailure& failure, const SandboxCommand& command) {
  if (!failure) return;
  throw Error(codes::sandbox_failed,
              fmt::format("cannot {}{}: {}", failure.action, failure.subject, std::strerror(failure.error_number)))
      .within(fmt::format("running `{}` in {}", command.argv[0], command.root.string()));
}

}  // namespace

void SandboxResult::explain(Error& error) const {
  for (const std::string& call : refused) error.chain("the sandbox refused " + call);
  for (const std::string& limit : limits) error.chain("the sandbox stopped it at its limit: " + limit);
  if (!limits.empty()) {
    error.help(
        "a program that needs more than this can seldom be meant; leave its package out, or find out why it does");
  } else if (!refused.empty()) {
    error.help("scripts may change their tree, and neither the kernel nor mounts, namespaces or the clock");
  }
}

SandboxResult run_in_sandbox(const SandboxCommand& command) {
  if (!is_in_user_namespace()) throw Error(codes::sandbox_failed, "a sandbox outside a user namespace");
  if (command.argv.empty()) throw Error(codes::sandbox_failed, "a sandbox without a program");
  Inside inside = plan_inside(command);
  SandboxResult result;
  const ControlGroup group(command.process_limit);
  inside.control_group = group.entry();
  Streams streams(command, result);
  streams.lend_to(inside);
  const SigpipeBlocked sigpipe;
  FirstProcess first(inside);
  streams.close_far_ends();
  result.timed_out = !streams.run(first);
  if (result.timed_out) first.kill_all();
  result.exit_code = first.wait();
  throw_if_failed(streams.failure(), command);
  result.refused = streams.refused();
  result.limits = group.limits_hit();
  if (result.timed_out) result.limits.push_back(fmt::format("{} s", command.deadline.count()));
  return result;
}

}  // namespace ainode
