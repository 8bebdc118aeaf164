// SPDX-License-Identifier: Apache-2.0
// How verdicts add up, and results of a guest that must be refused.
#include "base/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"

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
    EXPECT_EQ(error.code().id, codes::report_malformed.id);
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
  report.level = "quick";
  report.checks[1].lacks = "hmat";
  report.checks[1].verdicts = {{"tree", Verdict::pass}, {"qemu:one-node", Verdict::fail}};
  report.checks[0].figures = {{"mem.triad-GBps", "GB/s", true, false, {7.5}},
                              {"mem.latency-ns", "ns", false, true, {90, 91.5}, "qemu:x"}};
  report.coverage = {4, 2, {{GapKind::machine, "an HMAT", {"numa.hmat", "numa.tiers"}, {"qemu:x"}}}, {"cpu"}, {"a.b"}};
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

TEST(Report, RefusesFiguresThatAreNone) {
  CheckResult measuring = check("a.x", Verdict::pass);
  measuring.figures = {{"mem.triad-GBps", "GB/s", true, false, {7.5}}};
  const Json good = report_of({measuring}).to_json();
  const auto refusal_with = [&](const char* key, const Json& value) {
    Json json = good;
    json["checks"][0]["figures"][0][key] = value;
    return refusal(json);
  };
  EXPECT_EQ(refusal_with("name", "triad"), "r.json: `checks[0].figures[0].name` is not the name of a figure");
  EXPECT_EQ(refusal_with("name", "mem.<b>"), "r.json: `checks[0].figures[0].name` is not the name of a figure");
  EXPECT_EQ(refusal_with("better", "more"), "r.json: `checks[0].figures[0].better` is neither `higher` nor `lower`");
  EXPECT_EQ(refusal_with("counted", 1), "r.json: `checks[0].figures[0].counted` is not true or false");
  EXPECT_EQ(refusal_with("samples", Json::array()),
            "r.json: `checks[0].figures[0].samples` is not an array that holds samples");
  EXPECT_EQ(refusal_with("samples", {1, 0}), "r.json: `checks[0].figures[0].samples[1]` is not a number above 0");
  Json json = good;
  json["checks"][0]["figures"].push_back(json["checks"][0]["figures"][0]);
  EXPECT_EQ(refusal(json), "r.json: `checks[0].figures[1].name` stands twice");
  json["checks"][0].erase("figures");  // as versions without figures wrote it
  EXPECT_EQ(refusal(json), "no error");
}

TEST(Report, RefusesCoverageThatDoesNotAddUp) {
  Json json = report_of({check("a.x", Verdict::pass)}).to_json();
  json["coverage"]["covered"] = 1U;
  EXPECT_EQ(refusal(json), "r.json: `coverage.checks` is not the sum of what is covered and what is not");
  json["coverage"]["gaps"] = Json::array({{{"kind", "luck"}}});
  EXPECT_EQ(refusal(json), "r.json: `coverage.gaps[0].kind` is not a kind of gap");
}

/// What a user sees who names the wrong file: code, place and cure.
class ReadReport : public testing::Test {
 protected:
  std::string refusal_of(const std::string& content) {
    write_file(file_, content);
    return message();
  }
  std::string message() {
    try {
      read_report(file_);
    } catch (const Error& error) {
      std::string text = render(error);
      const std::string path = file_.string();
      for (std::size_t at = 0; (at = text.find(path)) != std::string::npos;) text.replace(at, path.size(), "r.json");
      return text;
    }
    return "no error";
  }
  const std::string cure_ =
      "  = help: a report is what `ainode validate IMAGE -o FILE` or `ainode report merge` wrote; one of another "
      "version "
      "is read by that version\n";
  TemporaryDirectory work_{testing::TempDir()};
  fs::path file_ = work_.path() / "r.json";
};

TEST_F(ReadReport, NamesAFileThatIsNotThere) {
  EXPECT_EQ(message(),
            "error[V0020]: there is no report r.json\n"
            "  = help: a report is what `ainode validate IMAGE -o FILE` or `ainode report merge` wrote\n");
}

TEST_F(ReadReport, NamesThePlaceWhereItIsNoJson) {
  EXPECT_EQ(refusal_of("{\n \"checks\": NaN}"),
            "error[V0021]: r.json is not valid JSON\n"
            "   ┌─ r.json:2:12\n"
            "2│  \"checks\": NaN}\n"
            " │            ^ syntax error while parsing value - invalid literal; last read: '\"checks\": N'\n" +
                cure_);
}

TEST_F(ReadReport, RefusesAnotherVersionAndNumbersThatAreNone) {
  Json json = report_of({check("a.x", Verdict::pass)}).to_json();
  json["schema"] = "ainode.validate/9";
  EXPECT_EQ(
      refusal_of(json.dump()),
      "error[V0021]: r.json: `schema` is `ainode.validate/9`, and this ainode reads `ainode.validate/1`\n" + cure_);
  const std::string endless = R"({"seconds": 1e999})";
  EXPECT_EQ(refusal_of(endless).substr(0, 39), "error[V0021]: r.json is not valid JSON\n");
}

TEST_F(ReadReport, ReadsWhatWasWritten) {
  const Report report = report_of({check("a.x", Verdict::pass)});
  write_file(file_, write_json(report.to_json()));
  EXPECT_EQ(read_report(file_).to_json(), report.to_json());
}

TEST(Report, SaysOfEachCheckThatWentWrongHowToRepeatIt) {
  Report report = report_of({check("a.x", Verdict::fail), check("a.y", Verdict::pass), check("a.z", Verdict::infra),
                             check("agent.unasked", Verdict::fail), check("control.no-iommu", Verdict::fail)});
  const std::string one = "ainode validate /out --target qemu:one-node", whole = one + " --level full";
  report.boot = {{"repeat", whole}, {"repeat_one", one}};
  const Json checks = report.to_json()["checks"];
  EXPECT_EQ(checks[0]["repeat"], one + " --check a.x");
  EXPECT_FALSE(checks[1].contains("repeat"));
  EXPECT_EQ(checks[2]["repeat"], one + " --check a.z");
  EXPECT_EQ(checks[3]["repeat"], whole) << "there is no such check";
  EXPECT_EQ(checks[4]["repeat"], one + " --control no-iommu");
  EXPECT_EQ(Report::from_json(report.to_json(), "r").to_json(), report.to_json());
  report.boot = Json::object();
  EXPECT_FALSE(report.to_json()["checks"][0].contains("repeat"));
}

TEST(ReportSchema, DescribesWhatABootMaySay) {
  const Json boot = report_schema()["properties"]["boot"]["properties"];
  for (const char* key : {"repeat", "repeat_one", "evidence", "boots", "runs", "unplanted", "failure_code",
                          "last_lines", "retries", "machine"})
    EXPECT_FALSE(boot[key].value("description", "").empty()) << key;
  EXPECT_TRUE(boot["runs"]["items"]["properties"].contains("last_lines"));
  const Json check = report_schema()["properties"]["checks"]["items"];
  EXPECT_TRUE(check["properties"].contains("repeat"));
  EXPECT_EQ(std::find(check["required"].begin(), check["required"].end(), "repeat"), check["required"].end());
}

/// The schema that is published beside the reports' writers is the one that the program has.
TEST(ReportSchema, IsTheCommittedOne) {
  EXPECT_EQ(read_file(AINODE_SOURCE_DIR "/validators/verdict/report.schema.json"), report_schema().dump(2) + "\n");
}

}  // namespace
}  // namespace ainode
