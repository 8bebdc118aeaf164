// SPDX-License-Identifier: Apache-2.0
// What a program in the sandbox sees, may do, and leaves: shell scripts in a tree that borrows the host's /usr.
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;

/// A tree below an overlay, fresh for each test.
class Sandbox : public ::testing::Test {
 protected:
  Sandbox() : directory_(scratch()) {
    make_tree(tree());
    for (const char* name : {"upper", "work", "merged"}) fs::create_directory(directory_.path() / name);
  }
  fs::path tree() const { return directory_.path() / "tree"; }
  fs::path upper() const { return directory_.path() / "upper"; }
  Overlay overlay() const { return {{tree()}, upper(), directory_.path() / "work", directory_.path() / "merged"}; }

  /// Runs the script in the overlay; what it wrote, and its status unless 0.
  std::string run(const std::string& script) const {
    std::string answer;
    const fs::path file = directory_.path() / "answer";
    inside([&] {
      const Overlay overlay = this->overlay();
      const ProcessResult result = run_in_sandbox(shell(overlay.root(), script));
      answer = result.output + result.errors;
      if (result.exit_code != 0) answer += "status " + std::to_string(result.exit_code) + "\n";
      spill(file, answer);
    });
    return slurp(file);
  }

  TemporaryDirectory directory_;
};

TEST_F(Sandbox, TellsOutputErrorsAndStatusApart) {
  inside([&] {
    const Overlay overlay = this->overlay();
    const ProcessResult result = run_in_sandbox(shell(overlay.root(), "echo out; echo err >&2; exit 3"));
    EXPECT_EQ(result.output, "out\n");
    EXPECT_EQ(result.errors, "err\n");
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_FALSE(result.timed_out);
  });
}

TEST_F(Sandbox, ASignalIsAStatusAbove128) {
  EXPECT_EQ(run("kill -9 $$"), "status 137\n");
}

TEST_F(Sandbox, NothingOfTheHostsEnvironmentIsSeen) {
  setenv("SECRET", "of the host", 1);
  EXPECT_EQ(run("exec env | sort"),
            "DEBIAN_FRONTEND=noninteractive\n"
            "HOME=/root\n"
            "LC_ALL=C.UTF-8\n"
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
            "PWD=/\n"
            "SOURCE_DATE_EPOCH=0\n"
            "TZ=UTC\n");
}

TEST_F(Sandbox, TheCommandsEnvironmentIsAdded) {
  inside([&] {
    const Overlay overlay = this->overlay();
    SandboxCommand command = shell(overlay.root(), "echo $SOURCE_DATE_EPOCH $DPKG_ROOT $HOME; pwd; umask");
    command.environment = {{"DPKG_ROOT", "/x"}, {"HOME", "/elsewhere"}};
    command.source_date_epoch = 1700000000;
    command.directory = "/etc";
    EXPECT_EQ(run_in_sandbox(command).output, "1700000000 /x /elsewhere\n/etc\n0022\n");
  });
}

TEST_F(Sandbox, TheWorldIsSmall) {
  EXPECT_EQ(
      run("ls / /dev /run /tmp; hostname; id -u; id -G; echo $$; cat /proc/net/dev | wc -l; ls /sys 2>&1 | head -1"),
      "/:\nbin\ndev\netc\nlib\nlib64\nproc\nroot\nrun\nsbin\ntmp\nusr\nvar\nwork\n\n"
      "/dev:\nfd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\n"
      "/run:\nlock\n\n"
      "/tmp:\n"
      "localhost\n0\n0\n2\n3\n"
      "ls: cannot access '/sys': No such file or directory\n");
}

TEST_F(Sandbox, LoopbackIsDown) {
  EXPECT_EQ(run("cat /proc/net/fib_trie | grep -c 127.0.0.1; echo x > /dev/tcp/127.0.0.1/1 2>&1"),
            "0\n/bin/sh: 1: cannot create /dev/tcp/127.0.0.1/1: Directory nonexistent\nstatus 2\n");
}

TEST_F(Sandbox, TheDevicesWork) {
  EXPECT_EQ(
      run("echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; head -c 9 /dev/urandom | wc -c; echo y > /dev/full"),
      " 00 00 00\n9\n/bin/sh: 1: echo: echo: I/O error\nstatus 1\n");
}

