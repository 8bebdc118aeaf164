// SPDX-License-Identifier: Apache-2.0
// The user namespace as root and as an ordinary user (who lives in a private /etc of the test), its signals and its
// end.
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;

/// Runs `body` in a plain child process; its exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Ends at the end of everyone who inherited it, so that a test sees processes vanish without knowing their ids.
class Witness {
 public:
  Witness() { EXPECT_EQ(pipe(ends_), 0); }
  ~Witness() {
    for (const int end : ends_) close(end);
  }
  /// In each process that is to be witnessed: nothing to do, the write end is inherited. Here: let go of ours.
  bool all_gone() {
    close(std::exchange(ends_[1], -1));
    struct pollfd end = {ends_[0], POLLIN, 0};
    return poll(&end, 1, 20000) == 1 && (end.revents & POLLHUP);
  }
  void say() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void hear() const {
    char byte = 0;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2] = {-1, -1};
};

constexpr uid_t kUser = 54321;

/// Becomes an ordinary user whose /etc/passwd, subuid and subgid are private to this process.
void become_user(const fs::path& directory, const std::string& subordinate) {
  ASSERT_EQ(unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  spill(directory / "passwd", slurp("/etc/passwd") + "ada:x:54321:54321::/nonexistent:/bin/sh\n");
  for (const char* name : {"subuid", "subgid"}) spill(directory / name, subordinate);
  for (const char* name : {"passwd", "subuid", "subgid"})
    ASSERT_EQ(mount((directory / name).c_str(), (fs::path("/etc") / name).c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(setgroups(0, nullptr), 0);
  ASSERT_EQ(setresgid(kUser, kUser, kUser), 0);
  ASSERT_EQ(setresuid(kUser, kUser, kUser), 0);
  // As after a login: else /proc/PID belongs to root, and newuidmap refuses.
  ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

/// What an ordinary user with this /etc/subuid gets: the body's output, or the error.
std::string as_user(const std::string& subordinate, const std::function<std::string()>& body) {
  const TemporaryDirectory directory = scratch();
  fs::permissions(directory.path(), fs::perms(0755));
  spill(directory.path() / "answer", "");
  fs::permissions(directory.path() / "answer", fs::perms(0666));
  in_child([&] {
    become_user(directory.path(), subordinate);
    std::ofstream answer(directory.path() / "answer");
    try {
      in_user_namespace([&] {
        try {
          answer << body();
        } catch (const Error& error) {
          answer << render(error);
        }
        answer.flush();
        return 0;
      });
    } catch (const Error& error) {
      answer << render(error);
    }
    answer.flush();
    return 0;
  });
  return slurp(directory.path() / "answer");
}

#define SKIP_UNLESS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user needs root"

TEST(UserNamespace, TheBodyIsRootOfAllIds) {
  const TemporaryDirectory directory = scratch();
  spill(directory.path() / "file", "");
  inside([&] {
    EXPECT_EQ(getuid(), 0U);
    EXPECT_EQ(getegid(), 0U);
    EXPECT_TRUE(is_in_user_namespace());
    EXPECT_EQ(chown((directory.path() / "file").c_str(), 65535, 65535), 0);
    EXPECT_NE(chown((directory.path() / "file").c_str(), 65536, 0), 0);
    EXPECT_EQ(chown((directory.path() / "file").c_str(), 0, 0), 0);
  });
  EXPECT_FALSE(is_in_user_namespace());
}

TEST(UserNamespace, ReturnsTheBodysStatus) {
  EXPECT_EQ(in_user_namespace([] { return 77; }), 77);
  EXPECT_EQ(in_user_namespace([]() -> int {
              raise(SIGKILL);
              return 0;
            }),
            128 + SIGKILL);
}

TEST(UserNamespace, MountsStayInside) {
  const TemporaryDirectory directory = scratch();
  const std::string before = mounts_here();
  inside([&] { EXPECT_EQ(mount("tmpfs", directory.path().c_str(), "tmpfs", 0, nullptr), 0); });
  EXPECT_EQ(mounts_here(), before);
}

TEST(UserNamespace, TheCallersSignalMaskComesBack) {
  inside([] {
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_FALSE(sigismember(&blocked, SIGINT));
  });
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_FALSE(sigismember(&blocked, SIGINT));
}

TEST(UserNamespace, ASignalReachesTheBodyAndItsStatusComesBack) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Witness ready;
    const pid_t runner = fork();
    if (runner == 0) {
      _exit(in_user_namespace([&] {
        for (const int each : {SIGINT, SIGTERM, SIGHUP}) signal(each, [](int received) { _exit(10 + received); });
        ready.say();
        for (;;) pause();
        return 0;
      }));
    }
    ready.hear();
    kill(runner, number);
    int status = 0;
    waitpid(runner, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 10 + number);
    EXPECT_TRUE(ready.all_gone());
  }
}

TEST(UserNamespace, OneSignalToTheWholeGroupArrivesOnce) {
  Witness ready;
  const pid_t runner = fork();
  if (runner == 0) {
    setpgid(0, 0);
    signal(SIGINT, SIG_IGN);
    _exit(in_user_namespace([&] {
      static volatile int count = 0;
      static const Witness* const witness = &ready;
      signal(SIGINT, [](int) {
        count = count + 1;
        witness->say();
      });
      signal(SIGTERM, [](int) { _exit(count); });
      ready.say();
      for (;;) pause();
      return 0;
    }));
  }
  ready.hear();
  kill(-runner, SIGINT);
  ready.hear();
  kill(runner, SIGTERM);
  int status = 0;
  waitpid(runner, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(ready.all_gone());
}

TEST(UserNamespace, TheChildDiesWithItsParent) {
  Witness witness;
  const pid_t runner = fork();
  if (runner == 0) {
    in_user_namespace([&] {
      witness.say();
      for (;;) pause();
      return 0;
    });
    _exit(1);
  }
  witness.hear();
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  EXPECT_TRUE(witness.all_gone());
}

TEST(UserNamespace, AnOrdinaryUserWithSubuidsIsRootOfAllIds) {
  SKIP_UNLESS_ROOT();
  EXPECT_EQ(as_user("ada:700000:65536\n",
                    [] {
                      return "uid " + std::to_string(getuid()) + "\n" + slurp("/proc/self/uid_map") +
                             slurp("/proc/self/gid_map");
                    }),
            "uid 0\n"
            "         0      54321          1\n"
            "         1     700000      65535\n"
            "         0      54321          1\n"
            "         1     700000      65535\n");
}

TEST(UserNamespace, AnOrdinaryUserRunsASandbox) {
  SKIP_UNLESS_ROOT();
  EXPECT_EQ(as_user("ada:700000:65536\n",
                    [] {
                      const TemporaryDirectory directory("/tmp");
                      const fs::path& at = directory.path();
                      make_tree(at / "tree");
                      for (const char* name : {"upper", "work", "merged"}) fs::create_directory(at / name);
                      const Overlay overlay({at / "tree"}, at / "upper", at / "work", at / "merged");
                      const auto result = run_in_sandbox(
                          shell(overlay.root(), "chown 42:43 etc/owner && stat -c %u:%g /etc/owner && id -u"));
                      return result.output + result.errors;
                    }),
            "42:43\n0\n");
}

TEST(UserNamespace, WithoutSubuidsTheErrorSaysHowToGetThem) {
  SKIP_UNLESS_ROOT();
  const std::string text = as_user("bob:700000:65536\n", [] { return std::string("ran"); });
  EXPECT_EQ(text,
            "error[H0006]: /etc/subuid gives user `ada` 0 of the 65535 subordinate ids that a build needs\n"
            "  = help: as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada\n");
}

TEST(UserNamespace, WithNamespacesOffTheErrorSaysHowToAllowThem) {
  inside([] {
    std::ofstream("/proc/sys/user/max_user_namespaces") << "0";
    const Error error = error_of([] { in_user_namespace([] { return 0; }); });
    EXPECT_EQ(error.code().id, codes::no_user_namespaces.id);
    EXPECT_EQ(error.message(), "cannot create a user namespace: No space left on device");
    EXPECT_EQ(error.hint(), "as root: sysctl -w user.max_user_namespaces=15000 (and the same line in /etc/sysctl.d)");
  });
}

TEST(UserNamespace, AMissingMapperIsNamed) {
  SKIP_UNLESS_ROOT();
  const TemporaryDirectory directory = scratch();
  fs::permissions(directory.path(), fs::perms(0755));
  const int status = in_child([&] {
    // A program that may not be run is none: hide it behind a device.
    EXPECT_EQ(unshare(CLONE_NEWNS), 0);
    EXPECT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    EXPECT_EQ(mount("/dev/null", "/usr/bin/newgidmap", nullptr, MS_BIND, nullptr), 0);
    become_user(directory.path(), "ada:700000:65536\n");
    const Error error = error_of([] { in_user_namespace([] { return 0; }); });
    EXPECT_EQ(render(error), "error[H0004]: `newgidmap` is not installed\n  = help: apt-get install uidmap\n");
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ainode
