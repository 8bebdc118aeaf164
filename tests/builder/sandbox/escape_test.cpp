// SPDX-License-Identifier: Apache-2.0
// Attempts to get out of the sandbox (escape_probe*.cpp make them), each judged twice: by what the kernel answered
// inside, and by a look at everything outside that it was aimed at.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <ctime>

#include "base/crypto.h"
#include "builder/sandbox/control_group.h"
#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;

struct Attempt {
  std::string probe;
  std::string answers;  ///< all that the probe prints
  std::string refused;  ///< the calls that the result must name, separated by spaces
};

void PrintTo(const Attempt& attempt, std::ostream* out) {
  *out << attempt.probe;
}

/// escape_attempts.txt: "[PROBE] CALLS..." begins an attempt, the lines below it are its answers; # is a comment.
std::vector<Attempt> read_attempts() {
  std::vector<Attempt> attempts;
  std::istringstream lines(slurp(fs::path(AINODE_SOURCE_DIR) / "tests/builder/sandbox/escape_attempts.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t end = line.find(']');
    if (line[0] != '[')
      attempts.back().answers += line + "\n";
    else
      attempts.push_back({line.substr(1, end - 1), "", line.substr(std::min(line.size(), end + 2))});
  }
  return attempts;
}

/// A process of the host that no signal may reach.
class Bystander {
 public:
  Bystander() {
    pid_ = fork();
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  ~Bystander() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Bystander(const Bystander&) = delete;
  pid_t pid() const { return pid_; }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_;
};

/// A listening socket of the host that nobody may reach.
class Listener {
 public:
  explicit Listener(const std::string& abstract_name)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    abstract_name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    listen_at(address, sizeof address.sun_family + 1 + abstract_name.size());
  }
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_at(address, sizeof address);
  }
  int port() const {
    struct sockaddr_in address = {};
    socklen_t size = sizeof address;
    getsockname(socket_.get(), reinterpret_cast<struct sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  bool was_reached() const { return accept(socket_.get(), nullptr, nullptr) >= 0; }

 private:
  template <class Address>
  void listen_at(const Address& address, std::size_t size) {
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const struct sockaddr*>(&address), static_cast<socklen_t>(size)), 0);
    EXPECT_EQ(listen(socket_.get(), 8), 0);
  }
  Descriptor socket_;
};

/// Path, kind, mode, owner, size and content of all below a directory.
std::string fingerprint(const fs::path& root) {
  std::string text;
  for (const std::string& name : listing(root)) {
    struct stat status = {};
    lstat((root / name).c_str(), &status);
    text += name + " " + std::to_string(status.st_mode) + " " + std::to_string(status.st_uid) + " " +
            std::to_string(status.st_nlink) + " " + std::to_string(status.st_mtim.tv_nsec);
    if (S_ISREG(status.st_mode)) text += " " + sha256_hex(slurp(root / name));
    text += "\n";
  }
  return text;
}

/// The host as the attempts could change it, in words that a failed comparison shows.
std::string state_of_host() {
  std::string text = mounts_here();
  for (const char* name : {"kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/modprobe",
                           "kernel/pid_max", "kernel/sysrq", "vm/overcommit_memory", "net/ipv4/ip_forward"})
    text += std::string(name) + ": " + slurp(fs::path("/proc/sys") / name);
  for (const char* name : {"/proc/swaps", "/proc/modules"}) {
    std::istringstream lines(slurp(name));
    // Without counts of use, which others change.
    for (std::string line; std::getline(lines, line);) text += line.substr(0, line.find(' ')) + "\n";
  }
  return text;
}

/// Seconds by which the wall clock was moved against the steady one.
double clock_offset() {
  struct timespec wall = {}, steady = {};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &steady);
  return static_cast<double>(wall.tv_sec - steady.tv_sec) + static_cast<double>(wall.tv_nsec - steady.tv_nsec) / 1e9;
}

