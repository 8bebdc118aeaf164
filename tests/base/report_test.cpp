// SPDX-License-Identifier: Apache-2.0
// How verdicts add up, and results of a guest that must be refused.
#include "base/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

CheckResult check(const std::string& id, Verdict verdict) {
  CheckResult result;
  result.id = id;
  result.sentence = "what it promises";
  result.verdict = verdict;
  result.measured = 2;
  result.expected = {{"least", 2}};
  result.evidence = "/sys/devices/system/node/online";
  result.seconds = 0.25;
  return result;
}

Report report_of(std::vector<CheckResult> checks) {
  Report report;
  report.image = "out";
  report.target = "qemu";
  report.profiles = {"boot"};
  report.checks = std::move(checks);
  return report;
}

std::string refusal(const Json& json) {
  try {
    Report::from_json(json, "r.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::result_malformed.id);
    return error.message();
  }
  return "no error";
}

TEST(Verdict, RoundTripsThroughItsName) {
  for (const Verdict verdict : {Verdict::pass, Verdict::fail, Verdict::skip, Verdict::unmeasurable, Verdict::infra})
    EXPECT_EQ(verdict_from_string(to_string(verdict)), verdict);
}

TEST(Verdict, RefusesAnyOtherWord) {
  try {
    verdict_from_string("PASS\x1b[0m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "`" + printable("PASS\x1b[0m") + "` is not a verdict");
  }
}

TEST(Report, FailsWhenOneCheckFails) {
  EXPECT_EQ(
      report_of({check("a.x", Verdict::pass), check("a.y", Verdict::fail), check("a.z", Verdict::infra)}).verdict(),
      Verdict::fail);
}

TEST(Report, FailsWhenTheGuestFailed) {
  Report report = report_of({check("a.x", Verdict::infra)});
  report.failure = "guest panicked";
  report.failure_verdict = Verdict::fail;
  EXPECT_EQ(report.verdict(), Verdict::fail);
}

TEST(Report, IsInfraWhenOnlyTheEnvironmentFailed) {
  EXPECT_EQ(report_of({check("a.x", Verdict::pass), check("a.y", Verdict::infra)}).verdict(), Verdict::infra);
  Report report = report_of({});
  report.failure_verdict = Verdict::infra;
  EXPECT_EQ(report.verdict(), Verdict::infra);
}

TEST(Report, PassesWithSkippedAndUnmeasurableChecks) {
  EXPECT_EQ(report_of({check("a.x", Verdict::pass), check("a.y", Verdict::skip), check("a.z", Verdict::unmeasurable)})
                .verdict(),
            Verdict::pass);
}

TEST(Report, SurvivesItsRoundTrip) {
  Report report = report_of({check("numa.nodes", Verdict::pass), check("kernel.cmdline", Verdict::fail)});
  report.checks[1].reason = "`quiet` is missing";
  report.boot = {{"first_word_seconds", 9.5}};
  const Json json = parse_json(write_json(report.to_json()), "r.json", codes::result_malformed);
  EXPECT_EQ(json["verdict"], "fail");
  EXPECT_EQ(Report::from_json(json, "r.json").to_json(), report.to_json());
  EXPECT_EQ(Report::from_json(json, "r.json").checks[1].reason, "`quiet` is missing");
}

TEST(Report, RefusesAVerdictThatItsChecksDoNotSupport) {
  Json json = report_of({check("a.x", Verdict::fail)}).to_json();
  json["verdict"] = "pass";
  EXPECT_EQ(refusal(json), "r.json: `verdict` disagrees with the checks");
}

TEST(Report, RefusesMalformedChecks) {
  const Json good = report_of({check("a.x", Verdict::pass)}).to_json();
  Json json = good;
  json["checks"][0]["id"] = "<script>";
  EXPECT_EQ(refusal(json), "r.json: `checks[0].id` is not the id of a check");
  json = good;
  json["checks"][0]["seconds"] = -1;
  EXPECT_EQ(refusal(json), "r.json: `checks[0].seconds` is not a duration");
  json = good;
  json["checks"][0].erase("evidence");
  EXPECT_EQ(refusal(json), "r.json: `checks[0].evidence` is missing");
  json = good;
  json["checks"].push_back(good["checks"][0]);
  EXPECT_EQ(refusal(json), "r.json: `checks[1].id` stands twice");
}

TEST(CheckResult, NamesWhatIsWrongInOneResult) {
  Json json = check("a.x", Verdict::pass).to_json();
  EXPECT_EQ(CheckResult::from_json(json).to_json(), json);
  json["verdict"] = 1;
  try {
    CheckResult::from_json(json);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "a check's result: `verdict` is not a string");
  }
}

}  // namespace
}  // namespace ainode
