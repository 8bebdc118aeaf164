// SPDX-License-Identifier: Apache-2.0
// Nothing of the tree is looked at before the host's files are closed and its mounts let go; and no path of the tree
// is followed through a magic link, which would lead to this very program on the host.
#include "builder/sandbox/inside.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/files.h"
#include "builder/sandbox/confinement.h"
#include "builder/sandbox/resolve.h"

namespace ainode {

namespace {

[[noreturn]] void report(const Inside& inside, const SetupFailure& failure) {
  [[maybe_unused]] const ssize_t written = write(inside.failure, &failure, sizeof failure);
  _exit(127);
}

[[noreturn]] void report_errno(const Inside& inside, const char* action, const char* subject = "") {
  report(inside, {action, subject, errno});
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// The namespace of control groups begins where the process is, so it enters its own first.
void enter_control_group(const Inside& inside) {
  if (inside.control_group >= 0 && write(inside.control_group, "0", 1) != 1)
    report_errno(inside, "enter its control group");
  if (unshare(CLONE_NEWCGROUP) != 0) report_errno(inside, "make a namespace of control groups");
}

/// The clone copied every descriptor that any thread had open. The five that are needed become 0 to 4, where the
/// program keeps the first three.
void keep_own_files(Inside& inside) {
  const std::array<int*, 5> kept = {&inside.input, &inside.output, &inside.errors, &inside.failure, &inside.listener};
  for (int* const file : kept) {
    *file = fcntl(*file, F_DUPFD_CLOEXEC, static_cast<int>(kept.size()));
    if (*file < 0) _exit(127);  // there is nobody to tell
  }
  const int failure = inside.failure;
  for (int number = 0; int* const file : kept) {
    if (dup3(*file, number, number < 3 ? 0 : O_CLOEXEC) < 0) {
      inside.failure = failure;
      report_errno(inside, "connect the streams");
    }
    *file = number++;
  }
  if (syscall(SYS_close_range, static_cast<unsigned>(kept.size()), ~0U, 0U) != 0)
    report_errno(inside, "close the host's files");
}

Descriptor open_without_magic(const char* path, std::uint64_t flags) {
  return open_resolved(AT_FDCWD, path, flags, 0);
}

/// The interpreter that a script's first line names; false for what is no script.
bool take_interpreter(const Descriptor& program, std::array<char, 4096>& path) {
  std::array<char, 256> line = {};
  if (read(program.get(), line.data(), line.size() - 1) < 3 || line[0] != '#' || line[1] != '!') return false;
  const char* start = line.data() + 2;
  start += std::strspn(start, " \t");
  const std::size_t length = std::strcspn(start, " \t\r\n");
  std::memcpy(path.data(), start, length);
  path[length] = 0;
  return length > 0;
}

/// A package's program, or its interpreter, could be a link to /proc/self/exe: then the host's own `ainode` would run,
/// and whoever runs it can open its file. What cannot be opened is left to exec to judge.
void refuse_magic_program(const Inside& inside, std::array<char, 4096>& path) {
  constexpr int kInterpreters = 6;  // exec follows fewer
  for (int depth = 0; depth < kInterpreters; ++depth) {
    const Descriptor program = open_without_magic(path.data(), O_RDONLY | O_NONBLOCK);
    if (!program.is_open() && errno == ELOOP) report_errno(inside, "run ", inside.arguments[0]);
    if (!program.is_open() || !take_interpreter(program, path)) return;
  }
}

/// At every place where execvp would look.
void refuse_magic_programs(const Inside& inside) {
  const char* name = inside.arguments[0];
  std::array<char, 4096> path = {};
  if (std::strchr(name, '/')) {
    if (std::strlen(name) >= path.size()) return;  // exec refuses it
    std::memcpy(path.data(), name, std::strlen(name) + 1);
    return refuse_magic_program(inside, path);
  }
  for (const char* directory = inside.search_path.c_str();; ++directory) {
    const std::size_t length = std::strcspn(directory, ":");
    if (length + 1 + std::strlen(name) < path.size()) {
      std::memcpy(path.data(), directory, length);
      path[length] = '/';
      std::memcpy(path.data() + length + 1, name, std::strlen(name) + 1);
      refuse_magic_program(inside, path);
    }
    directory += length;
    if (*directory == 0) return;
  }
}

void enter_directory(const Inside& inside) {
  const Descriptor directory = open_without_magic(inside.directory.c_str(), O_PATH | O_DIRECTORY);
  if (!directory.is_open() || fchdir(directory.get()) != 0)
    report_errno(inside, "enter the directory ", inside.directory.c_str());
}

bool limit(__rlimit_resource resource, rlim_t value) {
  const struct rlimit both = {value, value};
  return setrlimit(resource, &both) == 0;
}

void limit_resources(const Inside& inside) {
  // One byte, not none: core_pattern(5) may name a program of the host, which only this value keeps from starting.
  if (!limit(RLIMIT_CORE, 1)) report_errno(inside, "set the limit of core files");
  if (!limit(RLIMIT_AS, inside.memory)) report_errno(inside, "set the limit of memory");
  // These are the host's own limits where it allows less.
  limit(RLIMIT_NPROC, inside.processes);
  limit(RLIMIT_NOFILE, 4096);
}

bool send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec text = {&byte, 1};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> buffer = {};
  struct msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = buffer.data();
  message.msg_controllen = buffer.size();
  struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

[[noreturn]] void run_program(const Inside& inside) {
  setsid();
  enter_directory(inside);
  umask(022);
  refuse_magic_programs(inside);
  limit_resources(inside);
  if (!drop_capabilities()) report_errno(inside, "drop capabilities");
  int listener = -1;
  if (!apply_syscall_filter(*inside.filter, listener)) report_errno(inside, "install the filter of system calls");
  // The program never holds it: it is closed at exec.
  if (listener >= 0 && !send_descriptor(inside.listener, listener))
    report_errno(inside, "hand over the listener of refused calls");
  environ = const_cast<char**>(inside.environment.data());
  execvp(inside.arguments[0], inside.arguments.data());
  report_errno(inside, "run ", inside.arguments[0]);
}

/// The C library's fork takes locks that another thread of the parent may have held.
pid_t bare_fork() {
  return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

}  // namespace

Inside plan_inside(const SandboxCommand& command) {
  Inside inside;
  inside.mounts = plan_mounts(command);
  inside.filter = &syscall_filter();
  inside.directory = command.directory;
  inside.memory = command.memory_limit;
  inside.processes = command.process_limit;
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"LC_ALL", "C.UTF-8"},
      {"TZ", "UTC"},
      {"HOME", "/root"},
      {"DEBIAN_FRONTEND", "noninteractive"},
      {"SOURCE_DATE_EPOCH", std::to_string(command.source_date_epoch)}};
  for (const auto& [name, value] : command.environment) environment[name] = value;
  inside.search_path = environment["PATH"];
  for (const auto& [name, value] : environment) inside.environment_text.push_back(fmt::format("{}={}", name, value));
  for (std::string& text : inside.environment_text) inside.environment.push_back(text.data());
  inside.environment.push_back(nullptr);
  for (const std::string& argument : command.argv) inside.arguments.push_back(const_cast<char*>(argument.c_str()));
  inside.arguments.push_back(nullptr);
  return inside;
}

void run_first_process(Inside& inside) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct pollfd parent = {inside.failure, 0, 0};
  if (poll(&parent, 1, 0) < 0 || parent.revents & POLLERR) _exit(127);  // the parent died before it was asked for
  reset_signals();
  setsid();
  enter_control_group(inside);
  keep_own_files(inside);
  if (const SetupFailure failure = enter_tree(inside.mounts)) report(inside, failure);
  if (sethostname("localhost", 9) != 0) report_errno(inside, "set the host name");
  // With its capabilities, this keeps what runs beside it from tracing it.
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

}  // namespace ainode
