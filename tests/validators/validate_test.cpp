// SPDX-License-Identifier: Apache-2.0
// The harness as one call, over a small image and a stand-in for QEMU that speaks the agent's part.
#include "validators/validate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "tests/validators/small_image.h"
#include "validators/verdict/report_lines.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Validate : public testing::Test {
 protected:
  void SetUp() override { make_small_image(work_.path(), image_); }

  ValidateOptions options(const std::string& scenario) {
    ValidateOptions options;
    options.image = image_;
    options.qemu = stand_in_qemu(work_.path() / "qemu", scenario);
    return options;
  }
  Report run(const ValidateOptions& options) {
    RunContext context{silent_events()};
    return validate_image(context, options);
  }
  static std::vector<checks::Check> asked() { return numa_checks_asked(); }
  static std::string all_checks() { return ids_of(asked()); }
  ErrorCode refusal(const ValidateOptions& options) {
    try {
      run(options);
    } catch (const Error& error) {
      message_ = error.message();
      return error.code();
    }
    return {"none", Exit::done, ""};
  }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path image_ = work_.path() / "image";
  std::string message_;
};

TEST_F(Validate, PassesWhenEveryCheckThatWasAskedForPassed) {
  const std::string disk_before = sha256_hex_of_file(image_ / "img.qcow2");
  const Report report = run(options("runs_all checks=" + all_checks()));
  EXPECT_EQ(report.verdict(), Verdict::pass) << report.to_json().dump(1);
  EXPECT_EQ(report.checks.size(), asked().size());
  EXPECT_EQ(report.failure, "");
  EXPECT_EQ(report.commit, std::string(64, 'a'));
  EXPECT_EQ(report.topology, "two-nodes");
  EXPECT_EQ(
      report.boot["harness_arguments"].dump(),
      R"(["console=ttyS0","no_timer_check","systemd.show_status=0","systemd.default_timeout_start_sec=600","systemd.default_device_timeout_sec=600","intel_iommu=on"])");
  EXPECT_EQ(sha256_hex_of_file(image_ / "img.qcow2"), disk_before);
}

TEST_F(Validate, RefusesATreeThatIsDamagedForeignOrToldToBoot) {
  ValidateOptions tree = options("finishes");
  tree.target = "tree";
  EXPECT_EQ(refusal(tree).id, codes::image_malformed.id);
  EXPECT_THAT(message_, HasSubstr("cannot open the repository"));
  tree.extra_arguments = {"quiet"};
  EXPECT_EQ(refusal(tree).id, codes::usage_error.id);
  Manifest foreign = read_manifest(image_);
  foreign.architecture = "arm64";
  write_manifest(foreign, image_);
  tree.extra_arguments.clear();
  EXPECT_EQ(refusal(tree).id, codes::target_unknown.id);
}

TEST_F(Validate, RefusesAManifestWithAStatementInAnotherForm) {
  Manifest odd = read_manifest(image_);
  odd.declared.push_back({"mem.hugepages", {{"size", 7}, {"count", "many"}}, "node.yaml:3:5"});
  write_manifest(odd, image_);
  ValidateOptions with_controls = options("runs_all checks=" + all_checks());
  with_controls.all_controls = true;
  EXPECT_EQ(refusal(with_controls).id, codes::image_malformed.id);
  EXPECT_THAT(message_, HasSubstr("declares something in a form that no check knows"));
}

TEST_F(Validate, LeavesOnlyLogsBehind) {
  const auto names_left = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(image_ / "evidence")) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  };
  run(options("is_killed_at_first state=" + work_.path().string() + " checks=" + all_checks()));
  EXPECT_THAT(names_left(), ElementsAre("agent.1.log", "agent.log", "console.1.log", "console.log", "kernel.1.log",
                                        "kernel.log", "qemu.1.log", "qemu.log"));
  EXPECT_EQ(read_file(image_ / "evidence/agent.1.log"), "");
  EXPECT_THAT(read_file(image_ / "evidence/agent.log"), HasSubstr("hello"));
  run(options("logs"));
  EXPECT_THAT(names_left(), ElementsAre("agent.log", "console.log", "kernel.log", "qemu.log"));
  EXPECT_THAT(read_file(image_ / "evidence/kernel.log"), HasSubstr("Linux\n"));
}

