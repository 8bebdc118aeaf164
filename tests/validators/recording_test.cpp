// SPDX-License-Identifier: Apache-2.0
// Recordings on disk: real ones judged again, wrong ones that fail exactly the checks they are wrong for, damaged ones.
// tests/validators/recordings/README.md tells how each was made.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "validators/recording_files.h"
#include "validators/validate.h"

namespace ainode {
namespace {

using testing::ElementsAre;

const fs::path kRecordings = AINODE_SOURCE_DIR "/tests/validators/recordings";

Report judge_again(const fs::path& directory) {
  RunContext context{silent_events()};
  ValidateOptions options;
  options.image = directory;
  options.target = "recorded";
  return validate_image(context, options);
}

/// What of a result does not depend on when it was judged.
Json lasting(const Report& report) {
  Json results = report.to_json()["checks"];
  for (Json& each : results) each.erase("seconds");
  return results;
}

/// "id: reason" of what failed; nothing may be infra.
std::vector<std::string> failures(const Report& report) {
  std::vector<std::string> failed;
  for (const CheckResult& check : report.checks) {
    EXPECT_NE(check.verdict, Verdict::infra) << check.id << ": " << check.reason;
    if (check.verdict == Verdict::fail) failed.push_back(check.id + ": " + check.reason);
  }
  return failed;
}

TEST(Recordings, ARealOneGivesTheVerdictsThatItWasMadeWith) {
  const KeptRecording kept = read_recording(kRecordings / "two-nodes");
  const Report again = judge_again(kRecordings / "two-nodes");
  EXPECT_EQ(again.verdict(), Verdict::pass);
  EXPECT_GT(again.checks.size(), 20U);
  EXPECT_EQ(lasting(again).dump(1), lasting(kept.report).dump(1));
  EXPECT_EQ(again.commit, kept.report.commit);
  EXPECT_EQ(again.topology, "two-nodes");
  EXPECT_EQ(again.target, "recorded");
  EXPECT_EQ(again.boot["recorded_on"], kept.report.target);
}

TEST(Recordings, AsymmetricDistancesFailOneCheck) {
  EXPECT_THAT(failures(judge_again(kRecordings / "asymmetric-distances")),
              ElementsAre("numa.distances-symmetric: 0 to 1 is 21, back is 31"));
}

TEST(Recordings, AnotherSysctlAndAFailedUnitFailTwoChecks) {
  EXPECT_THAT(failures(judge_again(kRecordings / "failed-unit")),
              ElementsAre("kernel.sysctl: `vm.swappiness` is 60 instead of 1 (images/node.yaml:3:14)",
                          "system.units: accelerator.service failed"));
}

TEST(Recordings, ThatNoReaderWouldTakeAreNotWritten) {
  const TemporaryDirectory work(testing::TempDir());
  KeptRecording kept = read_recording(kRecordings / "failed-unit");
  kept.recording.answers.single["kernel_log"] = std::string(checks::kRecordedProbes, 'x');
  try {
    write_recording(kept, work.path() / "out");
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::recording_malformed.id);
    EXPECT_NE(error.message().find("probes.json would have"), std::string::npos) << error.message();
  }
  EXPECT_TRUE(fs::is_empty(work.path()));
}

class Damaged : public testing::Test {
 protected:
  void SetUp() override { fs::copy(kRecordings / "asymmetric-distances", directory_, fs::copy_options::recursive); }
  /// "CODE message" without the directory's own path.
  std::string refusal() {
    try {
      judge_again(directory_);
      return "judged";
    } catch (const Error& error) {
      EXPECT_NE(error.hint(), "") << error.message();
      std::string text = fmt::format("{} {}", error.code().id, error.message());
      const std::size_t at = text.find(directory_.string());
      return at == std::string::npos ? text : text.replace(at, directory_.string().size(), "DIR");
    }
  }
  void edit(const char* name, const std::function<void(Json&)>& change) {
    Json json = Json::parse(read_file(directory_ / name));
    change(json);
    write_file(directory_ / name, json.dump());
  }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path directory_ = work_.path() / "recording";
};

TEST_F(Damaged, APartIsMissing) {
  for (const char* name : {"probes.json", "expected.json", "report.json"}) {
    const std::string content = read_file(directory_ / name);
    fs::remove(directory_ / name);
    EXPECT_EQ(refusal(), fmt::format("V0023 DIR: {} is missing", name));
    write_file(directory_ / name, content);
  }
  fs::remove_all(directory_ / "root");
  EXPECT_EQ(refusal(), "V0023 DIR: has no directory root/");
  fs::remove_all(directory_);
  EXPECT_EQ(refusal(), "V0022 DIR holds no recording");
}

TEST_F(Damaged, APartIsNotWhatRecordWrites) {
  edit("probes.json", [](Json& json) { json["ainode-recording"] = 9; });
  EXPECT_EQ(refusal(), "V0023 DIR/probes.json: its version is 9, and this program reads 1");
  edit("probes.json", [](Json& json) { json = {{"ainode-recording", 1}, {"surprise", 1}}; });
  EXPECT_EQ(refusal(), "V0023 DIR/probes.json: nobody knows the probe `surprise`");
  write_file(directory_ / "probes.json", "{\n  \"a\": ]");
  EXPECT_EQ(refusal(), "V0023 DIR/probes.json is not valid JSON");
}

TEST_F(Damaged, WhatWasExpectedOrReportedIsAnotherDocument) {
  const std::string report = read_file(directory_ / "report.json");
  edit("report.json", [](Json& json) { json["verdict"] = "pass"; });
  EXPECT_THAT(refusal(), testing::HasSubstr("V0023 DIR/report.json: `verdict` disagrees with the checks"));
  write_file(directory_ / "report.json", report);
  edit("expected.json", [](Json& json) { json["image"].erase("commit"); });
  EXPECT_EQ(refusal(), "V0023 DIR: expected.json has no `commit`");
}

TEST_F(Damaged, ALinkLeadsOutOfIt) {
  fs::create_symlink("/etc/passwd", directory_ / "root/proc");
  EXPECT_EQ(refusal(), "V0023 DIR/root/proc: is a link, and a recording has none: it could lead out of it");
  fs::remove(directory_ / "root/proc");
  write_file(directory_ / "root/a\nb", "");
  EXPECT_EQ(refusal(), "V0023 DIR/root/a\\x0ab: has a name that no recorded file has");
}

}  // namespace
}  // namespace ainode
