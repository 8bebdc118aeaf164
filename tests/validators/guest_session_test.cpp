// SPDX-License-Identifier: Apache-2.0
// A session over a small image and a stand-in for QEMU that listens as the agent does, or as it should not.
#include "validators/guest_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"
#include "tests/validators/small_image.h"

namespace ainode {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class Session : public testing::Test {
 protected:
  void SetUp() override { make_small_image(work_.path(), image_); }

  SessionOptions options(const std::string& scenario) {
    SessionOptions options;
    options.image = image_;
    options.qemu = stand_in_qemu(work_.path() / "qemu", scenario + " state=" + work_.path().string());
    return options;
  }
  /// What a call throws: its code and message.
  template <class Call>
  std::string failure(const Call& call) {
    try {
      call();
      return "nothing";
    } catch (const Error& error) {
      hint_ = error.hint();
      return std::string(error.code().id) + ": " + error.message();
    }
  }
  /// What a command throws in this scenario. Every call afterwards throws the same.
  std::string failure_of_command(const SessionOptions& options) {
    GuestSession session(options);
    std::string first = failure([&] { session.run({"uname", "-r"}, seconds(1)); });
    EXPECT_EQ(failure([&] { session.run({"uname", "-r"}, seconds(1)); }), first);
    EXPECT_EQ(failure([&] { session.validate({}); }), first);
    return first;
  }
  std::string failure_of_command(const std::string& scenario) { return failure_of_command(options(scenario)); }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path image_ = work_.path() / "image";
  std::string hint_;
};

TEST_F(Session, RunsCommandsOneAfterTheOther) {
  GuestSession session(options("answers"));
  session.wait_ready(seconds(60));
  for (const std::string word : {"one", "two"}) {
    const CommandResult result = session.run({"echo", "number", word}, seconds(60));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out, "number " + word + "\n");
    EXPECT_EQ(result.err, "");
    EXPECT_FALSE(result.timed_out || result.truncated);
  }
  const CommandResult result = session.run({"false"}, seconds(60));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "no\xff\n");
  EXPECT_THAT(read_file(image_ / "evidence/console.log"), HasSubstr("Linux version"));
}