TEST_F(Sandbox, WhatTheScriptChangesIsTheUpperDirectory) {
  EXPECT_EQ(run("echo new > /etc/made; chmod 640 /etc/owner; echo > /run/x; echo > /tmp/y; echo > /work/z"), "");
  EXPECT_EQ(listing(upper()), (std::vector<std::string>{"etc/", "etc/made", "etc/owner"}));
  struct stat status = {};
  stat((upper() / "etc/owner").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
}

TEST_F(Sandbox, APlainTreeIsReadOnlyAndGetsItsMountPoints) {
  inside([&] {
    const ProcessResult result =
        run_in_sandbox(shell(tree(), "echo x > /etc/owner; echo y > /work/y; cat /work/y /etc/owner"));
    EXPECT_EQ(result.output, "y\ntree\n");
    EXPECT_EQ(result.errors, "/bin/sh: 1: cannot create /etc/owner: Read-only file system\n");
  });
  EXPECT_EQ(slurp(tree() / "etc/owner"), "tree\n");
}

TEST_F(Sandbox, BindsAreShownReadOnlyUnlessAsked) {
  spill(directory_.path() / "in/file", "given\n");
  fs::create_directory(directory_.path() / "out");
  inside([&] {
    SandboxCommand command = shell(
        tree(), "cat /work/deep/in/file /run/one; cp /work/deep/in/file /work/out/copy; echo x > /work/deep/in/file");
    command.binds.push_back({directory_.path() / "in", "/work/deep/in"});
    command.binds.push_back({directory_.path() / "in/file", "/run/one"});
    command.binds.push_back({directory_.path() / "out", "/work/out", true});
    const ProcessResult result = run_in_sandbox(command);
    EXPECT_EQ(result.output, "given\ngiven\n");
    EXPECT_EQ(result.errors, "/bin/sh: 1: cannot create /work/deep/in/file: Read-only file system\n");
  });
  EXPECT_EQ(slurp(directory_.path() / "out/copy"), "given\n");
  EXPECT_EQ(slurp(directory_.path() / "in/file"), "given\n");
}

TEST_F(Sandbox, AReadOnlyBindHoldsForTheMountsBelowIt) {
  const fs::path outer = directory_.path() / "outer";
  fs::create_directories(outer / "inner");
  inside([&] {
    ASSERT_EQ(mount("tmpfs", (outer / "inner").c_str(), "tmpfs", 0, nullptr), 0);
    SandboxCommand command = shell(tree(), "echo x > /work/outer/inner/file");
    command.binds.push_back({outer, "/work/outer"});
    EXPECT_EQ(run_in_sandbox(command).errors,
              "/bin/sh: 1: cannot create /work/outer/inner/file: Read-only file system\n");
  });
}

TEST_F(Sandbox, ALinkOfThePackageDoesNotLeadOut) {
  const fs::path outside = directory_.path() / "outside";
  fs::create_directory(outside);
  fs::remove(tree() / "tmp");
  fs::create_directory_symlink("../outside", tree() / "tmp");
  inside([&] {
    const Overlay overlay = this->overlay();
    const Error error = error_of([&] { run_in_sandbox(shell(overlay.root(), "echo reached > /tmp/file")); });
    EXPECT_EQ(error.message(), "cannot mount on /tmp: No such file or directory");
  });
  EXPECT_EQ(listing(outside), std::vector<std::string>{});
}

TEST_F(Sandbox, ProcHidesWhatContainersHide) {
  // Not every kernel has each of them.
  EXPECT_EQ(
      run("for f in kcore keys timer_list sysrq-trigger kmsg; do test ! -e /proc/$f || wc -c < /proc/$f; done | uniq;"
          "echo 1 > /proc/sys/kernel/hostname"),
      "0\n/bin/sh: 1: cannot create /proc/sys/kernel/hostname: Read-only file system\nstatus 2\n");
}

TEST_F(Sandbox, HoldsTenCapabilitiesAndNoWayToMore) {
  // chown dac_override fowner fsetid kill setgid setuid setpcap sys_chroot setfcap
  EXPECT_EQ(run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"),
            "CapInh:\t0000000000000000\n"
            "CapPrm:\t00000000800401fb\n"
            "CapEff:\t00000000800401fb\n"
            "CapBnd:\t00000000800401fb\n"
            "CapAmb:\t0000000000000000\n"
            "NoNewPrivs:\t1\n"
            "Seccomp:\t2\n");
}

TEST_F(Sandbox, MountsAndNamespacesAreRefused) {
  EXPECT_EQ(
      run("for flag in -U -m -p -n -i -u -C; do unshare $flag true 2>&1; done; mount -t tmpfs t /tmp 2>&1 | head -1;"
          "umount /proc/sys 2>&1; date -s @0 2>&1 | head -1; hostname x 2>&1"),
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "unshare: unshare failed: Operation not permitted\n"
      "mount: /tmp: permission denied.\n"
      "umount: /proc/sys: must be superuser to unmount.\n"
      "date: cannot set date: Operation not permitted\n"
      "hostname: you must be root to change the host name\n"
      "status 1\n");
}

TEST_F(Sandbox, NothingIsSynced) {
  // On a socket, or a closed descriptor, a real fsync fails.
  EXPECT_EQ(
      run("perl -MIO::Handle -e 'pipe R, W; print W->sync ? \"no-op\\n\" : \"real: $!\\n\"'; sync / && echo fine"),
      "no-op\nfine\n");
}

TEST_F(Sandbox, TheFirstProcessIsOutOfReach) {
  EXPECT_EQ(
      run("ls /proc/1/root/ 2>&1; cat /proc/1/environ 2>&1; ls /proc/1/fd 2>/dev/null | wc -l; kill -9 1; echo alive"),
      "ls: cannot access '/proc/1/root/': Permission denied\n"
      "cat: /proc/1/environ: Permission denied\n"
      "0\n"
      "alive\n");
}

TEST_F(Sandbox, MemoryHasALimit) {
  inside([&] {
    SandboxCommand command = shell(tree(), "ulimit -v; ulimit -c; perl -e '$n = 3e8; $x = q(a) x $n; print length $x'");
    command.memory_limit = std::uint64_t{200} << 20;
    const ProcessResult result = run_in_sandbox(command);
    EXPECT_EQ(result.output, "204800\n0\n");
    EXPECT_FALSE(result.succeeded());
  });
}

TEST_F(Sandbox, MuchInputAndOutputFlowTogether) {
  inside([&] {
    SandboxCommand command = shell(tree(), "tee /dev/stderr");
    command.input = std::string(3'000'000, 'x') + "\n";
    std::size_t seen = 0;
    command.on_error_line = [&](std::string_view line) { seen = line.size(); };
    const ProcessResult result = run_in_sandbox(command);
    EXPECT_TRUE(result.output == command.input);
    EXPECT_TRUE(result.errors == command.input);
    EXPECT_EQ(seen, 65536U);
  });
}

TEST_F(Sandbox, InputThatNobodyReadsDoesNoHarm) {
  inside([&] {
    SandboxCommand command = shell(tree(), "exec <&-; sleep 0.05; echo done");
    command.input = std::string(1'000'000, 'x');
    EXPECT_EQ(run_in_sandbox(command).output, "done\n");
  });
}

TEST_F(Sandbox, ErrorLinesComeWhole) {
  inside([&] {
    SandboxCommand command = shell(tree(), "printf 'one\\ntw' >&2; printf 'o\\n\\nthree' >&2");
    std::vector<std::string> lines;
    command.on_error_line = [&](std::string_view line) { lines.emplace_back(line); };
    run_in_sandbox(command);
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "three"}));
  });
}

