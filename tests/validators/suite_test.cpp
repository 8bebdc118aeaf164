// SPDX-License-Identifier: Apache-2.0
// Many runs at once, each with a stand-in for QEMU of its own.
#include "validators/suite.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "tests/validators/small_image.h"
#include "validators/verdict/merge_reports.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

/// Keeps what it hears.
class Heard : public EventSink {
 public:
  void on_event(const Event& event) override {
    const std::lock_guard lock(mutex_);
    events.push_back(event);
  }
  std::vector<Event> events;

 private:
  std::mutex mutex_;
};

class Suite : public testing::Test {
 protected:
  void SetUp() override { make_small_image(work_.path(), image_); }

  /// `state` of the scenario is a directory of this run's own.
  ValidateOptions guest(const std::string& scenario, const std::string& target = "qemu:one-node") {
    const fs::path state = work_.path() / fmt::format("state{}", made_++);
    make_directories(state);
    ValidateOptions options;
    options.image = image_;
    options.target = target;
    options.qemu = stand_in_qemu(
        state / "qemu", fmt::format("{} state={} checks={}", scenario, state.string(), ids_of(numa_checks_asked())));
    return options;
  }
  fs::path state(int number) const { return work_.path() / fmt::format("state{}", number); }
  std::vector<Report> run(const std::vector<ValidateOptions>& runs, const SuiteOptions& suite = {},
                          EventSink* events = nullptr) {
    RunContext context{events ? *events : silent_events()};
    return validate_all(context, runs, suite);
  }
  std::vector<pid_t> pids(int number) const {
    std::vector<pid_t> all;
    std::istringstream lines(read_file_if_any(state(number) / "starts").value_or(""));
    for (pid_t pid = 0; lines >> pid;) all.push_back(pid);
    return all;
  }
  /// Directories of guests in the evidence.
  std::ptrdiff_t abandoned() const {
    const fs::recursive_directory_iterator all(image_ / "evidence");
    return std::count_if(begin(all), end(all),
                         [](const auto& entry) { return entry.path().filename().string().starts_with(".guest-"); });
  }
  /// A process of its own that runs them and dies of it; ends with 42 where it was interrupted.
  pid_t run_apart(const std::vector<ValidateOptions>& runs, const SuiteOptions& suite) {
    const pid_t child = fork();
    if (child != 0) return child;
    install_interrupt_handlers();
    try {
      run(runs, suite);
    } catch (const Error& error) {
      _exit(error.code().id == codes::interrupted.id ? 42 : 1);
    }
    _exit(0);
  }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path image_ = work_.path() / "image";
  int made_ = 0;
};