TEST_F(Session, GivesInputAndTellsOfADeadline) {
  GuestSession session(options("answers"));
  std::string input;
  for (int i = 0; i < 300'000; ++i) input += static_cast<char>(i * 7);
  EXPECT_EQ(session.run({"cat"}, seconds(60), input).out, input);
  EXPECT_EQ(session.run({"cat"}, seconds(60)).out, "");
  const CommandResult late = session.run({"sleep", "1000"}, seconds(1));
  EXPECT_TRUE(late.timed_out);
  EXPECT_EQ(late.exit_code, 137);
}

TEST_F(Session, ChecksTheGuestAsItIsAsOftenAsItIsAsked) {
  GuestSession session(options("answers failing=numa.nodes checks=" + ids_of(numa_checks_asked())));
  for (int i = 0; i < 2; ++i) {
    const Report report = session.validate({});
    EXPECT_EQ(report.verdict(), Verdict::fail);
    EXPECT_EQ(report.checks.size(), numa_checks_asked().size());
    EXPECT_EQ(report.checks[0].verdict, Verdict::fail);
    EXPECT_EQ(report.checks[1].verdict, Verdict::pass);
    EXPECT_EQ(report.failure, "");
    EXPECT_EQ(report.target, "qemu");
    EXPECT_EQ(report.boot["spoke"], true);
    EXPECT_EQ(report.boot["boots"], 1);
    EXPECT_THAT(report.boot["repeat"].get<std::string>(), HasSubstr("ainode validate"));
    EXPECT_EQ(read_file(image_ / "evidence/kernel.log"), fmt::format("until request {}\n", i));
  }
  EXPECT_EQ(session.run({"echo"}, seconds(60)).out, "\n");
}

TEST_F(Session, GivesTheMachineOtherSizes) {
  SessionOptions larger = options("answers checks=numa.nodes");
  larger.memory = std::uint64_t{1} << 30;
  larger.cpus = 4;
  GuestSession session(larger);
  const Report report = session.validate({{}, "", {"numa.nodes"}});
  EXPECT_EQ(report.verdict(), Verdict::pass);
  EXPECT_EQ(report.boot["memory_bytes"], std::uint64_t{1} << 30);
  EXPECT_EQ(report.boot["processors"], 4);
  EXPECT_EQ(report.boot["repeat"], "") << "no command line gives this machine";
  EXPECT_THAT(read_file(image_ / "evidence/qemu.log"), HasSubstr("-smp 4,sockets=2,cores=2,threads=1 -m 1024M"));
}

TEST_F(Session, RefusesWhatValidateRefuses) {
  SessionOptions none = options("answers");
  none.image = work_.path() / "none";
  EXPECT_THAT(failure([&] { GuestSession session(none); }), HasSubstr("B0009"));
  SessionOptions unknown = options("answers");
  unknown.topology = "no-nodes";
  EXPECT_EQ(failure([&] { GuestSession session(unknown); }), "V0001: there is no topology `no-nodes`");
  SessionOptions odd = options("answers");
  odd.cpus = 3;
  EXPECT_EQ(failure([&] { GuestSession session(odd); }),
            "H0001: 3 processors cannot be dealt to the 2 nodes of topology `two-nodes`");
  GuestSession session(options("answers"));
  EXPECT_EQ(failure([&] { session.validate({{"nume"}, "", {}}); }), "V0001: there is no profile `nume`");
  EXPECT_EQ(failure([&] { session.validate({{}, "utmost", {}}); }), "V0001: there is no level `utmost`");
  EXPECT_THAT(failure([&] { session.validate({{}, "", {"numa.nods"}}); }), HasSubstr("V0001: there is no check"));
  EXPECT_EQ(session.run({"echo"}, seconds(60)).exit_code, 0) << "the session goes on";
}

TEST_F(Session, RefusesWhatNoRequestTakes) {
  GuestSession session(options("answers"));
  const auto refusal = [&](const std::vector<std::string>& argv, const std::string& input = "") {
    return failure([&] { session.run(argv, seconds(1), input); });
  };
  EXPECT_EQ(refusal({}), "H0001: no program was named");
  EXPECT_EQ(refusal({"echo", std::string(1, '\0')}), "H0001: an argument of echo has a NUL");
  EXPECT_EQ(refusal({"echo", std::string(98304, 'x')}),
            "H0001: echo has 98310 bytes of arguments; a request takes 98304");
  std::string large;
  large.resize(GuestSession::kInputLimit + 1, 'x');
  EXPECT_EQ(refusal({"cat"}, large), "H0001: the input of cat has 16777217 bytes; a request takes 16777216");
  EXPECT_EQ(hint_, "give it in parts that the guest puts together");
  EXPECT_EQ(session.run({"echo"}, seconds(60)).exit_code, 0);
  session.close();
  session.close();
  EXPECT_EQ(refusal({"echo"}), "H0001: the guest's session is closed");
}

TEST_F(Session, EndsWithTheGuest) {
  EXPECT_EQ(failure_of_command("dies_in_a_command"), "V0006: QEMU of guest `img` was killed by signal 9 (Killed)");
  EXPECT_EQ(failure_of_command("panics_in_a_command"),
            "V0003: guest `img` panicked while it ran uname -r: VFS: Unable to mount root fs");
  EXPECT_EQ(failure_of_command("powers_off_in_a_command"),
            "V0008: guest `img` switched itself off before its agent's last word while it ran uname -r");
  EXPECT_EQ(failure_of_command("resets_in_a_command"), "V0004: guest `img` reset itself while it ran uname -r");
}

TEST_F(Session, NoticesAtTheNextCallThatTheGuestEndedMeanwhile) {
  GuestSession session(options("powers_off_while_idle"));
  session.wait_ready(seconds(60));
  const std::string qemu = read_file(work_.path() / "starts");
  write_file(work_.path() / "word", "");
  while (fs::exists("/proc/" + qemu.substr(0, qemu.find('\n'))))  // until the session's thread reaped it
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(failure([&] { session.run({"uname"}, seconds(1)); }),
            "V0008: guest `img` switched itself off before its agent's last word while nobody asked it anything");
}

TEST_F(Session, BelievesNoAnswerThatIsNotDue) {
  EXPECT_EQ(failure_of_command("answers_another_request"),
            "V0007: guest `img` sent something malformed: an answer to request 1 where 0 was asked");
  EXPECT_EQ(failure_of_command("answers_with_an_old_line"),
            "V0007: guest `img` sent something malformed: line 0 where line 1 is due");
  EXPECT_EQ(failure_of_command("answers_with_results"),
            "V0007: guest `img` sent something malformed: begin that nobody asked for");
}

TEST_F(Session, EndsAGuestThatSpeaksUnasked) {
  GuestSession session(options("speaks_unasked"));
  const auto call = [&] {
    session.wait_ready(seconds(60));  // which may hear it already
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    session.run({"uname"}, seconds(1));
  };
  EXPECT_EQ(failure(call), "V0007: guest `img` sent something malformed: output that nobody asked for");
}

TEST_F(Session, BelievesNoSecondAnswer) {
  GuestSession session(options("answers_twice"));
  session.wait_ready(seconds(60));
  const std::string first = failure([&] { session.run({"uname"}, seconds(1)); });
  if (first == "nothing") std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(failure([&] { session.run({"uname"}, seconds(1)); }),
            "V0007: guest `img` sent something malformed: exit that nobody asked for");
}

TEST_F(Session, CallsAGuestHungThatOwesAnAnswer) {
  SessionOptions silent = options("answers_nothing");
  silent.silence = seconds(2);
  silent.wall_deadline = seconds(60);
  {
    GuestSession session(silent);
    session.wait_ready(seconds(60));
    std::this_thread::sleep_for(seconds(3));  // nobody asked it anything
    EXPECT_EQ(failure([&] {
                session.run({"sleep", "10"}, seconds(60));
              }),
              "V0002: guest `img` hung: nothing was heard of it for 2 s while it ran sleep 10");
  }
  SessionOptions beating = options("answers_with_heartbeats_alone");
  beating.silence = seconds(8);
  EXPECT_EQ(failure_of_command(beating), "V0002: guest `img` had not finished after 2 s while it ran uname -r")
      << "the command's own second and one for the answer";
}

TEST_F(Session, MakesAReportOfAGuestThatHangsInACheck) {
  SessionOptions silent = options("answers_nothing");
  silent.silence = seconds(2);
  GuestSession session(silent);
  const Report report = session.validate({});
  EXPECT_EQ(report.failure, "V0002: guest `img` hung: nothing was heard of it for 2 s between two checks");
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.checks[0].reason, "did not run: the boot had ended");
  EXPECT_THAT(failure([&] { session.validate({}); }), HasSubstr("V0002"));
}

