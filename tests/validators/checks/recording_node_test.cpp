// SPDX-License-Identifier: Apache-2.0
// What is noted while checks run is enough to run them again, and what was not noted is never guessed.
#include "validators/checks/recording_node.h"

#include <gtest/gtest.h>

#include "recorded_world.h"
#include "validators/checks/local_node.h"

namespace ainode::checks {
namespace {

/// The recording as it comes back from its own text.
RecordedNode read_back(Recording recording) {
  ReadAnswers read = read_probes(Json::parse(write_probes(recording.answers)));
  if (!read.value) throw std::runtime_error(read.problem);
  recording.answers = std::move(*read.value);
  return {std::move(recording), Unrecorded::is_unknown};
}

TEST(RecordingNode, AnswersAgainWhatEveryProbeAnswered) {
  const Json probes = {
      {"kernel_release", "6.12"},
      {"kernel_log", "<6>[ 0.0] Linux version\n"},
      {"coarse_clock_nanoseconds", 4000000},
      {"privileged_files", {"/usr/bin/su"}},
      {"interleave", {{"on_node", {{"0", 64}, {"1", 63}}}, {"problem", "p"}}},
      {"place_pages", {{"1", {{"pages", 2}, {"on_node", 1}, {"numa_maps", "N1=1"}}}}},
      {"migrate_pages", {{"0 to 1", {{"arrived", 3}, {"is_intact", true}}}}},
      {"try_heap", {{"/dev/h", {{"is_present", true}, {"bytes", 7}, {"wrong_flags_error", "EINVAL"}}}}},
      {"triad", {{"0 to 1", {{"bytes", 64}, {"cache_bytes", 16}, {"samples", {1.5, 2.0}}}}}},
      {"chase", {{"0 to 1", {{"problem", "mbind"}}}}},
      {"measure_wakeups", {{"wakeups", 3}, {"p9999_us", 1.25}, {"histogram", {{"2", 3}}}}},
      {"try_mirror", {{"/dev/m", {{"is_present", true}, {"moved", 4096}}}}},
      {"is_read_only", {{"/usr", true}}},
      {"is_same_directory", {{"/usr and /a", false}}},
      {"status", {{"/etc/x", {{"is_regular", true}, {"mode", 420}, {"uid", 1}, {"gid", 2}}}}},
      {"module_version", {{"/m.ko", "6.12 SMP"}}},
      {"run", {{"systemctl is-active a b", {{"status", 3}, {"output", "inactive\n"}}}}}};
  const RecordedWorld world({{"/proc/cmdline", "quiet"}, {"/sys/a/b/c", "1"}, {"/sys/link", "-> ../x"}}, probes);
  Recording recording;
  const RecordingNode recorder(world.node(), recording);
  const auto ask_everything = [](const Node& node) {
    Json said = Json::array();
    said.push_back(node.kernel_release());
    said.push_back(json_of(node.kernel_log()));
    said.push_back(json_of(node.coarse_clock_nanoseconds()));
    said.push_back(json_of(node.privileged_files()));
    for (const Spread policy : {Spread::interleave, Spread::weighted_interleave})
      said.push_back(json_of(node.spread_pages({0, 1}, 128, policy)));
    said.push_back(json_of(node.place_pages(1, 2)));
    for (const Migration way : {Migration::by_page, Migration::by_process})
      said.push_back(json_of(node.move_pages(0, 1, 3, way)));
    said.push_back(json_of(node.try_heap("/dev/h")));
    for (const MemoryTest test : {MemoryTest::triad, MemoryTest::chase})
      said.push_back(json_of(node.measure_memory(0, 1, test)));
    said.push_back(json_of(node.measure_wakeups({0, 1}, 1)));
    said.push_back(json_of(node.try_mirror("/dev/m")));
    said.push_back(json_of(node.is_read_only("/usr")));
    said.push_back(json_of(node.is_same_directory("/usr", "/a")));
    for (const char* path : {"/etc/x", "/etc/none"}) said.push_back(json_of(node.status(path)));
    said.push_back(json_of(node.module_version("/m.ko")));
    said.push_back(json_of(node.run({"systemctl", "is-active", "a", "b"})));
    for (const char* path : {"/proc/cmdline", "/proc/none"}) said.push_back(json_of(node.read_file(path)));
    for (const char* path : {"/sys", "/sys/a", "/none"}) said.push_back(json_of(node.list(path)));
    for (const char* path : {"/sys/link", "/none"}) said.push_back(json_of(node.read_link(path)));
    for (const char* path : {"/sys/a/b", "/none"}) said.push_back(json_of(node.exists(path)));
    return said;
  };
  const Json first = ask_everything(recorder);
  EXPECT_EQ(first, ask_everything(world.node()));
  EXPECT_EQ(ask_everything(read_back(recording)).dump(1), first.dump(1));
}

TEST(RecordingNode, KeepsTheLaterOfTwoAnswers) {
  Recording recording;
  RecordingNode(RecordedWorld(Files{{"/a", "1"}}).node(), recording).read_file("/a");
  RecordingNode(RecordedWorld(Files{{"/a", "22"}}).node(), recording).read_file("/a");
  EXPECT_EQ(recording.files, (Files{{"/a", "22"}}));
  EXPECT_EQ(recording.bytes, 2U);
}

TEST(RecordingNode, LeavesOutWhatIsTooLargeAndThenNoCheckJudgesIt) {
  Recording recording;
  const RecordedWorld world(Files{{"/proc/cmdline", std::string(kRecordedFile + 1, 'x')}});
  RecordingNode(world.node(), recording).read_file("/proc/cmdline");
  EXPECT_TRUE(recording.files.empty());
  const CheckResult result = run_check(check_named("kernel.cmdline"), read_back(recording), {});
  EXPECT_EQ(said(result), "infra: the check itself failed: read_file of `/proc/cmdline` was not recorded");
}

TEST(RecordedNode, SaysOfEveryProbeThatItWasNotRecorded) {
  const RecordedNode node({}, Unrecorded::is_unknown);
  EXPECT_THROW(node.read_file("/a"), std::runtime_error);
  EXPECT_THROW(node.list("/a"), std::runtime_error);
  EXPECT_THROW(node.read_link("/a"), std::runtime_error);
  EXPECT_THROW(node.exists("/a"), std::runtime_error);
  EXPECT_THROW(node.status("/a"), std::runtime_error);
  EXPECT_THROW(node.kernel_release(), std::runtime_error);
  EXPECT_THROW(node.privileged_files(), std::runtime_error);
  EXPECT_THROW(node.place_pages(0, 1), std::runtime_error);
  EXPECT_THROW(node.measure_memory(0, 0, MemoryTest::chase), std::runtime_error);
  EXPECT_THROW(node.measure_wakeups({0}, 1), std::runtime_error);
  EXPECT_THROW(node.try_mirror("/dev/m"), std::runtime_error);
  EXPECT_THROW(node.run({"true"}), std::runtime_error);
}

TEST(Recording, RefusesAnswersOfAnotherForm) {
  const std::pair<const char*, const char*> kBad[] = {
      {R"([])", "it has no `ainode-recording`"},
      {R"({})", "it has no `ainode-recording`"},
      {R"({"ainode-recording": 2})", "its version is 2, and this program reads 1"},
      {R"({"ainode-recording": 1, "runs": {}})", "nobody knows the probe `runs`"},
      {R"({"ainode-recording": 1, "run": []})", "`run` is not an object of answers"},
      {R"({"ainode-recording": 1, "run": {"a": {"state": 0}}})",
       "the answer of `run` to `a` has a member that nobody knows"},
      {R"({"ainode-recording": 1, "run": {"a": {"status": "0"}}})", "the answer of `run` to `a` has the wrong type"},
      {R"({"ainode-recording": 1, "run": {"a": 7}})", "the answer of `run` to `a` is not an object"},
      {R"({"ainode-recording": 1, "kernel_release": 6})", "the answer of `kernel_release` has the wrong type"},
      {R"({"ainode-recording": 1, "list": {"/a": [1]}})", "the answer of `list` to `/a` has the wrong type"},
      {R"({"ainode-recording": 1, "interleave": {"on_node": {"x": 1}}})",
       "the answer of `interleave` has a node that is no number"},
      {R"({"ainode-recording": 1, "read_file": {"/a": "b"}})",
       "the answer of `read_file` to `/a` is not null: content stands in a file"},
  };
  for (const auto& [text, problem] : kBad) EXPECT_EQ(read_probes(Json::parse(text)).problem, problem) << text;
}

TEST(CaptureSystem, TakesTextOfThisMachineAndNothingThatActsOrIsSecret) {
  Recording recording;
  recording.files["/proc/cmdline"] = "as a check saw it";
  capture_system(LocalNode(), recording);
  EXPECT_EQ(recording.files["/proc/cmdline"], "as a check saw it");
  EXPECT_EQ(recording.files.count("/proc/meminfo"), 1U);
  EXPECT_EQ(recording.files.count("/proc/sys/kernel/ostype"), 1U);
  EXPECT_EQ(recording.answers.by_argument["list"].count("/proc/sys/kernel"), 1U);
  for (const auto& [path, content] : recording.files) {
    EXPECT_LE(content.size(), kCapturedFile) << path;
    EXPECT_EQ(content.find('\0'), std::string::npos) << path;
    for (const char* part : {"binfmt_misc", "fastopen_key", "stable_secret", "stat_refresh"})
      EXPECT_EQ(path.find(part), std::string::npos) << path;
  }
}

}  // namespace
}  // namespace ainode::checks