TEST_F(Validate, WaitsForAnotherRunThatKeepsItsLogsThere) {
  class Told : public EventSink {
   public:
    void on_event(const Event& event) override {
      if (event.kind == Event::Kind::note && event.text.starts_with("waiting for another run")) is_waiting = true;
    }
    std::atomic<bool> is_waiting = false;
  } told;
  make_directories(image_ / "evidence");
  std::optional<FileLock> other(FileLock(image_ / "evidence", FileLock::Mode::exclusive));
  std::atomic<bool> is_over = false;
  std::thread waiting([&] {
    RunContext context{told};
    validate_image(context, options("runs_all checks=" + all_checks()));
    is_over = true;
  });
  while (!told.is_waiting && !is_over) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(is_over);
  EXPECT_TRUE(fs::is_empty(image_ / "evidence"));
  other.reset();
  waiting.join();
  EXPECT_THAT(read_file(image_ / "evidence/agent.log"), HasSubstr("hello"));
}

TEST_F(Validate, NeverLetsAGuestTryAgainThatFailedACheck) {
  const Report report = run(options("resets_once state=" + work_.path().string()));
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.failure, "V0004: guest `img` reset itself between two checks");
  EXPECT_EQ(report.checks[0].id, "numa.nodes");
  EXPECT_EQ(report.checks[0].verdict, Verdict::fail);
  EXPECT_EQ(report.boot["retries"], Json::array());
}

TEST_F(Validate, PublishesThatAGuestResetItselfWhileItBooted) {
  const Report report = run(options("resets_at_first state=" + work_.path().string() + " checks=" + all_checks()));
  EXPECT_EQ(report.verdict(), Verdict::pass) << report.failure;
  EXPECT_EQ(report.boot["boots"], 2);
  EXPECT_EQ(report.boot["retries"].dump(), R"([{"code":"V0004","text":"guest `img` reset itself while it booted"}])");
  EXPECT_EQ(retries_line(report), "tried again once: V0004 guest `img` reset itself while it booted");
}

TEST_F(Validate, PublishesWhatWasTriedAgainWithDefects) {
  ValidateOptions all = options("is_killed_at start=2 state=" + work_.path().string() + " checks=" + all_checks());
  all.all_controls = true;
  all.apart = true;
  all.share = 1;
  all.shares = 2;
  const Report report = run(all);
  ASSERT_EQ(report.boot["retries"].size(), 1u) << report.to_json().dump(1);
  EXPECT_THAT(report.boot["retries"][0]["text"].get<std::string>(),
              testing::MatchesRegex("with [a-z0-9-]+: QEMU of guest `img` was killed by signal 9 \\(Killed\\): .*"));
  const std::string again = fmt::format(
      "ainode validate {0} --target qemu:two-nodes --controls --apart --share 1/2 --evidence {0}/evidence/again "
      "--qemu {1}",
      image_.string(), all.qemu);
  EXPECT_EQ(report.boot["repeat"], again);
  ASSERT_EQ(report.checks.back().id, "control.score");
  EXPECT_EQ(repeat_command(report, report.checks.back()), again);
  const CheckResult& one = report.checks[report.checks.size() - 2];
  EXPECT_EQ(repeat_command(report, one),
            fmt::format("ainode validate {0} --target qemu:two-nodes --evidence {0}/evidence/again --qemu {1} "
                        "--control {2}",
                        image_.string(), all.qemu, one.id.substr(std::string_view("control.").size())));
}

TEST_F(Validate, LeavesTheEvidenceOfAReportToARepeatedRun) {
  ValidateOptions first = options("runs_all checks=" + all_checks());
  EXPECT_THAT(run(first).boot["repeat"].get<std::string>(),
              HasSubstr(fmt::format(" --evidence {}/evidence/again ", image_.string())));
  first.evidence = work_.path() / "logs/again";
  EXPECT_THAT(run(first).boot["repeat"].get<std::string>(),
              HasSubstr(fmt::format(" --evidence {}/logs/again ", work_.path().string())));
}