/// Processes of any pid namespace that still run in our tree's mounts are found by their command line.
int processes_with(const std::string& mark) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (slurp(entry.path() / "cmdline").find(mark) != std::string::npos) ++count;
  }
  return count;
}

TEST_F(Sandbox, ADaemonEndsWithTheProgram) {
  EXPECT_EQ(run("setsid sleep 864213 > /dev/null 2>&1 & echo started"), "started\n");
  EXPECT_EQ(processes_with("864213"), 0);
}

TEST_F(Sandbox, TheDeadlineEndsEverything) {
  inside([&] {
    const std::string mounts = mounts_here();
    {
      const Overlay overlay = this->overlay();
      SandboxCommand command =
          shell(overlay.root(), "trap '' TERM INT; echo begun; setsid sleep 864214 & sleep 864214");
      command.deadline = std::chrono::seconds(1);
      const ProcessResult result = run_in_sandbox(command);
      EXPECT_TRUE(result.timed_out);
      EXPECT_EQ(result.output, "begun\n");
      EXPECT_EQ(result.exit_code, 137);
    }
    EXPECT_EQ(mounts_here(), mounts);
  });
  EXPECT_EQ(processes_with("864214"), 0);
}

TEST_F(Sandbox, ADeadlineHoldsForAProgramThatClosedItsStreams) {
  inside([&] {
    SandboxCommand command = shell(tree(), "exec <&- >&- 2>&-; sleep 864215");
    command.deadline = std::chrono::seconds(1);
    EXPECT_TRUE(run_in_sandbox(command).timed_out);
  });
}