/// A tree, what lies beside it on the host, and the probe shown at /work/probe.
class EscapeWorld {
 public:
  EscapeWorld() : directory_(scratch()), abstract_(directory_.path().filename().string()) {
    make_tree(at("tree"));
    spill(at("tree/etc/lower-only"), "of the store\n");
    // The store's objects are linked into the tree.
    fs::create_directory(at("objects"));
    fs::create_hard_link(at("tree/etc/owner"), at("objects/owner"));
    spill(at("outside/canary"), "of the host\n");
    spill(at("in/file"), "shown\n");
    for (const char* name : {"upper", "work", "merged"}) fs::create_directory(at(name));
  }
  fs::path at(const std::string& name) const { return directory_.path() / name; }

  SandboxCommand command(const fs::path& root, const std::string& probe) const {
    SandboxCommand command;
    command.root = root;
    command.argv = {"/work/probe", probe};
    for (const std::string& argument : arguments_of(probe)) command.argv.push_back(argument);
    command.argv.push_back(directory_.path());  // for probes_alive
    command.binds = {{fs::path(AINODE_BINARY_DIR) / "escape-probe", "/work/probe"}, {at("in"), "/work/in"}};
    command.process_limit = kProcesses;
    command.memory_limit = kMemory;
    command.deadline = std::chrono::seconds(60);
    return command;
  }
  /// All that must be as before; the upper directory alone may change.
  std::string state() const {
    std::string text = state_of_host();
    for (const char* name : {"tree", "objects", "outside", "in"}) text += fingerprint(at(name));
    return text;
  }
  void expect_nobody_came() const {
    EXPECT_TRUE(bystander_.lives());
    EXPECT_FALSE(internet_.was_reached());
    EXPECT_FALSE(abstract_.was_reached());
  }

  /// How many processes of the host are this world's probe; tests beside this one have their own.
  int probes_alive() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc"))
      count += slurp(entry.path() / "cmdline").find(directory_.path().string()) != std::string::npos;
    return count;
  }

  static constexpr std::uint64_t kProcesses = 64, kMemory = std::uint64_t{256} << 20;

 private:
  std::vector<std::string> arguments_of(const std::string& probe) const {
    if (probe == "chroot-and-climb" || probe == "links") return {at("outside/canary")};
    if (probe == "outside-process") return {std::to_string(bystander_.pid())};
    if (probe == "host-network") return {std::to_string(internet_.port()), directory_.path().filename()};
    if (probe == "fork-bomb") return {std::to_string(kProcesses)};
    if (probe == "memory-bomb") return {std::to_string(kMemory)};
    return {};
  }

  TemporaryDirectory directory_;
  Bystander bystander_;
  Listener internet_, abstract_;
};