TEST_F(Validate, BootsTheEntryInsideTheDiskWithTheHarnessesArguments) {
  ValidateOptions with_extra = options("runs_all checks=" + all_checks());
  with_extra.extra_arguments = {"intel_iommu=off"};
  run(with_extra);
  EXPECT_THAT(read_file(image_ / "evidence/qemu.log"),
              HasSubstr("-append 'root=LABEL=x quiet console=ttyS0 no_timer_check systemd.show_status=0 "
                        "systemd.default_timeout_start_sec=600 systemd.default_device_timeout_sec=600 intel_iommu=on "
                        "intel_iommu=off'"));
}

TEST_F(Validate, FailsWhenOneCheckFails) {
  const Report report = run(options("runs_all failing=numa.nodes checks=" + all_checks()));
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.failure, "");
}

TEST_F(Validate, KeepsAFailureWhateverIsForgedOnTheConsole) {
  for (const char* code : {"", "code=guessed "}) {
    const Report report =
        run(options(std::string("forges_a_pass_on_the_console failing=numa.nodes ") + code + "checks=" + all_checks()));
    EXPECT_EQ(report.verdict(), Verdict::fail);
    EXPECT_EQ(report.failure, "") << "the console's text became the port's";
    EXPECT_EQ(report.checks.size(), asked().size());
    for (const CheckResult& check : report.checks)
      EXPECT_EQ(check.verdict, check.id == "numa.nodes" ? Verdict::fail : Verdict::pass) << check.id;
    EXPECT_THAT(read_file(image_ / "evidence/console.log"), HasSubstr(R"("verdict":"pass")")) << "nothing was forged";
  }
}

TEST_F(Validate, KeepsAFailureWhateverIsForgedOnThePort) {
  for (const char* code : {"", " code=guessed"}) {
    const Report report = run(options(std::string("forges_a_pass_on_the_port failing=numa.nodes") + code));
    EXPECT_EQ(report.verdict(), Verdict::fail);
    EXPECT_THAT(report.failure, HasSubstr("V0007: guest `img` sent something malformed: ")) << code;
    EXPECT_EQ(report.checks.front().id, "numa.nodes");
    for (const CheckResult& check : report.checks)
      EXPECT_EQ(check.verdict, check.id == "numa.nodes" ? Verdict::fail : Verdict::infra) << check.id;
  }
}

TEST_F(Validate, FailsWhenTheAgentKeepsQuietAboutACheck) {
  const Report report = run(options("finishes"));
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.checks[0].verdict, Verdict::pass);
  EXPECT_EQ(report.checks[1].id, "numa.distances-symmetric");
  EXPECT_EQ(report.checks[1].verdict, Verdict::fail);
  EXPECT_EQ(report.checks[1].reason, "the agent ended without this result");
}

TEST_F(Validate, FailsForAResultThatNobodyAskedFor) {
  const Report report = run(options("runs_all checks=kernel.invented,Not.An_Id,kernel.invented," + all_checks()));
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.checks.back().id, "agent.unasked");
  EXPECT_EQ(report.checks.back().reason, "nobody asked for Not.An_Id, kernel.invented");
  EXPECT_EQ(Report::from_json(report.to_json(), "r.json").to_json(), report.to_json()) << "it cannot be read back";
}

TEST_F(Validate, BlamesTheCheckThatHungAndNotThoseThatNeverRan) {
  ValidateOptions hang = options("hangs_in_check");
  hang.silence = std::chrono::seconds(6);
  const Report report = run(hang);
  EXPECT_EQ(report.failure, "V0002: guest `img` hung: nothing was heard of it for 6 s while it ran numa.placement");
  EXPECT_EQ(report.failure_verdict, Verdict::fail);
  for (const CheckResult& check : report.checks)
    EXPECT_EQ(check.verdict, check.id == "numa.placement" ? Verdict::fail : Verdict::infra) << check.id;
}

TEST_F(Validate, BlamesNoGuestWhenQemuIsKilled) {
  const Report report = run(options("is_killed"));
  EXPECT_EQ(report.failure, "V0006: QEMU of guest `img` was killed by signal 9 (Killed)");
  EXPECT_EQ(report.verdict(), Verdict::infra);
  EXPECT_EQ(report.boot["retries"].size(), 2u);
}

