// SPDX-License-Identifier: Apache-2.0
// Baselines as files: there and back, and what must be refused with its place and cure.
#include "validators/verdict/baseline.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

Report some_report() {
  Report report;
  report.image = "cpu-llm";
  report.commit = "c0ffee";
  report.kernel_release = "6.12";
  report.target = "qemu";
  report.topology = "one-node";
  report.boot = {{"machine", {{"emulated", true}, {"processor", "One"}, {"processors", 8U}}}};
  CheckResult& check = report.checks.emplace_back();
  check.id = "llm.decode";
  check.verdict = Verdict::pass;
  check.figures = {{"llm.decode-instructions-per-token", "instructions", false, true, {1e6}}};
  return report;
}

class BaselineFile : public testing::Test {
 protected:
  /// What a user sees of a baseline that was changed.
  std::string refusal_of(const std::string& text) {
    write_file(file_, text);
    try {
      read_baseline(file_);
    } catch (const Error& error) {
      EXPECT_EQ(error.hint(),
                "a baseline is what `ainode baseline REPORT... -o FILE` wrote; make it again of the reports");
      const std::string path = file_.string();
      std::string message = error.message();
      message.replace(message.find(path), path.size(), "b.json");
      return std::string(error.code().id) + " " + message;
    }
    return "no error";
  }
  TemporaryDirectory work_{testing::TempDir()};
  fs::path file_ = work_.path() / "b.json";
  Baseline baseline_ = make_baseline(some_report(), {"r1.json"}, "2026-11-29", 90);
};

TEST_F(BaselineFile, SurvivesItsRoundTrip) {
  EXPECT_EQ(baseline_.expires, "2027-02-27");
  write_file(file_, write_json(baseline_.to_json()));
  const Baseline read = read_baseline(file_);
  EXPECT_EQ(read.to_json(), baseline_.to_json());
  EXPECT_EQ(read.set.machine.str(), "qemu:one-node (emulated)");
  EXPECT_EQ(read.set.boots, 1U);
  EXPECT_TRUE(is_baseline(baseline_.to_json()));
  EXPECT_FALSE(is_baseline(some_report().to_json()));
}

TEST_F(BaselineFile, RefusesSamplesThatAreNone) {
  Json json = baseline_.to_json();
  json["figures"][0]["samples"] = Json::array();
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `figures[0].samples` is not an array that holds samples");
  json["figures"][0]["samples"] = {1e6, -1};
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `figures[0].samples[1]` is not a number above 0");
  json["figures"][0]["samples"] = {1e6, nullptr};
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `figures[0].samples[1]` is not a number above 0");
  std::string text = baseline_.to_json().dump();
  text.replace(text.find("1000000.0"), 9, "NaN");
  EXPECT_EQ(refusal_of(text), "V0025 b.json is not valid JSON");
}

TEST_F(BaselineFile, RefusesWhatIsNoBaseline) {
  EXPECT_EQ(refusal_of(some_report().to_json().dump()),
            "V0025 b.json: `schema` is `ainode.validate/1`, and this ainode reads `ainode.baseline/1`");
  Json json = baseline_.to_json();
  json["figures"] = Json::array();
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `figures` holds none: nothing can be held to it");
  json = baseline_.to_json();
  json["expires"] = "2027-02-30";
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `expires` is not a date like 2027-02-28");
  json = baseline_.to_json();
  json["figures"].push_back(json["figures"][0]);
  EXPECT_EQ(refusal_of(json.dump()), "V0025 b.json: `figures[1].name` stands twice");
}

TEST_F(BaselineFile, NamesAFileThatIsNotThere) {
  try {
    read_baseline("/nowhere/b.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(render(error),
              "error[V0024]: there is no baseline /nowhere/b.json\n"
              "  = help: a baseline is what `ainode baseline REPORT... -o FILE` wrote\n");
  }
}

TEST(MakeBaseline, RefusesReportsWithoutFigures) {
  Report report = some_report();
  report.checks[0].figures.clear();
  try {
    make_baseline(report, {}, "2026-11-29", 90);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "no report of cpu-llm holds a figure");
  }
}

TEST(Date, IsOneOfTheCalendar) {
  EXPECT_TRUE(is_date("2028-02-29"));
  for (const char* bad : {"2027-02-29", "2027-13-01", "2027-1-1", "27-01-01", "2027/01/01", "2027-01-0x", ""})
    EXPECT_FALSE(is_date(bad)) << bad;
  EXPECT_EQ(date_after("2026-12-31", 1), "2027-01-01");
  EXPECT_TRUE(is_date(date_today()));
}

}  // namespace
}  // namespace ainode