TEST_F(Session, KeepsABoundedPartOfOutput) {
  GuestSession session(options("answers_much"));
  const CommandResult result = session.run({"yes"}, seconds(60));
  EXPECT_EQ(result.out.size() + result.err.size(), GuestSession::kOutputLimit);
  EXPECT_EQ(result.err.substr(0, 3) + result.out.substr(0, 3), "xxxyyy");
  EXPECT_TRUE(result.truncated);
  std::size_t taken = 0;
  session.run({"yes"}, seconds(60), "", [&](std::string_view, std::string_view piece) { taken += piece.size(); });
  EXPECT_EQ(taken, (std::size_t{20} * 17) << 16);
}

TEST_F(Session, EndsAGuestWhoseOutputHasNoEnd) {
  SessionOptions endless = options("answers_without_end");
  endless.silence = seconds(8);
  EXPECT_EQ(failure_of_command(endless), "V0002: guest `img` had not finished after 2 s while it ran uname -r");
}

TEST_F(Session, WaitsForAWordAsLongAsItIsTold) {
  GuestSession session(options("babbles"));
  EXPECT_EQ(failure([&] { session.wait_ready(seconds(1)); }),
            "V0005: guest `img` never spoke: no word of its agent in 1 s");
}

TEST_F(Session, StartsAGuestAgainThatResetOrWasKilledWhileItBooted) {
  GuestSession reset(options("resets_at_first_and_answers checks=numa.nodes"));
  EXPECT_EQ(reset.run({"echo", "x"}, seconds(60)).out, "x\n");
  EXPECT_EQ(reset.validate({{}, "", {"numa.nodes"}}).boot["retries"].dump(),
            R"([{"code":"V0004","text":"guest `img` reset itself while it booted"}])");
  reset.close();
  fs::remove(work_.path() / "started");
  GuestSession session(options("is_killed_at_first_and_answers checks=numa.nodes"));
  const Report report = session.validate({{}, "", {"numa.nodes"}});
  EXPECT_EQ(report.verdict(), Verdict::pass);
  EXPECT_EQ(report.boot["retries"].size(), 1u);
}