TEST_F(Validate, BlamesNoGuestWhenTheHostsDiskIsFull) {
  const Report report = run(options("fills_the_disk"));
  EXPECT_EQ(report.failure,
            "H0003: guest `img` was stopped: QEMU cannot write its throw-away disk: No space left on device");
  EXPECT_EQ(report.verdict(), Verdict::infra);
  EXPECT_EQ(report.boot["retries"].size(), 2u);
}

TEST_F(Validate, SaysNothingOfAnImageWhoseMachineQemuRefuses) {
  try {
    run(options("refuses_arguments"));
    FAIL() << "there is a report";
  } catch (const Error& error) {
    EXPECT_EQ(render(error),
              "error[V0009]: QEMU refuses the machine of two-nodes.yaml\n"
              "  ┌─ two-nodes.yaml\n"
              "  × qemu: -device nonsense: 'nonsense' is not a valid device model name\n"
              "  = help: change in the topology what QEMU's words name\n");
    EXPECT_EQ(error.code().exit, Exit::environment);
  }
}

TEST_F(Validate, StartsNoMachineWhoseMemoryTheImageGivesAway) {
  const auto with_pages = [&](int count) {
    Manifest manifest = read_manifest(image_);
    manifest.declared = {{"mem.hugepages", {{"size", "2M"}, {"count", count}}, "node.yaml:7:12"}};
    write_manifest(manifest, image_);
  };
  with_pages(1024);
  EXPECT_EQ(refusal(options("runs_all checks=" + all_checks())).id, codes::pages_exceed_memory.id);
  EXPECT_EQ(message_, "the image keeps 2048 MiB for huge pages (node.yaml:7:12), and `two-nodes` has 2048 MiB");
  with_pages(1023);
  EXPECT_EQ(run(options("runs_all checks=" + all_checks())).failure, "");
}

TEST_F(Validate, ShowsTheUsersOwnDeviceThatQemuRefuses) {
  const fs::path file = work_.path() / "ours.yaml";
  write_file(file,
             "ainode-topology: 1\nname: ours\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}]\n"
             "distances: [[10]]\niommu: none\ndevices:\n  - kind: edu\n");
  ValidateOptions ours = options("refuses_arguments device=edu");
  ours.target = "qemu:" + file.string();
  EXPECT_EQ(refusal(ours).exit, Exit::usage);
  try {
    run(ours);
  } catch (const Error& error) {
    EXPECT_EQ(render(error), fmt::format("error[V0009]: QEMU refuses the machine of {0}\n"
                                         "   ┌─ {0}:9:11\n"
                                         "9│   - kind: edu\n"
                                         " │           ^^^\n"
                                         "  × qemu: -device edu: 'edu' is not a valid device model name\n"
                                         "  = help: change in the topology what QEMU's words name\n",
                                         file.string()));
  }
}

TEST_F(Validate, SaysWhatToDoWhereEvidenceCannotBeWritten) {
  write_file(work_.path() / "file", "");
  ValidateOptions nowhere = options("finishes");
  nowhere.evidence = work_.path() / "file" / "evidence";
  try {
    run(nowhere);
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::file_failed.id);
    EXPECT_EQ(error.hint(), "name a directory that you may write to: --evidence DIR");
  }
}

TEST_F(Validate, SuggestsTheProfileThatWasMeant) {
  ValidateOptions wrong = options("finishes");
  wrong.profiles = {"nuam"};
  try {
    run(wrong);
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "did you mean `numa`?");
  }
}

TEST_F(Validate, RepeatsFromAnyDirectory) {
  write_file(work_.path() / "ours.yaml",
             "ainode-topology: 1\nname: ours\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}]\n"
             "distances: [[10]]\niommu: none\n");
  ValidateOptions asked = options("finishes");
  const fs::path before = fs::current_path();
  fs::current_path(work_.path());
  asked.image = "./" / image_.lexically_relative(work_.path());
  asked.target = "qemu:ours.yaml";
  const Report report = run(asked);
  fs::current_path(before);
  EXPECT_EQ(report.boot["repeat"],
            fmt::format("ainode validate {0} --target qemu:{1} --evidence {0}/evidence/again --qemu {2}",
                        image_.string(), (work_.path() / "ours.yaml").string(), asked.qemu));
}

