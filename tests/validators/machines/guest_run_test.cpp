// SPDX-License-Identifier: Apache-2.0
// Every way in which a guest or its QEMU can end, played by a stand-in, and the one sentence that each must get.
#include "validators/machines/guest_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <thread>

#include "base/files.h"
#include "validators/machines/guest_process.h"

namespace ainode {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kStandIn = AINODE_SOURCE_DIR "/tests/validators/machines/stand_in_qemu.py";

class GuestRun : public testing::Test {
 protected:
  GuestPlan plan(const std::string& scenario) {
    GuestPlan plan;
    plan.name = "img";
    plan.command = {"python3", kStandIn, scenario, "nonce=n0nce", "state=" + work_.path().string()};
    plan.nonce = "n0nce";
    plan.evidence = work_.path();
    return plan;
  }
  GuestOutcome run(const GuestPlan& plan) {
    RunContext context{silent_events()};
    return run_guest(context, plan, [this](const checks::Message& message) {
      if (message.type == checks::Message::Type::result) results_.push_back(message.result);
    });
  }
  GuestOutcome run(const std::string& scenario) { return run(plan(scenario)); }
  std::string evidence(const std::string& name) { return read_file(work_.path() / name); }

  TemporaryDirectory work_{testing::TempDir()};
  std::vector<CheckResult> results_;
};

bool is_gone(pid_t pid) {
  return kill(pid, 0) != 0 && errno == ESRCH;
}

/// Gone, or dead and waiting for init to collect it.
bool is_dead(pid_t pid) {
  const auto stat = read_file_if_any("/proc/" + std::to_string(pid) + "/stat");
  return is_gone(pid) || !stat || stat->find(") Z ") != std::string::npos;
}

void wait_until_dead(pid_t pid) {
  while (!is_dead(pid)) std::this_thread::sleep_for(milliseconds(20));
}

TEST_F(GuestRun, EndsWithTheAgentsLastWordAndLeavesNoProcess) {
  const GuestOutcome outcome = run("finishes");
  EXPECT_EQ(outcome.code, nullptr) << outcome.text;
  EXPECT_TRUE(outcome.agent_spoke);
  EXPECT_EQ(outcome.boots, 1);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].id, "numa.nodes");
  EXPECT_EQ(evidence("console.log"), "[    0.000000] Linux version 6.12.0-test\r\n");
  EXPECT_THAT(evidence("agent.log"), HasSubstr("\"type\":\"hello\""));
  EXPECT_THAT(evidence("qemu.log"), HasSubstr("virtserialport,chardev=agent,name=ainode.agent"));
}

TEST_F(GuestRun, NamesTheCheckInWhichTheGuestHung) {
  GuestPlan hang = plan("hangs_in_check");
  hang.deadlines.silence = milliseconds(6000);
  const GuestOutcome outcome = run(hang);
  EXPECT_EQ(outcome.code, &codes::guest_hung);
  EXPECT_EQ(outcome.text, "guest `img` hung: nothing was heard of it for 6 s while it ran numa.placement");
  EXPECT_EQ(outcome.doing, "numa.placement");
}

TEST_F(GuestRun, CallsAGuestHungWhenItsConsoleAnswersNoKey) {
  GuestPlan hang = plan("hangs_booting");
  hang.deadlines.silence = milliseconds(1500);
  hang.deadlines.answer = milliseconds(200);
  const GuestOutcome outcome = run(hang);
  EXPECT_EQ(outcome.code, &codes::guest_hung);
  EXPECT_EQ(outcome.text,
            "guest `img` hung: nothing was heard of it for 1.5 s while it booted, and its console answers no key");
  EXPECT_EQ(outcome.last_lines, "[    0.100000] Probing the disk\n");
}

TEST_F(GuestRun, CallsAGuestSilentWhenItsConsoleAnswers) {
  GuestPlan silent = plan("answers_keys");
  silent.deadlines.silence = milliseconds(300);
  const GuestOutcome outcome = run(silent);
  EXPECT_EQ(outcome.code, &codes::guest_silent);
  EXPECT_EQ(outcome.text, "guest `img` never spoke: its console answers, but its agent said no word");
}

TEST_F(GuestRun, CallsAGuestSilentThatOnlyBabblesOnItsConsole) {
  GuestPlan silent = plan("babbles");
  silent.deadlines.whole = milliseconds(1500);
  const GuestOutcome outcome = run(silent);
  EXPECT_EQ(outcome.code, &codes::guest_silent);
  EXPECT_EQ(outcome.text, "guest `img` never spoke: no word of its agent in 1.5 s");
}

TEST_F(GuestRun, TellsAPanicThatResetsFromAReset) {
  const GuestOutcome outcome = run("panics_and_resets");
  EXPECT_EQ(outcome.code, &codes::guest_panicked);
  EXPECT_EQ(outcome.text, "guest `img` panicked while it booted: VFS: Unable to mount root fs");
  EXPECT_EQ(outcome.boots, 1);
}

