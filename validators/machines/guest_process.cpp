// SPDX-License-Identifier: Apache-2.0
// fork, a process group of its own, the death signal, exec. Between fork and exec nothing allocates.
#include "validators/machines/guest_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/process.h"
#include "base/steps.h"
#include "validators/checks/protocol.h"

namespace ainode {

namespace {

struct Channel {
  Descriptor ours, theirs;
  Channel() {
    std::array<int, 2> ends = {};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw system_error("create a channel to QEMU", errno);
    ours = Descriptor(ends[0]);
    theirs = Descriptor(ends[1]);
    fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  }
};

std::string find_qemu(const std::string& name) {
  if (const auto program = find_program(name)) return program->string();
  throw Error(codes::tool_missing, fmt::format("`{}` is not installed", name))
      .help("install qemu-system-x86, or name another program with --qemu");
}

void restore_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// In the child: dies with the parent, even when that died before prctl.
void die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
}

[[noreturn]] void exec_or_exit(const char* program, char* const* arguments) {
  execv(program, arguments);
  const char* reason = strerrorname_np(errno);
  for (const char* part : {program, ": cannot be run: ", reason ? reason : "unknown error", "\n"}) {
    [[maybe_unused]] const ssize_t written = write(2, part, strlen(part));
  }
  _exit(127);
}

std::vector<char*> argument_pointers(const std::vector<std::string>& command) {
  std::vector<char*> pointers;
  pointers.reserve(command.size() + 1);
  for (const std::string& argument : command) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

void append_channels(std::vector<std::string>& command, int console, int agent, int monitor) {
  command.insert(command.end(),
                 {"-chardev", fmt::format("socket,id=console,fd={}", console), "-serial", "chardev:console", "-chardev",
                  fmt::format("socket,id=agent,fd={}", agent), "-device",
                  fmt::format("virtserialport,chardev=agent,name={}", checks::kPortName), "-chardev",
                  fmt::format("socket,id=monitor,fd={}", monitor), "-mon", "chardev=monitor,mode=control"});
}

/// utime + stime of /proc/PID/stat, behind the name that may hold blanks and parentheses.
double read_cpu_seconds(pid_t pid) {
  const auto stat = read_file_if_any(fmt::format("/proc/{}/stat", pid));
  if (!stat) return 0;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Seconds each thread spent runnable but not running (the second field of schedstat; none where the kernel has none).
FairTime::Waits read_waits(pid_t pid) {
  FairTime::Waits waits;
  std::error_code ignored;
  for (fs::directory_iterator it(fmt::format("/proc/{}/task", pid), ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    double ran = 0, waited = 0;
    try {
      std::istringstream fields(read_file_if_any(it->path() / "schedstat").value_or(""));
      if (fields >> ran >> waited) waits[it->path().filename().string()] = waited / 1e9;
    } catch (const Error&) {
      continue;  // the thread ended while it was looked at
    }
  }
  return waits;
}

}  // namespace

GuestProcess::GuestProcess(std::vector<std::string> command) : command_(std::move(command)) {
  const std::string program = find_qemu(command_.at(0));
  Channel console, agent, monitor, errors;
  append_channels(command_, console.theirs.get(), agent.theirs.get(), monitor.theirs.get());
  const std::vector<char*> arguments = argument_pointers(command_);
  const Descriptor no_input = open_file("/dev/null", O_RDONLY);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw system_error("start " + program, errno);
  if (pid_ == 0) {
    setpgid(0, 0);
    die_with(parent);
    restore_signals();
    dup2(no_input.get(), 0);
    dup2(errors.theirs.get(), 1);
    dup2(errors.theirs.get(), 2);
    for (const int fd : {console.theirs.get(), agent.theirs.get(), monitor.theirs.get()}) fcntl(fd, F_SETFD, 0);
    exec_or_exit(program.c_str(), arguments.data());
  }
  setpgid(pid_, pid_);  // both sides do it, so that kill() finds the group however early it comes
  console_ = std::move(console.ours);
  agent_ = std::move(agent.ours);
  monitor_ = std::move(monitor.ours);
  errors_ = std::move(errors.ours);
}

GuestProcess::~GuestProcess() {
  kill();
}

std::optional<int> GuestProcess::poll_exit() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = status;
    ::kill(-pid_, SIGKILL);  // what it may have started itself
  }
  return status_;
}

void GuestProcess::kill() {
  if (status_) return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
}

namespace {

bool is_control(char letter) {
  return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
}

/// In bash's $'…', so that no tab or newline stands in a line that is shown and copied.
std::string quoted_with_escapes(const std::string& word) {
  std::string escaped;
  for (const char letter : word) {
    if (is_control(letter))
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned>(letter));
    else
      escaped += (letter == '\'' || letter == '\\' ? "\\" : "") + std::string(1, letter);
  }
  return "$'" + escaped + "'";
}

std::string quoted_word(const std::string& word) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  if (std::any_of(word.begin(), word.end(), is_control)) return quoted_with_escapes(word);
  std::string escaped = word;
  for (std::size_t at = 0; (at = escaped.find('\'', at)) != std::string::npos; at += 4) escaped.replace(at, 1, "'\\''");
  return "'" + escaped + "'";
}

}  // namespace

std::string quoted(const std::vector<std::string>& command) {
  std::string line;
  for (const std::string& word : command) line += (line.empty() ? "" : " ") + quoted_word(word);
  return line;
}

std::string describe_exit(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return fmt::format("was killed by signal {} ({})", WTERMSIG(wait_status), sigdescr_np(WTERMSIG(wait_status)));
  return fmt::format("ended with exit status {}", WEXITSTATUS(wait_status));
}

GuestClock::GuestClock(pid_t pid) : pid_(pid), last_(std::chrono::steady_clock::now()), time_(read_waits(pid)) {}

void GuestClock::tick() {
  const auto now = std::chrono::steady_clock::now();
  const Duration passed = now - last_;
  last_ = now;
  cpu_seconds_ = std::max(cpu_seconds_, read_cpu_seconds(pid_));
  time_.add(passed, read_waits(pid_));
}

namespace {

/// The terminal's settings, put back at the end: a killed QEMU leaves the terminal raw.
class TerminalSettings {
 public:
  TerminalSettings() : is_terminal_(tcgetattr(0, &settings_) == 0) {}
  TerminalSettings(const TerminalSettings&) = delete;
  TerminalSettings& operator=(const TerminalSettings&) = delete;
  ~TerminalSettings() {
    if (is_terminal_) tcsetattr(0, TCSANOW, &settings_);
  }

 private:
  struct termios settings_ = {};
  bool is_terminal_;
};

/// Waits for a child of our own process group; ends it when a signal (the terminal is gone, say) asks us to end.
int wait_in_foreground(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (is_interrupted()) {
      ::kill(child, SIGKILL);
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    poll(nullptr, 0, 50);
  }
  return status;
}

}  // namespace

int run_on_terminal(const std::vector<std::string>& command) {
  const std::string program = find_qemu(command.at(0));
  const std::vector<char*> arguments = argument_pointers(command);
  const TerminalSettings settings;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw system_error("start " + program, errno);
  if (child == 0) {
    die_with(parent);
    restore_signals();
    exec_or_exit(program.c_str(), arguments.data());
  }
  const int status = wait_in_foreground(child);
  throw_if_interrupted();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace ainode