TEST_F(Validate, RefusesUnknownTargetsTopologiesAndProfiles) {
  ValidateOptions wrong = options("finishes");
  wrong.target = "moon";
  EXPECT_EQ(refusal(wrong).id, codes::target_unknown.id);
  EXPECT_EQ(message_, "there is no target `moon`");
  wrong.target = "qemu:moon";
  EXPECT_EQ(refusal(wrong).id, codes::target_unknown.id);
  EXPECT_EQ(message_, "there is no topology `moon`");
  wrong.target = "qemu";
  wrong.profiles = {"moon"};
  EXPECT_EQ(refusal(wrong).id, codes::target_unknown.id);
  EXPECT_EQ(message_, "there is no profile `moon`");
  EXPECT_FALSE(fs::exists(image_ / "evidence"));
}

TEST_F(Validate, RunsSingleChecksAndSaysWhatItLeftOut) {
  ValidateOptions one = options("finishes");
  one.checks = {"kernel.cmdlin"};
  EXPECT_EQ(refusal(one).id, codes::target_unknown.id);
  one = options("runs_all checks=kernel.cmdline");
  one.checks = {"kernel.cmdline"};
  const Report report = run(one);
  EXPECT_EQ(report.verdict(), Verdict::pass);
  ASSERT_EQ(report.checks.size(), 1u);
  EXPECT_EQ(report.coverage.covered, 1u);
  EXPECT_EQ(report.coverage.gaps.back().kind, GapKind::selection);
}

TEST_F(Validate, RefusesAnUnknownLevel) {
  ValidateOptions wrong = options("finishes");
  wrong.level = "ful";
  EXPECT_EQ(refusal(wrong).id, codes::target_unknown.id);
  EXPECT_EQ(message_, "there is no level `ful`");
}

TEST_F(Validate, TakesAMachineOfTheUsers) {
  const fs::path file = work_.path() / "ours.yaml";
  write_file(file,
             "ainode-topology: 1\nname: ours\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}]\n"
             "distances: [[10]]\niommu: none\n");
  ValidateOptions ours = options("runs_all checks=" + all_checks());
  ours.target = "qemu:" + file.string();
  const Report report = run(ours);
  EXPECT_EQ(report.verdict(), Verdict::pass);
  EXPECT_EQ(report.topology, "ours");
  EXPECT_EQ(report.boot["repeat"],
            fmt::format("ainode validate {0} --target qemu:{1} --evidence {0}/evidence/again --qemu {2}",
                        image_.string(), file.string(), ours.qemu));
}

TEST_F(Validate, RepeatsWhatWasAskedForWordByWord) {
  ValidateOptions asked = options("finishes");
  asked.extra_arguments = {"quiet", "dyndbg=\"file x +p\""};
  asked.profiles = {"numa"};
  asked.level = "quick";
  asked.silence = std::chrono::seconds(9);
  Report report = run(asked);
  const std::string given =
      fmt::format("--evidence {}/evidence/again --append quiet --append 'dyndbg=\"file x +p\"' --qemu {} --silence 9",
                  image_.string(), asked.qemu);
  const std::string start = fmt::format("ainode validate {} --target qemu:two-nodes", image_.string());
  EXPECT_EQ(report.boot["repeat"], fmt::format("{} --profile numa --level quick {}", start, given));
  EXPECT_EQ(repeat_command(report, report.checks[1]),
            fmt::format("{} {} --check numa.distances-symmetric", start, given));
}