/// A kernel without 32-bit programs answers ENOSYS, or kills who asks.
bool knows_32_bit_programs() {
  const pid_t child = fork();
  if (child == 0) {
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
    _exit(result == getpid() ? 0 : 1);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class Escape : public ::testing::TestWithParam<Attempt> {};

TEST_P(Escape, IsContained) {
  const Attempt& attempt = GetParam();
  if (attempt.probe == "interrupt-door" && !knows_32_bit_programs()) GTEST_SKIP() << "no 32-bit programs run here";
  const EscapeWorld world;
  const std::string before = world.state();
  const double clock_before = clock_offset();
  inside([&] {
    const Overlay overlay({world.at("tree")}, world.at("upper"), world.at("work"), world.at("merged"));
    const SandboxResult result = run_in_sandbox(world.command(overlay.root(), attempt.probe));
    EXPECT_EQ(result.output, attempt.answers);
    EXPECT_EQ(result.errors, "");
    EXPECT_EQ(result.exit_code, 0);
    std::string refused;
    for (const std::string& call : result.refused) {
      EXPECT_NE(call.find(", asked for by probe"), std::string::npos) << call;
      refused += (refused.empty() ? "" : " ") + call.substr(0, call.find(','));
    }
    EXPECT_EQ(refused, attempt.refused);
  });
  EXPECT_EQ(world.state(), before);
  EXPECT_NEAR(clock_offset(), clock_before, 0.5);
  world.expect_nobody_came();
}

INSTANTIATE_TEST_SUITE_P(, Escape, ::testing::ValuesIn(read_attempts()), [](const auto& info) {
  std::string name = info.param.probe;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

/// Attempts that need a view of their own.
class EscapeOf : public ::testing::Test {
 protected:
  /// The result of one probe in an overlay.
  void run(const std::string& probe, const std::function<void(SandboxCommand&)>& change,
           const std::function<void(const SandboxResult&)>& judge) const {
    const std::string before = world_.state();
    inside([&] {
      const Overlay overlay({world_.at("tree")}, world_.at("upper"), world_.at("work"), world_.at("merged"));
      SandboxCommand command = world_.command(overlay.root(), probe);
      change(command);
      judge(run_in_sandbox(command));
    });
    EXPECT_EQ(world_.state(), before);
    world_.expect_nobody_came();
  }

  /// The error of a program that `change` made of the tree.
  std::string error_in_tree(const std::function<void(SandboxCommand&)>& change) const {
    std::string message;
    const fs::path file = world_.at("message");
    inside([&] {
      const Overlay overlay({world_.at("tree")}, world_.at("upper"), world_.at("work"), world_.at("merged"));
      SandboxCommand command = world_.command(overlay.root(), "identity");
      change(command);
      spill(file, error_of([&] { run_in_sandbox(command); }).message());
    });
    return slurp(file);
  }

  EscapeWorld world_;
};

TEST_F(EscapeOf, AForkBombMeetsItsLimitAndTheHostForksOn) {
  const bool has_group = ControlGroup(8).exists();
  if (!has_group && geteuid() == 0)
    GTEST_SKIP() << "RLIMIT_NPROC does not bind root, and no control group can be made here";
  bool host_forked = false;
  run(
      "fork-bomb",
      [&](SandboxCommand& command) {
        command.on_error_line = [&](std::string_view line) {
          if (line != "at its height") return;
          EXPECT_LE(world_.probes_alive(), static_cast<int>(EscapeWorld::kProcesses));
          const pid_t child = fork();
          if (child == 0) _exit(7);
          int status = 0;
          host_forked = waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7;
        };
      },
      [&](const SandboxResult& result) {
        EXPECT_EQ(result.output, "stopped by EAGAIN\nwithin the limit\n");
        // Without a group that counts, nobody can tell.
        EXPECT_EQ(result.limits,
                  has_group ? std::vector<std::string>{"64 processes at once"} : std::vector<std::string>{});
        EXPECT_TRUE(host_forked);
        EXPECT_EQ(world_.probes_alive(), 0);
      });
}

TEST_F(EscapeOf, EndlessOutputIsCutAndTheDeadlineEndsIt) {
  run(
      "endless-output",
      [](SandboxCommand& command) {
        command.deadline = std::chrono::seconds(2);
        // A line without an end is held to its limit as well.
        command.on_error_line = [](std::string_view line) { EXPECT_LE(line.size(), 65536U); };
      },
      [](const SandboxResult& result) {
        EXPECT_TRUE(result.timed_out);
        EXPECT_LE(result.output.size(), std::size_t{64} << 20);
        EXPECT_LE(result.errors.size(), std::size_t{64} << 20);
        EXPECT_EQ(result.limits, std::vector<std::string>{"2 s"});
      });
}

TEST_F(EscapeOf, ADaemonThatIgnoresSignalsIsGone) {
  run(
      "daemon", [](SandboxCommand&) {},
      [&](const SandboxResult& result) {
        EXPECT_EQ(result.output, "started\n");
        EXPECT_EQ(world_.probes_alive(), 0);
      });
}

TEST_F(EscapeOf, AProgramThatIsALinkToTheHostsProgramIsRefused) {
  fs::create_symlink("/proc/self/exe", world_.at("tree/etc/link"));
  spill(world_.at("tree/etc/script"), "#! /proc/self/exe\n");
  spill(world_.at("tree/etc/again"), "#!/etc/script -x\n");
  for (const char* name : {"script", "again"}) fs::permissions(world_.at("tree/etc") / name, fs::perms(0755));
  for (const std::string program : {"/proc/self/exe", "/etc/link", "/etc/script", "/etc/again"}) {
    EXPECT_EQ(error_in_tree([&](SandboxCommand& command) { command.argv = {program}; }),
              "cannot run " + program + ": Too many levels of symbolic links");
  }
  EXPECT_EQ(error_in_tree([&](SandboxCommand& command) {
              command.argv = {"link"};
              command.environment["PATH"] = "/bin:/etc";
            }),
            "cannot run link: Too many levels of symbolic links");
}

TEST_F(EscapeOf, ADirectoryThatIsALinkToAnOpenOneOfTheHostIsRefused) {
  const Descriptor open_on_host = open_file(world_.at("outside"), O_PATH | O_DIRECTORY);
  fs::create_symlink("/proc/self/fd/" + std::to_string(open_on_host.get()), world_.at("tree/etc/link"));
  EXPECT_EQ(error_in_tree([](SandboxCommand& command) { command.directory = "/etc/link"; }),
            "cannot enter the directory /etc/link: No such file or directory");
  EXPECT_EQ(error_in_tree([](SandboxCommand& command) { command.directory = "/proc/self/fd/0"; }),
            "cannot enter the directory /proc/self/fd/0: Too many levels of symbolic links");
}

TEST_F(EscapeOf, ASetIdFileOfAScriptCannotBeReachedByOthersOnTheHost) {
  run(
      "set-id-file", [](SandboxCommand&) {}, [](const SandboxResult& result) { EXPECT_TRUE(result.succeeded()); });
  const fs::path file = world_.at("upper/etc/set-id");
  EXPECT_EQ(fs::status(file).permissions() & fs::perms::set_uid, fs::perms::set_uid);
  EXPECT_EQ(fs::status(world_.at("")).permissions(), fs::perms::owner_all);
  if (geteuid() != 0) return;  // who is not root cannot become another
  const pid_t other = fork();
  if (other == 0) {
    if (setresuid(33, 33, 33) != 0) _exit(1);
    execl(file.c_str(), file.c_str(), "identity", nullptr);
    _exit(errno == EACCES ? 2 : 3);
  }
  int status = 0;
  waitpid(other, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

TEST(SandboxResult, ExplainsAnErrorByWhatWasRefusedAndWhichLimitWasMet) {
  SandboxResult result;
  result.refused = {"mount, asked for by sh", "bpf, asked for by x"};
  Error refused(codes::script_failed, "the postinst of x failed");
  result.explain(refused);
  EXPECT_EQ(render(refused),
            "error[B0002]: the postinst of x failed\n"
            "  × the sandbox refused mount, asked for by sh\n"
            "  ╰─▶ the sandbox refused bpf, asked for by x\n"
            "  = help: scripts may change their tree, and neither the kernel nor mounts, namespaces or the clock\n");
  result.refused.clear();
  result.limits = {"4096 processes at once"};
  Error limited(codes::script_failed, "the postinst of x failed");
  result.explain(limited);
  EXPECT_EQ(render(limited),
            "error[B0002]: the postinst of x failed\n"
            "  × the sandbox stopped it at its limit: 4096 processes at once\n"
            "  = help: a program that needs more than this can seldom be meant; leave its package out, or find out why "
            "it does\n");
}

}  // namespace
}  // namespace ainode