TEST_F(GuestRun, NoticesAPanicThatStays) {
  GuestPlan panic = plan("panics_and_stays");
  panic.deadlines.last_words = milliseconds(200);
  const GuestOutcome outcome = run(panic);
  EXPECT_EQ(outcome.code, &codes::guest_panicked);
  EXPECT_EQ(outcome.text, "guest `img` panicked while it booted: Attempted to kill init! exitcode=0x0");
}

TEST_F(GuestRun, DoesNotBelieveAPanicOfAGuestThatGoesOnTalking) {
  EXPECT_EQ(run("forges_a_panic").code, nullptr);
}

TEST_F(GuestRun, CallsAGuestRebootingThatResetsAtEveryBoot) {
  const GuestOutcome outcome = run("resets");
  EXPECT_EQ(outcome.code, &codes::guest_rebooted);
  EXPECT_EQ(outcome.text, "guest `img` resets itself again and again: 3 boots, no end");
  EXPECT_EQ(outcome.boots, 3);
}

TEST_F(GuestRun, LetsAGuestResetItselfWhileItBoots) {
  GuestPlan once = plan("resets_at_first");
  once.command.emplace_back("checks=numa.nodes");
  const GuestOutcome outcome = run(once);
  EXPECT_EQ(outcome.code, nullptr) << outcome.text;
  EXPECT_EQ(outcome.boots, 2);
  EXPECT_EQ(results_.size(), 1u);
  EXPECT_THAT(evidence("console.log"), HasSubstr("labelled all files"));
}

TEST_F(GuestRun, StartsNoGuestAgainThatResetsItselfOnceItsAgentSpoke) {
  const GuestOutcome outcome = run("resets_once");
  EXPECT_EQ(outcome.code, &codes::guest_rebooted);
  EXPECT_EQ(outcome.text, "guest `img` reset itself between two checks");
  EXPECT_EQ(outcome.boots, 1);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].verdict, Verdict::fail);
}

TEST_F(GuestRun, KeepsTheKernelsLogAsItCame) {
  const GuestOutcome outcome = run("logs");
  EXPECT_EQ(outcome.code, nullptr) << outcome.text;
  EXPECT_EQ(evidence("kernel.log"), std::string("<6>[    0.000000] Linux\n\x1b]0;owned\a\xff\0\n"
                                                "<0>Kernel panic - not syncing: %s\n",
                                                71));
}

TEST_F(GuestRun, SaysWhereTheKernelsLogCannotBeRead) {
  EXPECT_EQ(run("cannot_log").code, nullptr);
  EXPECT_EQ(evidence("kernel.log"), "[" + printable("\x1b[2Jthe agent cannot read it") + "]\n");
}

TEST_F(GuestRun, TakesNoKernelLogWithoutEnd) {
  const GuestOutcome outcome = run("logs_without_end");
  EXPECT_EQ(outcome.code, &codes::result_malformed);
  EXPECT_THAT(outcome.text, HasSubstr("a kernel log that is too large"));
  EXPECT_LE(evidence("kernel.log").size(), checks::kKernelLogLimit);
}

TEST_F(GuestRun, NamesTheCheckInWhichTheGuestSwitchedItselfOff) {
  const GuestOutcome outcome = run("powers_off");
  EXPECT_EQ(outcome.code, &codes::guest_ended_early);
  EXPECT_EQ(outcome.text, "guest `img` switched itself off before its agent's last word while it ran mem.size");
}

TEST_F(GuestRun, BlamesTheHostWhenQemuIsKilled) {
  const GuestOutcome outcome = run("is_killed");
  EXPECT_EQ(outcome.code, &codes::qemu_died);
  EXPECT_TRUE(outcome.is_infra());
  EXPECT_EQ(outcome.text, "QEMU of guest `img` was killed by signal 9 (Killed)");
}

TEST_F(GuestRun, KeepsWhatQemuSaidOfAMachineThatItRefuses) {
  const GuestOutcome outcome = run("refuses_arguments");
  EXPECT_EQ(outcome.code, &codes::machine_refused);
  EXPECT_EQ(outcome.text, "QEMU of guest `img` ended with exit status 1");
  EXPECT_EQ(outcome.last_lines, "qemu: -device nonsense: 'nonsense' is not a valid device model name\n");
}

TEST_F(GuestRun, CallsItARefusalWhenQemuAbortsBeforeThereIsAGuest) {
  const GuestOutcome outcome = run("aborts");
  EXPECT_EQ(outcome.code, &codes::machine_refused);
  EXPECT_EQ(outcome.text, "QEMU of guest `img` was killed by signal 6 (Aborted)");
  EXPECT_EQ(outcome.last_lines, "qemu: hw/numa.c:1: numa_init: Assertion `nodes > 0' failed.\n");
  EXPECT_EQ(run("aborts_later").code, &codes::qemu_died);
}

TEST_F(GuestRun, CallsItNoRefusalWhenQemuEndsUnderAGuest) {
  const GuestOutcome outcome = run("gives_up_later");
  EXPECT_EQ(outcome.code, &codes::qemu_died);
  EXPECT_EQ(outcome.text, "QEMU of guest `img` ended with exit status 1");
}