TEST_F(Validate, TriesAgainWhatTheEnvironmentEndedAndSaysSo) {
  const Report report = run(options("is_killed_at_first state=" + work_.path().string() + " checks=" + all_checks()));
  EXPECT_EQ(report.verdict(), Verdict::pass) << report.failure;
  EXPECT_EQ(report.boot["retries"].dump(),
            R"([{"code":"V0006","text":"QEMU of guest `img` was killed by signal 9 (Killed): )"
            R"(somebody, or a host out of memory, killed QEMU"}])");
  const std::string said =
      "tried again once: V0006 QEMU of guest `img` was killed by signal 9 (Killed): somebody, or "
      "a host out of memory, killed QEMU";
  EXPECT_EQ(retries_line(report), said);
  EXPECT_THAT(to_junit(report), HasSubstr("name=\"retries\" value=\"" + said));
  EXPECT_THAT(to_markdown(report), HasSubstr("- retries: <code>tried again once&#58; V0006"));
  EXPECT_THAT(to_table(report, false), HasSubstr("  tried again once: V0006"));
}

TEST_F(Validate, TriesAgainWhereTheEmulatorRanCodeThatWasGone) {
  const std::string rest = " state=" + work_.path().string() + " checks=" + all_checks();
  const Report passed = run(options("slips_at_first code=0f" + rest));
  EXPECT_EQ(passed.verdict(), Verdict::pass) << passed.failure;
  EXPECT_EQ(retries_line(passed),
            "tried again once: V0003 guest `img` panicked while it booted: Fatal exception in interrupt: QEMU ran a "
            "breakpoint that the kernel had taken away");
  const Report again_and_again = run(options("dies_of_a_breakpoint code=0f"));
  EXPECT_EQ(again_and_again.verdict(), Verdict::fail);
  EXPECT_EQ(again_and_again.boot["retries"].size(), 2u);
  const Report of_its_own = run(options("dies_of_a_breakpoint code=cc"));
  EXPECT_EQ(of_its_own.verdict(), Verdict::fail);
  EXPECT_TRUE(of_its_own.boot["retries"].empty());
}

TEST_F(Validate, NeverTriesAgainWhatTheGuestDid) {
  for (const char* scenario : {"powers_off", "panics_and_resets", "lies"}) {
    const Report report = run(options(scenario));
    EXPECT_EQ(report.verdict(), Verdict::fail) << scenario;
    EXPECT_EQ(report.boot["retries"], Json::array()) << scenario;
  }
}

TEST_F(Validate, EndsABusyGuestByItsProcessorTime) {
  ValidateOptions busy = options("spins");
  busy.cpu_deadline = std::chrono::seconds(1);
  const Report report = run(busy);
  EXPECT_EQ(report.failure,
            "V0002: guest `img` used up 1 s of processor time and had not finished while it ran numa.placement");
  EXPECT_EQ(report.verdict(), Verdict::fail);
}

TEST_F(Validate, LeavesADirectoryWithoutAnImageAsItIs) {
  ValidateOptions none = options("finishes");
  none.image = work_.path() / "empty";
  make_directories(none.image);
  EXPECT_EQ(refusal(none).id, codes::image_not_found.id);
  EXPECT_TRUE(fs::is_empty(none.image));
}

TEST_F(Validate, KeepsARecordingWholeOrNotAtAll) {
  RunContext context{silent_events()};
  const fs::path out = work_.path() / "new/recording";
  const Report report = record_image(context, options("records checks=" + all_checks()), out);
  EXPECT_EQ(read_file(out / "root/proc/cmdline"), "quiet");
  EXPECT_EQ(Json::parse(read_file(out / "report.json")), report.to_json());
  const Json expected = Json::parse(read_file(out / "expected.json"));
  EXPECT_FALSE(expected.contains("nonce"));
  EXPECT_EQ(expected["topology"]["nodes"].size(), 2U);
  EXPECT_EQ(fs::status(out).permissions(), fs::perms::owner_all);
  EXPECT_EQ(std::distance(fs::directory_iterator(out), {}), 4);
  EXPECT_EQ(std::distance(fs::directory_iterator(out.parent_path()), {}), 1) << "something temporary is left";
}