template <class Condition>
void wait_until(const Condition& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

bool is_dead(pid_t pid) {
  const auto stat = read_file_if_any("/proc/" + std::to_string(pid) + "/stat");
  return !stat || stat->find(") Z ") != std::string::npos;
}

TEST_F(Suite, GivesAReportForEachRunInItsOrder) {
  const std::vector<Report> reports = run({guest("runs_all failing=numa.nodes", "qemu:two-nodes"), guest("runs_all"),
                                           guest("runs_all failing=numa.placement"), guest("runs_all", "qemu")},
                                          {4, {}, {}});
  ASSERT_EQ(reports.size(), 4u);
  std::vector<std::string> seen;
  for (const Report& report : reports)
    seen.push_back(fmt::format("{} {}", report.topology, to_string(report.verdict())));
  EXPECT_THAT(seen, ElementsAre("two-nodes fail", "one-node pass", "one-node fail", "two-nodes pass"));
  std::vector<std::string> places;
  for (const auto& entry : fs::directory_iterator(image_ / "evidence")) places.push_back(entry.path().filename());
  EXPECT_THAT(places, UnorderedElementsAre("qemu-two-nodes", "qemu-one-node", "qemu-one-node.2", "qemu-two-nodes.2"));
  EXPECT_EQ(reports[2].boot["evidence"], (image_ / "evidence/qemu-one-node.2").string());
}

TEST_F(Suite, TellsProgressOfAllAsOneStep) {
  Heard heard;
  run({guest("runs_all"), guest("runs_all failing=numa.nodes")}, {2, {}, {}}, &heard);
  ASSERT_GE(heard.events.size(), 4u);
  EXPECT_EQ(heard.events.front().kind, Event::Kind::begin);
  EXPECT_EQ(heard.events.back().kind, Event::Kind::end);
  std::vector<std::string> notes;
  std::uint64_t done = 0;
  for (const Event& event : heard.events) {
    EXPECT_EQ(event.step, "machines");
    if (event.kind == Event::Kind::note) notes.push_back(event.text);
    if (event.kind == Event::Kind::progress) {
      EXPECT_GE(event.done, done) << "it went back";
      EXPECT_EQ(event.total, 2u);
      done = event.done;
    }
  }
  EXPECT_EQ(done, 2u);
  const std::size_t count = numa_checks_asked().size();
  EXPECT_THAT(notes, UnorderedElementsAre(fmt::format("qemu-one-node: pass: {} pass", count),
                                          fmt::format("qemu-one-node.2: fail: {} pass, 1 fail", count - 1)));
  const Event& last = *std::find_if(heard.events.rbegin(), heard.events.rend(),
                                    [](const Event& event) { return event.kind == Event::Kind::progress; });
  EXPECT_EQ(last.text, fmt::format("0 running, {0} of {0} checks", 2 * count));
}

TEST_F(Suite, KeepsAGuestWaitingForWhichThereIsNoRoom) {
  // one-node takes 2 GiB: the second does not start before the first ended.
  const std::vector<ValidateOptions> runs = {guest("waits_for_a_word"), guest("waits_for_a_word"),
                                             guest("waits_for_a_word", "qemu:tiny-edge")};
  std::vector<Report> reports;
  std::thread running([&] { reports = run(runs, {3, std::uint64_t{4} << 30, {}}); });
  wait_until([&] { return pids(0).size() == 1 && pids(2).size() == 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_TRUE(pids(1).empty()) << "it started without room";
  for (const int number : {1, 2}) write_file(state(number) / "word", "");
  wait_until([&] { return is_dead(pids(2)[0]); });
  EXPECT_TRUE(pids(1).empty());
  write_file(state(0) / "word", "");
  running.join();
  EXPECT_EQ(pids(1).size(), 1u);
  for (const Report& report : reports) EXPECT_EQ(report.verdict(), Verdict::pass) << report.failure;
}

TEST_F(Suite, RefusesBeforeAnythingIsBooted) {
  const auto refusal = [&](const std::vector<ValidateOptions>& runs, std::uint64_t memory) {
    try {
      run(runs, {2, memory, {}});
    } catch (const Error& error) {
      return fmt::format("{} {}", error.code().id, error.message());
    }
    return std::string("none");
  };
  constexpr std::uint64_t kGib = std::uint64_t{1} << 30;
  EXPECT_EQ(refusal({guest("waits_for_a_word"), guest("finishes", "qemu:moon")}, 8 * kGib),
            "V0001 there is no topology `moon`");
  EXPECT_EQ(refusal({guest("waits_for_a_word", "qemu:tiny-edge"), guest("finishes")}, kGib),
            "H0014 topology `one-node` needs 2048 MiB of memory, and this host has 1024 MiB available");
  EXPECT_TRUE(pids(0).empty() && pids(2).empty());
}

TEST_F(Suite, KeepsTheOthersWhereOneMachineCannotStart) {
  const std::vector<Report> reports =
      run({guest("refuses_arguments", "qemu:tiny-edge"), guest("runs_all")}, {1, {}, {}});
  EXPECT_EQ(reports[0].verdict(), Verdict::infra);
  EXPECT_EQ(reports[0].failure, "V0009: QEMU refuses the machine of tiny-edge.yaml");
  EXPECT_THAT(reports[0].boot["last_lines"].get<std::string>(), HasSubstr("'nonsense' is not a valid device"));
  EXPECT_EQ(reports[0].checks.size(), numa_checks_asked().size());
  EXPECT_EQ(reports[1].verdict(), Verdict::pass);
  EXPECT_EQ(Report::from_json(reports[0].to_json(), "r").to_json(), reports[0].to_json());
}

TEST_F(Suite, KeepsWhatAnErrorSaidBesidesItsMessage) {
  const std::vector<Report> reports = run({guest("refuses_arguments", "qemu:nvme-p2p"), guest("runs_all")});
  EXPECT_EQ(reports[0].boot["last_lines"],
            "  ┌─ nvme-p2p.yaml\n"
            "  × qemu: -device nonsense: 'nonsense' is not a valid device model name\n"
            "  = help: change in the topology what QEMU's words name\n");
}

TEST_F(Suite, KeepsTheOthersWhereQemuRefusesAMachineOfTheUsers) {
  const fs::path file = work_.path() / "ours.yml";
  write_file(file,
             "ainode-topology: 1\nname: ours\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}]\n"
             "distances: [[10]]\niommu: none\n");
  const std::vector<Report> reports =
      run({guest("refuses_arguments", "qemu:" + file.string()), guest("runs_all")}, {1, {}, {}});
  EXPECT_EQ(reports[0].failure, "V0009: QEMU refuses the machine of " + file.string());
  EXPECT_EQ(reports[1].verdict(), Verdict::pass);
}

TEST_F(Suite, SaysWhatToDoWhereNoReportCanBeKept) {
  write_file(work_.path() / "file", "");
  try {
    run({guest("runs_all")}, {1, {}, work_.path() / "file" / "kept"});
    FAIL() << "it ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::file_failed.id);
    EXPECT_EQ(error.hint(), "name a directory that you may write to: --resume DIR");
  }
}

TEST_F(Suite, AsksWhatFilesSayOnce) {
  std::vector<ValidateOptions> runs = {guest("x", "qemu:one-node"), guest("x", "local"), guest("x", "qemu:tiny-edge")};
  ask_files_once(runs);
  EXPECT_TRUE(runs[0].elsewhere.empty());
  EXPECT_TRUE(runs[1].elsewhere.empty());
  EXPECT_THAT(runs[2].elsewhere, testing::Contains("driver.vermagic"));
  EXPECT_THAT(runs[2].elsewhere, testing::Not(testing::Contains("numa.nodes")));
  runs[1].target = "tree";
  ask_files_once(runs);
  EXPECT_THAT(runs[0].elsewhere, testing::Contains("driver.vermagic"));
  EXPECT_THAT(runs[0].elsewhere, testing::Not(testing::Contains("mem.hmm"))) << "files tell a part of it alone";
  EXPECT_TRUE(runs[1].elsewhere.empty());
}

TEST_F(Suite, SaysThatACheckWasAskedElsewhere) {
  ValidateOptions other = guest("runs_all");
  other.elsewhere = {"numa.nodes"};
  const std::vector<Report> reports = run({guest("runs_all"), other}, {2, {}, {}});
  EXPECT_EQ(reports[1].checks.size() + 1, reports[0].checks.size() + 1) << "it answered, unasked";
  EXPECT_EQ(reports[1].checks.back().reason, "nobody asked for numa.nodes");
  const auto gap = std::find_if(reports[1].coverage.gaps.begin(), reports[1].coverage.gaps.end(),
                                [](const Gap& each) { return each.kind == GapKind::elsewhere; });
  ASSERT_NE(gap, reports[1].coverage.gaps.end());
  EXPECT_THAT(gap->checks, ElementsAre("numa.nodes"));
  const Report merged = merge_reports({{"b", reports[1]}, {"a", reports[0]}});
  for (const Gap& each : merged.coverage.gaps) EXPECT_NE(each.kind, GapKind::elsewhere);
}

/// What two reports may differ in, and the machine that made them.
Json without_timings(Json report) {
  for (const char* key : {"seconds", "cpu_seconds", "first_word_seconds", "first_word_cpu_seconds"})
    report["boot"].erase(key);
  return report;
}

TEST_F(Suite, GoesOnAfterAKillWithTheSameReports) {
  const std::vector<ValidateOptions> runs = {guest("waits_for_a_word failing=numa.nodes"), guest("waits_for_a_word"),
                                             guest("waits_for_a_word", "qemu:tiny-edge")};
  const SuiteOptions suite = {2, {}, work_.path() / "kept"};
  write_file(state(0) / "word", "");
  const pid_t child = run_apart(runs, suite);
  wait_until([&] {
    return fs::is_directory(suite.resume) && !fs::is_empty(suite.resume) && !pids(1).empty() && !pids(2).empty();
  });
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  for (const int number : {1, 2}) {
    wait_until([&] { return is_dead(pids(number)[0]); });
    write_file(state(number) / "word", "");
  }
  EXPECT_EQ(abandoned(), 2) << "this test sees nothing of what a kill leaves";
  const std::vector<Report> resumed = run(runs, suite);
  EXPECT_EQ(abandoned(), 0);
  EXPECT_EQ(pids(0).size(), 1u) << "a machine that was finished ran again";
  EXPECT_EQ(pids(1).size(), 2u);
  EXPECT_EQ(pids(2).size(), 2u);
  const std::vector<Report> whole = run(runs, {2, {}, {}});
  for (std::size_t i = 0; i < runs.size(); ++i)
    EXPECT_EQ(without_timings(resumed[i].to_json()), without_timings(whole[i].to_json()));
  EXPECT_EQ(resumed[0].verdict(), Verdict::fail);
}

TEST_F(Suite, PlantsNoDefectAgainWhoseRunIsKept) {
  ValidateOptions all = guest("waits_for_a_word");
  write_file(state(0) / "word", "");
  all.all_controls = true;
  all.apart = true;
  const SuiteOptions suite = {2, {}, work_.path() / "kept"};
  const Report first = run({all}, suite).at(0);
  const std::size_t starts = pids(0).size();
  ASSERT_GT(starts, 3u) << "one without defects, and some with";
  const auto forget = [&](std::size_t count, const auto& is_one) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(suite.resume))
      if (is_one(read_report(entry.path()))) files.push_back(entry.path());
    ASSERT_GE(files.size(), count);
    for (std::size_t i = 0; i < count; ++i) fs::remove(files[i]);
  };
  const auto is_whole = [](const Report& report) { return report.checks.back().id == "control.score"; };
  const auto is_of_a_defect = [](const Report& report) { return report.boot.contains("unplanted"); };
  forget(1, is_whole);
  EXPECT_EQ(without_timings(run({all}, suite).at(0).to_json()), without_timings(first.to_json()));
  EXPECT_EQ(pids(0).size(), starts);
  forget(1, is_whole);
  forget(2, is_of_a_defect);
  EXPECT_EQ(without_timings(run({all}, suite).at(0).to_json()), without_timings(first.to_json()));
  EXPECT_EQ(pids(0).size(), starts + 2);
}

TEST_F(Suite, TakesNoKeptReportOfAnotherQuestion) {
  std::vector<ValidateOptions> runs = {guest("waits_for_a_word")};
  const SuiteOptions suite = {1, {}, work_.path() / "kept"};
  write_file(state(0) / "word", "");
  const auto starts = [&] {
    run(runs, suite);
    return pids(0).size();
  };
  EXPECT_EQ(starts(), 1u);
  EXPECT_EQ(starts(), 1u);
  runs[0].extra_arguments = {"quiet"};
  EXPECT_EQ(starts(), 2u);
  runs[0].level = "full";
  EXPECT_EQ(starts(), 3u);
  runs[0].target = "qemu:tiny-edge";
  EXPECT_EQ(starts(), 4u);
  runs[0].silence = std::chrono::seconds(300);
  EXPECT_EQ(starts(), 5u);
  Manifest other = read_manifest(image_);
  other.commit = std::string(64, 'c');
  write_manifest(other, image_);
  EXPECT_EQ(starts(), 6u);
  write_file(runs[0].qemu, read_file(runs[0].qemu) + "# another\n", 0755);
  EXPECT_EQ(starts(), 7u) << "another QEMU of the same name";
  for (const auto& entry : fs::directory_iterator(suite.resume)) write_file(entry.path(), "{}");
  EXPECT_EQ(starts(), 8u) << "a kept report that cannot be read was believed";
}

TEST_F(Suite, KeepsNoReportThatTheEnvironmentSpoilt) {
  const SuiteOptions suite = {1, {}, work_.path() / "kept"};
  run({guest("refuses_arguments")}, suite);
  EXPECT_TRUE(fs::is_empty(suite.resume));
}

TEST_F(Suite, LeavesNoGuestWhenItIsInterrupted) {
  const std::vector<ValidateOptions> runs = {guest("waits_for_a_word"), guest("waits_for_a_word"),
                                             guest("waits_for_a_word")};
  const pid_t child = run_apart(runs, {2, {}, {}});
  wait_until([&] { return !pids(0).empty() && !pids(1).empty(); });
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_TRUE(is_dead(pids(0)[0]) && is_dead(pids(1)[0]));
  EXPECT_TRUE(pids(2).empty());
  EXPECT_EQ(abandoned(), 0);
}

// What a run must come to: its verdict, its scenario, how the failure of the run starts, the check that fails, and how
// often it was tried again.
struct Fate {
  int count;
  Verdict verdict;
  const char* scenario;
  const char* failure;
  const char* failing;
  std::size_t retries = 0;
};
constexpr Fate kFates[] = {
    // 75 that are sound, with verdicts of their own
    {35, Verdict::pass, "runs_all", "", ""},
    {20, Verdict::fail, "runs_all failing=numa.nodes", "", "numa.nodes"},
    {20, Verdict::fail, "runs_all failing=numa.placement", "", "numa.placement"},
    // 10 that are hostile
    {2, Verdict::fail, "lies", "V0007", ""},
    {2, Verdict::fail, "replays", "V0007", ""},
    {2, Verdict::fail, "speaks_without_end", "V0007", ""},
    {2, Verdict::fail, "answers_unasked", "", "agent.unasked"},
    {1, Verdict::fail, "forges_a_panic_and_fails", "", "numa.nodes"},
    {1, Verdict::fail, "resets", "V0004", "", 2},
    // 10 that hang
    {3, Verdict::fail, "hangs_in_check", "V0002", "numa.placement"},
    {3, Verdict::fail, "hangs_booting", "V0002", ""},
    {2, Verdict::fail, "answers_keys", "V0005", ""},
    {1, Verdict::fail, "spins", "V0002", "numa.placement"},
    {1, Verdict::fail, "babbles", "V0005", ""},
    // 5 that the host ends
    {2, Verdict::infra, "is_killed", "V0006", "", 2},
    {2, Verdict::pass, "is_killed_at_first", "", "", 1},
    {1, Verdict::infra, "gets_no_memory", "V0009", "", 2},
};

TEST_F(Suite, JudgesAHundredNodesAtOnce) {
  std::vector<ValidateOptions> runs;
  std::vector<const Fate*> fates;
  for (const Fate& fate : kFates) {
    for (int i = 0; i < fate.count; ++i) {
      ValidateOptions& one = runs.emplace_back(guest(fate.scenario, "qemu:tiny-edge"));
      one.silence = std::chrono::seconds(10);
      one.cpu_deadline = std::chrono::seconds(4);
      if (std::string_view(fate.scenario) == "babbles") one.wall_deadline = std::chrono::seconds(10);
      fates.push_back(&fate);
    }
  }
  ASSERT_EQ(runs.size(), 100u);
  const std::vector<Report> reports = run(runs, {100, std::uint64_t{1} << 40, {}});
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Fate& fate = *fates[i];
    const std::string what = fmt::format("{} ({}): {}", fate.scenario, i, reports[i].failure);
    EXPECT_EQ(reports[i].verdict(), fate.verdict) << what;
    EXPECT_EQ(reports[i].failure.substr(0, 5), fate.failure) << what;
    std::vector<std::string> failing;
    for (const CheckResult& check : reports[i].checks)
      if (check.verdict == Verdict::fail) failing.push_back(check.id);
    EXPECT_EQ(fmt::format("{}", fmt::join(failing, " ")), fate.failing) << what;
    EXPECT_EQ(reports[i].boot.value("retries", Json::array()).size(), fate.retries) << what;
  }
}

}  // namespace
}  // namespace ainode
