// SPDX-License-Identifier: Apache-2.0
// A child that is root of its own user namespace: the child unshares, this side writes its id maps (itself when root,
// through newuidmap and newgidmap else), then passes signals on until the child ends.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/subordinate_ids.h"

namespace ainode {

namespace {

bool inside_our_namespace = false;

/// What the child says while it sets itself up. `done` comes last; an end without it means that the child died.
struct Progress {
  enum class Stage : int { unshare, ids, mounts, done };
  Stage stage = Stage::unshare;
  int error_number = 0;
};

bool say(int fd, Progress::Stage stage, int error_number) {
  const Progress progress{stage, error_number};
  return write(fd, &progress, sizeof progress) == sizeof progress && error_number == 0;
}

Progress hear(int fd) {
  Progress progress;
  ssize_t count = 0;
  while ((count = read(fd, &progress, sizeof progress)) < 0 && errno == EINTR) {
  }
  if (count != sizeof progress) throw Error(codes::no_user_namespaces, "the child of the user namespace died");
  return progress;
}

std::string sysctl(const char* path) {
  std::string text;
  try {
    text = read_file_if_any(path).value_or("");
  } catch (const Error&) {
    return "";
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string cure_for_namespaces() {
  if (sysctl("/proc/sys/user/max_user_namespaces") == "0")
    return "as root: sysctl -w user.max_user_namespaces=15000 (and the same line in /etc/sysctl.d)";
  if (sysctl("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "as root: sysctl -w kernel.unprivileged_userns_clone=1 (and the same line in /etc/sysctl.d)";
  if (sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root";
  return "inside a container, allow the system calls unshare and mount (docker: --security-opt seccomp=unconfined, "
         "--cap-add SYS_ADMIN), or run on the host";
}

Error namespaces_missing(const std::string& action, int error_number) {
  return Error(codes::no_user_namespaces, fmt::format("cannot {}: {}", action, std::strerror(error_number)))
      .help(cure_for_namespaces());
}

void throw_if_failed(const Progress& progress) {
  if (progress.error_number == 0) return;
  switch (progress.stage) {
    case Progress::Stage::unshare:
      throw namespaces_missing("create a user namespace", progress.error_number);
    case Progress::Stage::ids:
      throw namespaces_missing("become root of the user namespace", progress.error_number);
    case Progress::Stage::mounts:
    case Progress::Stage::done:
      throw namespaces_missing("make the mounts of the user namespace private", progress.error_number);
  }
}

void write_map(pid_t child, const char* file, const std::string& text) {
  const fs::path path = fmt::format("/proc/{}/{}", child, file);
  try {
    write_all(open_file(path, O_WRONLY).get(), text, path);
  } catch (const Error& error) {
    throw Error(codes::no_subuids, fmt::format("cannot map the ids 0 to 65535 ({})", file))
        .because(error)
        .help("inside a container, give it at least 65536 ids; else run on the host");
  }
}

void run_mapper(const char* tool, pid_t child, const std::vector<IdRange>& ranges) {
  Command command;
  command.argv = {tool, std::to_string(child)};
  for (const IdRange& range : ranges) {
    for (const std::uint64_t number : {range.inside, range.outside, range.count})
      command.argv.push_back(std::to_string(number));
  }
  command.deadline = std::chrono::seconds(30);
  const ProcessResult result = run_process(command);
  if (result.succeeded()) return;
  throw Error(codes::no_subuids, fmt::format("{} could not map this user's subordinate ids", tool))
      .chain(printable(result.errors))
      .help(fmt::format("reinstall the package uidmap ({} must be setuid root or carry capabilities); inside a "
                        "container, run as root",
                        tool));
}

std::string user_name() {
  const struct passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_name : "";
}

struct IdMaps {
  std::vector<IdRange> users, groups;
};

/// All that can be known to fail is found before the child starts.
IdMaps maps_of_this_user() {
  if (geteuid() == 0) return {};
  for (const char* tool : {"newuidmap", "newgidmap"}) {
    if (!find_program(tool))
      throw Error(codes::tool_missing, fmt::format("`{}` is not installed", tool)).help("apt-get install uidmap");
  }
  const std::string name = user_name();
  return {subordinate_map("/etc/subuid", name, getuid(), getuid()),
          subordinate_map("/etc/subgid", name, getuid(), getgid())};
}

void map_ids(pid_t child, const IdMaps& maps) {
  if (maps.users.empty()) {
    write_map(child, "uid_map", "0 0 65536\n");
    write_map(child, "gid_map", "0 0 65536\n");
  } else {
    run_mapper("newuidmap", child, maps.users);
    run_mapper("newgidmap", child, maps.groups);
  }
}

bool become_root() {
  return setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0 && setgroups(0, nullptr) == 0;
}

/// A change of ids clears the parent-death signal, so it is asked for again after each.
bool die_with(pid_t parent) {
  return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

[[noreturn]] void run_child(const std::function<int()>& body, pid_t parent, int said, int heard,
                            const sigset_t& signals) noexcept {
  using Stage = Progress::Stage;
  char mapped = 0;
  // A group of its own: a signal of the terminal reaches the parent alone, which passes it on exactly once.
  setpgid(0, 0);
  if (!die_with(parent)) _exit(1);
  if (!say(said, Stage::unshare, unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno)) _exit(1);
  if (read(heard, &mapped, 1) != 1) _exit(1);
  if (!become_root()) {
    say(said, Stage::ids, errno);
    _exit(1);
  }
  if (!die_with(parent)) _exit(1);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    say(said, Stage::mounts, errno);
    _exit(1);
  }
  say(said, Stage::done, 0);
  close(said);
  close(heard);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  inside_our_namespace = true;
  const int status = body();
  std::cout.flush();
  std::fflush(nullptr);
  _exit(status);
}

/// Blocks the signals that are passed on, so that none is lost between the fork and the wait.
class PassedSignals {
 public:
  PassedSignals() {
    sigemptyset(&passed_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD}) sigaddset(&passed_, number);
    sigprocmask(SIG_BLOCK, &passed_, &before_);
  }
  PassedSignals(const PassedSignals&) = delete;
  ~PassedSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  const sigset_t& before() const { return before_; }

  int wait_for(pid_t child) const {
    for (int status = 0;;) {
      if (waitpid(child, &status, WNOHANG) == child)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      const int number = sigwaitinfo(&passed_, nullptr);
      if (number < 0 || number == SIGCHLD) continue;
      kill(child, number);
      if (number == SIGTSTP) raise(SIGSTOP);
    }
  }

 private:
  sigset_t passed_ = {}, before_ = {};
};

/// Ends and reaps the child when its set-up fails on this side.
class StartingChild {
 public:
  explicit StartingChild(pid_t pid) : pid_(pid) {}
  StartingChild(const StartingChild&) = delete;
  ~StartingChild() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  pid_t started() { return std::exchange(pid_, 0); }

 private:
  pid_t pid_;
};

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw system_error("create a pipe", errno);
    read_end = Descriptor(ends[0]);
    write_end = Descriptor(ends[1]);
  }
  Descriptor read_end, write_end;
};

}  // namespace

int in_user_namespace(const std::function<int()>& body) {
  const IdMaps maps = maps_of_this_user();
  // What is buffered here would be written by both processes.
  std::cout.flush();
  std::fflush(nullptr);
  Pipe from_child, to_child;
  const PassedSignals signals;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw system_error("start the child of the user namespace", errno);
  if (pid == 0) {
    from_child.read_end.reset();
    to_child.write_end.reset();
    run_child(body, parent, from_child.write_end.get(), to_child.read_end.get(), signals.before());
  }
  StartingChild child(pid);
  from_child.write_end.reset();
  throw_if_failed(hear(from_child.read_end.get()));
  map_ids(child.pid(), maps);
  write_all(to_child.write_end.get(), "m", "the child of the user namespace");
  throw_if_failed(hear(from_child.read_end.get()));
  return signals.wait_for(child.started());
}

bool is_in_user_namespace() {
  return inside_our_namespace;
}

void leave_network() {
  if (unshare(CLONE_NEWNET) == 0) return;
  throw Error(codes::sandbox_failed, "a network namespace of its own could not be made for an offline build")
      .because(system_error("unshare the network", errno))
      .help("the kernel must allow network namespaces (CONFIG_NET_NS, user.max_net_namespaces)");
}

}  // namespace ainode