TEST_F(Sandbox, NothingStaysAfterTheParentWasKilled) {
  const std::string mounts = mounts_here();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t runner = fork();
  if (runner == 0) {
    in_user_namespace([&] {
      const Overlay overlay = this->overlay();
      SandboxCommand command = shell(overlay.root(), "echo up >&2; setsid sleep 864216 & sleep 864216");
      command.on_error_line = [&](std::string_view) { EXPECT_EQ(write(ends[1], "x", 1), 1); };
      run_in_sandbox(command);
      return 0;
    });
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  EXPECT_GT(processes_with("864216"), 0);
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  for (int round = 0; round < 2000 && processes_with("864216") > 0; ++round) usleep(5000);
  EXPECT_EQ(processes_with("864216"), 0);
  EXPECT_EQ(mounts_here(), mounts);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(Sandbox, SeveralThreadsRunTheirsAtOnce) {
  inside([&] {
    std::vector<std::thread> threads;
    std::vector<std::string> outputs(8);
    for (int index = 0; index < 8; ++index) {
      threads.emplace_back([&, index] {
        for (int round = 0; round < 5; ++round)
          outputs[index] += run_in_sandbox(shell(tree(), "echo " + std::to_string(index))).output;
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int index = 0; index < 8; ++index) {
      const std::string line = std::to_string(index) + "\n";
      EXPECT_EQ(outputs[index], line + line + line + line + line);
    }
  });
}

TEST_F(Sandbox, AMissingProgramIsNamed) {
  inside([&] {
    SandboxCommand command = shell(tree(), "");
    command.argv = {"frobnicate"};
    const Error error = error_of([&] { run_in_sandbox(command); });
    EXPECT_EQ(error.code().id, codes::sandbox_failed.id);
    EXPECT_EQ(render(error),
              "error[H0008]: cannot run frobnicate: No such file or directory\n  = while: running `frobnicate` in " +
                  tree().string() + "\n");
  });
}

TEST_F(Sandbox, AMissingTreeOrBindIsNamed) {
  inside([&] {
    EXPECT_EQ(error_of([&] { run_in_sandbox(shell("/nonexistent", "")); }).message(),
              "there is no tree at /nonexistent");
    SandboxCommand command = shell(tree(), "");
    command.binds = {{"/nonexistent", "/work/x"}};
    EXPECT_EQ(error_of([&] { run_in_sandbox(command); }).message(), "there is no /nonexistent to show in the sandbox");
    command.binds = {{"/usr", "/opt/usr"}};
    EXPECT_EQ(error_of([&] { run_in_sandbox(command); }).message(),
              "cannot mount on /opt/usr: No such file or directory");
    command.binds = {{"/usr", "/work/../../x"}};
    EXPECT_EQ(error_of([&] { run_in_sandbox(command); }).message(), "cannot mount on /x: No such file or directory");
    command.binds = {{"/usr", "work"}};
    EXPECT_EQ(error_of([&] { run_in_sandbox(command); }).message(),
              "a bind's destination must be an absolute path below /: work");
  });
}

TEST(SandboxOutside, IsRefusedOutsideAUserNamespace) {
  EXPECT_EQ(error_of([] { run_in_sandbox(shell("/", "true")); }).message(), "a sandbox outside a user namespace");
}

}  // namespace
}  // namespace ainode
