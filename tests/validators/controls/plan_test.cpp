// SPDX-License-Identifier: Apache-2.0
#include "validators/controls/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ainode::controls {
namespace {

const Control kDark = {"dark", "the light is off", {"room.light", "room.colour"}};
const Control kCold = {"cold", "the heating is off", {"room.heat"}, {"room.comfort"}};
const Control kGloom = {"gloom", "the curtain is drawn", {"room.light"}};
const Ids kPassed = {"room.light", "room.heat", "room.comfort", "room.door"};

/// A run in which these fail, and the others of the room pass.
Report run_with(const Ids& failed) {
  Report report;
  for (const std::string id : {"room.light", "room.colour", "room.heat", "room.comfort", "room.door"}) {
    report.checks.emplace_back();
    report.checks.back().id = id;
    report.checks.back().verdict = failed.contains(id) ? Verdict::fail : Verdict::pass;
  }
  return report;
}

Batch batch_of(const std::vector<const Control*>& controls) {
  return plan(controls, kPassed);
}

std::vector<std::string> names_of(const Batch& batch) {
  std::vector<std::string> names;
  for (const Planned& each : batch) names.emplace_back(each.control->name);
  return names;
}

TEST(Plan, AControlMustFailOfItsChecksThoseThatPass) {
  const Batch planned = plan({&kDark, &kCold}, {"room.light"});
  ASSERT_EQ(names_of(planned), std::vector<std::string>{"dark"});
  EXPECT_EQ(planned[0].must, Ids{"room.light"});
}

TEST(Plan, ControlsThatTouchOneCheckAreNotPlantedTogether) {
  const auto batches = batches_of(batch_of({&kDark, &kCold, &kGloom}), false);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(names_of(batches[0]), (std::vector<std::string>{"dark", "cold"}));
  EXPECT_EQ(names_of(batches[1]), std::vector<std::string>{"gloom"});
  EXPECT_EQ(batches_of(batch_of({&kDark, &kCold, &kGloom}), true).size(), 3u);
}

TEST(Plan, WhatAControlMayFailKeepsOthersApartToo) {
  const Control comfort = {"hard-chair", "the chair is hard", {"room.comfort"}};
  EXPECT_EQ(batches_of(batch_of({&kCold, &comfort}), false).size(), 2u);
}

TEST(Plan, SharesPlantEachControlOnce) {
  const Batch all = batch_of({&kDark, &kCold, &kGloom});
  EXPECT_EQ(names_of(share_of(all, 1, 1)), names_of(all));
  EXPECT_EQ(names_of(share_of(all, 1, 2)), (std::vector<std::string>{"dark", "gloom"}));
  EXPECT_EQ(names_of(share_of(all, 2, 2)), std::vector<std::string>{"cold"});
  EXPECT_TRUE(share_of(all, 4, 4).empty());
  EXPECT_EQ(due_of(batch_of({&kDark, &kCold})), (Ids{"room.heat", "room.light"}));
}

TEST(Plan, ADeviationNamesWhoMissedAndWhatFailedBesides) {
  const Batch batch = batch_of({&kDark, &kCold});
  EXPECT_TRUE(deviation_of(batch, kPassed, run_with({"room.light", "room.heat"})).missed.empty());
  EXPECT_TRUE(deviation_of(batch, kPassed, run_with({"room.light", "room.heat", "room.comfort"})).surplus.empty());
  const Deviation deviation = deviation_of(batch, kPassed, run_with({"room.light", "room.door", "room.colour"}));
  EXPECT_EQ(names_of(deviation.missed), std::vector<std::string>{"cold"});
  EXPECT_EQ(deviation.surplus, Ids{"room.door"});
  Report unplanted = run_with({"room.light", "room.heat"});
  unplanted.boot = {{"unplanted", {"cold"}}};
  EXPECT_EQ(names_of(deviation_of(batch, kPassed, unplanted).missed), std::vector<std::string>{"cold"});
  EXPECT_EQ(judge_control(batch[1], batch, kPassed, unplanted).verdict, Verdict::fail);
  Report cut_short = run_with({"room.light", "room.heat"});
  cut_short.failure = "V0003: panic";
  EXPECT_EQ(deviation_of(batch, kPassed, cut_short).missed.size(), 2u);
}

TEST(JudgeControl, ExactlyWhatItNamesMustFail) {
  const Batch batch = batch_of({&kDark, &kCold});
  const auto judge = [&](const Ids& failed) { return judge_control(batch[0], batch, kPassed, run_with(failed)); };
  EXPECT_EQ(judge({"room.light", "room.heat"}).verdict, Verdict::pass);
  EXPECT_EQ(judge({"room.light", "room.heat"}).measured["fail"], Json{"room.light"});
  EXPECT_EQ(judge({"room.heat"}).reason, "room.light did not fail");
  EXPECT_EQ(judge({"room.light", "room.door"}).reason, "room.door failed too, for which it was not planted");
  EXPECT_EQ(judge({"room.light", "room.door"}).verdict, Verdict::fail);
}

TEST(JudgeControl, ARunThatWasCutShortSaysNothingOfTheCheck) {
  const Batch batch = batch_of({&kDark});
  Report run = run_with({"room.light"});
  run.failure = "V0006: QEMU ended by signal 9";
  run.failure_verdict = Verdict::infra;
  const CheckResult result = judge_control(batch[0], batch, kPassed, run);
  EXPECT_EQ(result.verdict, Verdict::infra);
  EXPECT_NE(result.reason.find("V0006"), std::string::npos);
}

TEST(JudgeScore, OnlyAControlThatPassesCatches) {
  const Batch batch = batch_of({&kDark, &kCold});
  std::vector<CheckResult> results;
  for (const Planned& each : batch) results.push_back(judge_control(each, batch, kPassed, run_with({"room.heat"})));
  const CheckResult score = judge_score(kPassed, batch, results);
  EXPECT_EQ(score.verdict, Verdict::fail);
  EXPECT_EQ(score.measured,
            (Json{{"passed", 4}, {"caught", 1}, {"uncaught", {"room.comfort", "room.door", "room.light"}}}));
  const CheckResult whole = judge_score({"room.heat"}, batch, results);
  EXPECT_EQ(whole.verdict, Verdict::pass);
  EXPECT_EQ(judge_score({}, {}, {}).verdict, Verdict::skip) << "nothing was shown of nothing";
}

}  // namespace
}  // namespace ainode::controls