TEST_F(GuestRun, RefusesAMessageThatThisRunDidNotMake) {
  const GuestOutcome outcome = run("lies");
  EXPECT_EQ(outcome.code, &codes::result_malformed);
  EXPECT_THAT(outcome.text, HasSubstr("guest `img` sent something malformed: "));
}

/// Runs a guest in a child process, and returns what all its processes used. What the run must show is the child's to
/// say: its exit status is not 0 where that is otherwise.
rusage use_of(const std::function<bool()>& run_guest_as_due) {
  const pid_t harness = fork();
  if (harness == 0) {
    bool is_as_due = false;
    try {
      is_as_due = run_guest_as_due();
    } catch (const std::exception& problem) {
      std::fputs(problem.what(), stderr);
    }
    _exit(is_as_due ? 0 : 1);
  }
  int status = 0;
  rusage use{};
  wait4(harness, &status, 0, &use);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return use;
}

TEST_F(GuestRun, BoundsLogAndMemoryForAConsolesLineOfAGigabyte) {
  constexpr std::uint64_t kLine = std::uint64_t{1} << 30;
#if defined(__SANITIZE_ADDRESS__)
  constexpr long kMostKibibytes = 640 << 10;  // its quarantine keeps what was freed
#else
  constexpr long kMostKibibytes = 128 << 10;
#endif
  const rusage use = use_of([&] {
    const GuestOutcome outcome = run("shouts");
    return outcome.code == nullptr && outcome.console_bytes > kLine - (kLine >> 10);
  });
  EXPECT_LT(use.ru_maxrss, kMostKibibytes);
  EXPECT_LT(fs::file_size(work_.path() / "console.log"), (std::uint64_t{16} << 20) + 200);
}

TEST_F(GuestRun, EndsWhatQemuStarted) {
  EXPECT_EQ(run("leaves_a_child").code, nullptr);
  std::ifstream pids(work_.path() / "pids");
  pid_t qemu = 0, child = 0;
  pids >> qemu >> child;
  ASSERT_GT(child, 0);
  EXPECT_TRUE(is_gone(qemu));
  wait_until_dead(child);
}

TEST_F(GuestRun, SaysThatQemuIsNotInstalled) {
  GuestPlan none = plan("finishes");
  none.command = {"qemu-system-that-is-not-there"};
  try {
    run(none);
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::tool_missing.id);
    EXPECT_EQ(error.message(), "`qemu-system-that-is-not-there` is not installed");
  }
}

/// Runs a guest that hangs in a child process, sends that child a signal once QEMU is up, and returns its wait status.
int end_harness_by(int signal_number, const GuestPlan& plan, const fs::path& pids_file, pid_t& qemu) {
  const pid_t harness = fork();
  if (harness == 0) {
    install_interrupt_handlers();
    RunContext context{silent_events()};
    try {
      run_guest(context, plan, [](const checks::Message&) {});
    } catch (const Error& error) {
      _exit(error.code().id == codes::interrupted.id ? 42 : 43);
    }
    _exit(44);
  }
  while (!fs::exists(pids_file)) std::this_thread::sleep_for(milliseconds(20));
  std::ifstream(pids_file) >> qemu;
  kill(harness, signal_number);
  int status = 0;
  waitpid(harness, &status, 0);
  return status;
}

TEST_F(GuestRun, EndsQemuWhenInterrupted) {
  pid_t qemu = 0;
  const int status = end_harness_by(SIGINT, plan("announces_itself_and_hangs"), work_.path() / "pids", qemu);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
  EXPECT_TRUE(is_dead(qemu));
}

TEST_F(GuestRun, LeavesNoQemuWhenKilled) {
  pid_t qemu = 0;
  const int status = end_harness_by(SIGKILL, plan("announces_itself_and_hangs"), work_.path() / "pids", qemu);
  EXPECT_TRUE(WIFSIGNALED(status));
  wait_until_dead(qemu);
}

TEST_F(GuestRun, EndsAConsoleWhoseTerminalIsGone) {
  const fs::path pids = work_.path() / "pids";
  const pid_t harness = fork();
  if (harness == 0) {
    install_interrupt_handlers();
    try {
      run_on_terminal({"sh", "-c",
                       "echo $$ > " + pids.string() + ".new; mv " + pids.string() + ".new " + pids.string() +
                           "; trap '' HUP TERM; while :; do sleep 1; done"});
    } catch (const Error& error) {
      _exit(error.code().id == codes::interrupted.id ? 42 : 43);
    }
    _exit(44);
  }
  while (!fs::exists(pids)) std::this_thread::sleep_for(milliseconds(20));
  pid_t qemu = 0;
  std::ifstream(pids) >> qemu;
  kill(harness, SIGHUP);
  int status = 0;
  waitpid(harness, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
  EXPECT_TRUE(is_dead(qemu));
}

}  // namespace
}  // namespace ainode