TEST_F(Validate, KeepsNoRecordingOfAHostileOrFailingGuest) {
  RunContext context{silent_events()};
  const fs::path out = work_.path() / "recording";
  const auto refused = [&](const std::string& scenario) {
    try {
      record_image(context, options(scenario + " checks=" + all_checks()), out);
      return std::string("kept");
    } catch (const Error& error) {
      return fmt::format("{} {}", error.code().id, error.message());
    }
  };
  EXPECT_EQ(refused("records file=root/../../escaped"),
            "V0007 guest `img` sent something malformed: a recorded file of a name that none has");
  EXPECT_EQ(refused("records file=root/proc/x probes={}"),
            "V0007 guest `img`/probes.json: it has no `ainode-recording`");
  EXPECT_EQ(refused("powers_off"),
            "V0008 guest `img` switched itself off before its agent's last word while it ran mem.size");
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(work_.path() / "escaped"));
}

TEST_F(Validate, BootsNothingForARecordingThatHasNoPlace) {
  RunContext context{silent_events()};
  const fs::path out = work_.path() / "recording";
  make_directories(out / "of a user");
  try {
    record_image(context, options("is_killed"), out);
    FAIL() << "something was overwritten";
  } catch (const Error& error) {
    EXPECT_EQ(
        render(error),
        fmt::format("error[B0007]: {} is not empty\n  = help: name a directory that is new or empty\n", out.string()));
  }
  EXPECT_FALSE(fs::exists(image_ / "evidence"));
}

TEST_F(Validate, JudgesThisMachineInThisProcess) {
  ValidateOptions here = options("is_killed");
  here.target = "local";
  here.profiles = {"kernel", "numa", "image"};
  const Report report = run(here);
  EXPECT_EQ(report.verdict(), Verdict::fail);
  EXPECT_EQ(report.target, "local");
  EXPECT_EQ(report.topology, "");
  const std::string here_again = fmt::format("ainode validate {} --target local", image_.string());
  EXPECT_EQ(report.boot["repeat"], here_again + " --profile kernel --profile numa --profile image");
  EXPECT_EQ(repeat_command(report, report.checks[0]), fmt::format("{} --check {}", here_again, report.checks[0].id));
  for (const CheckResult& check : report.checks) {
    EXPECT_NE(check.verdict, Verdict::infra) << check.id << ": " << check.reason;
    if (check.id.starts_with("numa.")) EXPECT_EQ(check.reason, "the machine's topology is not known") << check.id;
    if (check.id == "kernel.release") EXPECT_EQ(check.expected, "6.12.0-test");
  }
  here.target = "local:one-node";
  const Report known = run(here);
  EXPECT_EQ(known.topology, "one-node");
  for (const CheckResult& check : known.checks)
    if (check.id == "numa.nodes") EXPECT_EQ(check.expected.dump(), R"({"online":[0],"has_cpu":[0],"has_memory":[0]})");
  here.target = "local:moon";
  EXPECT_EQ(refusal(here).id, codes::target_unknown.id);
  here.target = "local";
  here.extra_arguments = {"quiet"};
  EXPECT_EQ(refusal(here).id, codes::usage_error.id);
  EXPECT_EQ(message_, "target local boots nothing: it takes no kernel arguments");
}

TEST_F(Validate, NamesADiskThatIsGone) {
  fs::remove(image_ / "img.qcow2");
  EXPECT_EQ(refusal(options("finishes")).id, codes::image_malformed.id);
  EXPECT_EQ(message_, image_.string() + ": the disk img.qcow2 is gone");
}

TEST_F(Validate, SaysThatQemuIsMissing) {
  ValidateOptions none = options("finishes");
  none.qemu = "qemu-that-is-not-there";
  EXPECT_EQ(refusal(none).id, codes::tool_missing.id);
}

TEST_F(Validate, RunsOneCommandAndReturnsItsStatus) {
  setenv("XDG_CACHE_HOME", work_.path().c_str(), 1);
  RunContext context{silent_events()};
  testing::internal::CaptureStdout();
  const std::string qemu = options("answers").qemu;
  const int status = boot_console(context, {image_, "qemu:one-node", {"echo", "a", "b"}, qemu});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "a b\n");
  EXPECT_EQ(status, 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(boot_console(context, {image_, "qemu:one-node", {"false"}, qemu}), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "no\xff\n");
  EXPECT_TRUE(fs::is_empty(work_.path() / "ainode/guests"));
}

}  // namespace
}  // namespace ainode