TEST_F(Session, SaysWhatQemuSaidOfAMachineThatItRefuses) {
  GuestSession session(options("refuses_arguments"));
  EXPECT_EQ(failure([&] { session.wait_ready(seconds(60)); }), "V0009: QEMU refuses the machine of two-nodes.yaml");
}

TEST_F(Session, LeavesOnlyLogsBehindAndNoProcess) {
  {
    GuestSession session(options("announces_itself_and_hangs"));
    while (!fs::exists(work_.path() / "pids")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE(kill(std::stoi(read_file(work_.path() / "pids")), 0), 0);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(image_ / "evidence")) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("agent.log", "console.log", "kernel.log", "qemu.log"));
}

TEST_F(Session, IsUsedByThreadsOtherThanItsMakers) {
  GuestSession session(options("answers"));
  std::string out;
  std::thread([&] { out = session.run({"echo", "x"}, seconds(60)).out; }).join();
  EXPECT_EQ(out, "x\n");
  std::thread([&] { session.close(); }).join();
}

/// In a process of its own, since an interrupt stays.
int interrupted_after(const SessionOptions& options, const std::function<void(GuestSession&)>& wait) {
  const pid_t child = fork();
  if (child == 0) {
    install_interrupt_handlers();
    GuestSession session(options);
    std::chrono::steady_clock::time_point sent;
    std::thread sender([&, maker = pthread_self()] {
      std::this_thread::sleep_for(std::chrono::milliseconds(700));
      sent = std::chrono::steady_clock::now();
      pthread_kill(maker, SIGINT);
    });
    int status = 44;
    try {
      wait(session);
    } catch (const Error& error) {
      status = error.code().id == codes::interrupted.id ? 42 : 43;
    }
    if (std::chrono::steady_clock::now() - sent > seconds(1)) status = 45;
    sender.join();
    session.close();
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Session, AnswersAnInterruptWithinASecond) {
  EXPECT_EQ(interrupted_after(options("babbles"), [](GuestSession& guest) { guest.wait_ready(seconds(60)); }), 42);
  EXPECT_EQ(interrupted_after(options("answers_nothing"), [](GuestSession& guest) { guest.run({"x"}, seconds(60)); }),
            42);
  EXPECT_EQ(interrupted_after(options("answers_nothing"), [](GuestSession& guest) { guest.validate({}); }), 42);
}

}  // namespace
}  // namespace ainode
