// SPDX-License-Identifier: Apache-2.0
// What a gate says of figures, checks and waivers; and how often it is wrong, over simulated boots of a fixed seed.
#include "validators/verdict/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "base/error.h"
#include "validators/verdict/merge_reports.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Samples = std::vector<double>;

constexpr const char* kToday = "2026-12-01";

Figure timed(Samples samples, const std::string& name = "mem.triad-GBps") {
  return {name, "GB/s", true, false, std::move(samples)};
}

Figure counted(Samples samples) {
  return {"llm.decode-instructions-per-token", "instructions", false, true, std::move(samples)};
}

Report report_of(std::vector<Figure> figures, std::vector<CheckResult> others = {}) {
  Report report;
  report.image = "cpu-llm";
  report.commit = "c0ffee";
  report.target = "local";
  report.boot = {{"machine", {{"emulated", false}, {"processor", "One"}, {"processors", 8U}}}};
  report.checks = std::move(others);
  CheckResult& measuring = report.checks.emplace_back();
  measuring.id = "numa.bandwidth";
  measuring.verdict = Verdict::pass;
  measuring.figures = std::move(figures);
  return report;
}

CheckResult check(const std::string& id, Verdict verdict, const std::string& reason) {
  CheckResult result;
  result.id = id;
  result.verdict = verdict;
  result.reason = reason;
  return result;
}

Baseline baseline_of(std::vector<Figure> figures) {
  return make_baseline(report_of(std::move(figures)), {"r.json"}, "2026-11-01", 60);
}

Policy limit(double regress, const std::string& figure = "mem.triad-GBps") {
  return {{{figure, regress, {}, {}}}, {}, {}};
}

FigureVerdict only(const GateResult& result) {
  EXPECT_EQ(result.figures.size(), 1U);
  return result.figures.at(0);
}

GateResult of_timed(const Samples& base, const Samples& candidate, double regress = 0.05) {
  return gate(report_of({timed(candidate)}), baseline_of({timed(base)}), limit(regress), kToday);
}

std::string refusal_of(const ErrorCode& code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, code.id);
    EXPECT_NE(error.hint(), "");
    return error.message();
  }
  return "no error";
}

const Samples kSteady = {100, 101, 99, 100.5, 99.5, 100.2};
Samples times(const Samples& samples, double factor) {
  Samples scaled;
  for (const double each : samples) scaled.push_back(each * factor);
  return scaled;
}

TEST(Gate, SaysSameOfWhatIsWithinTheLimit) {
  const GateResult result = of_timed(kSteady, times(kSteady, 0.99));
  EXPECT_EQ(only(result).verdict, Change::same);
  EXPECT_NEAR(*only(result).change, -0.01, 1e-9);
  EXPECT_LT(only(result).interval->low, -0.01);
  EXPECT_EQ(result.exit(), Exit::done);
}

TEST(Gate, SaysWorseAndBetterByWhichWayIsAnImprovement) {
  EXPECT_EQ(only(of_timed(kSteady, times(kSteady, 0.9))).verdict, Change::worse);
  EXPECT_EQ(of_timed(kSteady, times(kSteady, 0.9)).exit(), Exit::bad_verdict);
  EXPECT_EQ(only(of_timed(kSteady, times(kSteady, 1.1))).verdict, Change::better);
  EXPECT_EQ(of_timed(kSteady, times(kSteady, 1.1)).exit(), Exit::done);
  Figure latency = timed(kSteady, "mem.latency-ns"), slower = timed(times(kSteady, 1.1), "mem.latency-ns");
  latency.is_more_better = slower.is_more_better = false;
  const GateResult result = gate(report_of({slower}), baseline_of({latency}), limit(0.05, "mem.latency-ns"), kToday);
  EXPECT_EQ(only(result).verdict, Change::worse);
  EXPECT_NEAR(*only(result).change, 0.1, 1e-9);
}

TEST(Gate, IsInconclusiveAboutOneTimedBootAndAsksForMore) {
  const GateResult result = of_timed({100}, {99});
  EXPECT_EQ(only(result).verdict, Change::inconclusive);
  EXPECT_FALSE(only(result).interval);
  EXPECT_EQ(only(result).reason,
            "one boot has no interval: about 1 boot more of each (how many in all, their spread will tell)");
  EXPECT_EQ(result.exit(), Exit::inconclusive);
}

TEST(Gate, SaysHowManyBootsNoiseNeeds) {
  const GateResult result = of_timed({100, 104, 97, 101}, {95, 99, 102, 98});
  EXPECT_EQ(only(result).verdict, Change::inconclusive);
  EXPECT_EQ(only(result).reason,
            "the interval goes beyond the limit: about 15 boots more of each (one boot has 2.9 % noise)");
  EXPECT_EQ(only(result).more_boots, 15U);
  EXPECT_EQ(result.exit(), Exit::inconclusive);
}

/// An improvement is held to the same rule, but a limit holds where it is not known whether there is one.
TEST(Gate, PassesWhatIsNoWorseThoughItMayBeBetter) {
  const GateResult result = of_timed({100, 103, 97, 101}, {104, 108, 100, 106});
  EXPECT_EQ(only(result).verdict, Change::inconclusive);
  EXPECT_EQ(only(result).reason, "no worse than the limit; whether it is better needs more boots");
  EXPECT_TRUE(only(result).holds);
  EXPECT_EQ(result.exit(), Exit::done);
}

TEST(Gate, HoldsCountedFiguresOfOneBootToTheirFloor) {
  const auto judge = [](double base, double candidate, double regress) {
    return gate(report_of({counted({candidate})}), baseline_of({counted({base})}),
                limit(regress, "llm.decode-instructions-per-token"), kToday);
  };
  EXPECT_EQ(only(judge(1e6, 1.002e6, 0.01)).verdict, Change::same);
  EXPECT_EQ(only(judge(1e6, 1e6, 0.005)).verdict, Change::same);
  EXPECT_EQ(only(judge(1e6, 1.02e6, 0.01)).verdict, Change::worse);
  EXPECT_EQ(only(judge(1e6, 0.98e6, 0.01)).verdict, Change::better);
  const GateResult near = judge(1e6, 1.003e6, 0.005);
  EXPECT_EQ(only(near).verdict, Change::inconclusive);
  EXPECT_EQ(near.exit(), Exit::inconclusive);
}

TEST(Gate, HoldsFiguresToBoundsOfTheirOwn) {
  Policy policy;
  policy.limits = {{"mem.triad-GBps", {}, 10, {}}};
  EXPECT_EQ(gate(report_of({timed({11})}), baseline_of({timed({20})}), policy, kToday).exit(), Exit::done);
  const GateResult low = gate(report_of({timed({9})}), baseline_of({timed({20})}), policy, kToday);
  EXPECT_EQ(only(low).reason, "9 GB/s is less than 10");
  EXPECT_EQ(low.exit(), Exit::bad_verdict);
  policy.limits = {{"mem.triad-GBps", {}, {}, 10}};
  EXPECT_EQ(only(gate(report_of({timed({11})}), baseline_of({timed({20})}), policy, kToday)).reason,
            "11 GB/s is more than 10");
}

TEST(Gate, HasNothingToJudgeInAReportWithoutTheFigures) {
  const Baseline baseline = baseline_of({timed(kSteady)});
  const GateResult result = gate(report_of({}), baseline, usual_policy(baseline.set), kToday);
  EXPECT_EQ(only(result).reason, "the report does not have it: ask for the check that measures it");
  EXPECT_EQ(result.exit(), Exit::nothing_ran);
}

TEST(Gate, IsInconclusiveAboutALimitOfWhatNobodyMeasured) {
  Policy policy = limit(0.05);
  policy.limits.push_back({"mem.traid-GBps", 0.05, {}, {}});
  const GateResult result = gate(report_of({timed(kSteady)}), baseline_of({timed(kSteady)}), policy, kToday);
  EXPECT_EQ(result.figures.at(1).reason, "neither report nor baseline has it: did you mean mem.triad-GBps?");
  EXPECT_EQ(result.exit(), Exit::inconclusive);
  EXPECT_EQ(result.judged, 1U);
}

TEST(Gate, FailsForChecksThatFailedOrMustPass) {
  Policy policy = limit(0.05);
  policy.must_pass = {"numa.hmat", "numa.bandwidth", "numa.ghost"};
  const GateResult result = gate(report_of({timed(kSteady)}, {check("kernel.cmdline", Verdict::fail, "`quiet` lacks"),
                                                              check("numa.hmat", Verdict::skip, "no HMAT")}),
                                 baseline_of({timed(kSteady)}), policy, kToday);
  std::vector<std::string> against;
  for (const CheckVerdict& each : result.checks) against.push_back(each.id + ": " + each.reason);
  EXPECT_THAT(against, ElementsAre("kernel.cmdline: `quiet` lacks", "numa.hmat: no HMAT",
                                   "numa.ghost: must pass, and the report does not have it"));
  EXPECT_EQ(result.exit(), Exit::bad_verdict);
}

TEST(Gate, DoesNotBlameTheImageForItsEnvironment) {
  const GateResult result = gate(report_of({timed(kSteady)}, {check("a.b", Verdict::infra, "QEMU died")}),
                                 baseline_of({timed(kSteady)}), limit(0.05), kToday);
  EXPECT_EQ(result.exit(), Exit::environment);
}

TEST(Gate, LetsWaiversCountUntilTheirDay) {
  Policy policy = limit(0.05);
  policy.waivers = {
      {"mem.triad-GBps", "ISSUE-7", "2026-12-01"}, {"a.b", "ISSUE-8", "2026-11-30"}, {"c.d", "X", kToday}};
  const Report report = report_of({timed(times(kSteady, 0.8))}, {check("a.b", Verdict::fail, "no")});
  const GateResult result = gate(report, baseline_of({timed(kSteady)}), policy, kToday);
  EXPECT_EQ(only(result).waived, "ISSUE-7");
  EXPECT_EQ(result.checks.at(0).waived, "");
  EXPECT_THAT(result.notes, ElementsAre("the waiver of a.b ended on 2026-11-30 (ISSUE-8)",
                                        "the waiver of c.d waives nothing: remove it"));
  EXPECT_EQ(result.exit(), Exit::bad_verdict);
  policy.waivers[1].expires = kToday;
  EXPECT_EQ(gate(report, baseline_of({timed(kSteady)}), policy, kToday).exit(), Exit::done);
}

TEST(Gate, RefusesABaselineOfAnotherImageOrMachineOrTime) {
  const Baseline baseline = baseline_of({timed(kSteady)});
  Report report = report_of({timed(kSteady)});
  report.image = "other";
  EXPECT_EQ(refusal_of(codes::baseline_of_another, [&] { gate(report, baseline, {}, kToday); }),
            "the report is of image other, and the baseline of cpu-llm");
  report = report_of({timed(kSteady)});
  report.boot["machine"]["processors"] = 4U;
  EXPECT_EQ(refusal_of(codes::baseline_of_another, [&] { gate(report, baseline, {}, kToday); }),
            "the report's figures are of local (One, 4 processors), and the baseline's of local (One, 8 processors)");
  report.target = "qemu";
  report.topology = "two-nodes";
  report.boot["machine"]["emulated"] = true;
  EXPECT_EQ(refusal_of(codes::baseline_of_another, [&] { gate(report, baseline, {}, kToday); }),
            "the report's figures are of qemu:two-nodes (emulated), and the baseline's of local (One, 8 processors)");
  EXPECT_EQ(refusal_of(codes::baseline_expired, [&] { gate(report_of({timed(kSteady)}), baseline, {}, "2027-01-01"); }),
            "the baseline of cpu-llm (commit c0ffee) held until 2026-12-31");
}

/// What was counted under emulation is the same on any host; what was timed is not.
TEST(Gate, ComparesOnlyWhatWasCountedAcrossHostsOfAnEmulatedMachine) {
  const auto on = [](const std::string& host, std::vector<Figure> figures) {
    Report report = report_of(std::move(figures));
    report.target = "qemu", report.topology = "one-node";
    report.boot["machine"] = {{"emulated", true}, {"processor", host}, {"processors", 8U}};
    return report;
  };
  const Baseline baseline = make_baseline(on("One", {timed(kSteady), counted({1e6})}), {}, "2026-11-01", 60);
  const GateResult result =
      gate(on("Other", {timed(kSteady), counted({1e6})}), baseline, usual_policy(baseline.set), kToday);
  EXPECT_EQ(result.figures.at(0).verdict, Change::same);
  EXPECT_EQ(result.figures.at(1).reason, "timed on different hosts (One and Other): time both on one");
}

TEST(Gate, TakesBootsFromMergedReports) {
  std::vector<NamedReport> reports;
  for (const double sample : times(kSteady, 0.9))
    reports.push_back({"r" + std::to_string(sample), report_of({timed({sample})})});
  const GateResult result = gate(merge_reports(reports), baseline_of({timed(kSteady)}), limit(0.05), kToday);
  EXPECT_EQ(only(result).boots, kSteady.size());
  EXPECT_EQ(only(result).verdict, Change::worse);
}

TEST(FiguresOf, RefuseAMixtureOfMachines) {
  Report other = report_of({timed({1})});
  other.boot["machine"]["processor"] = "Two";
  EXPECT_EQ(refusal_of(codes::figures_of_several,
                       [&] {
                         figures_of(merge_reports({{"a", report_of({timed({1})})}, {"b", other}}));
                       }),
            "figures of cpu-llm were measured on different machines: a machine (One, 8 processors) and a machine (Two, "
            "8 processors)");
  other = report_of({timed({1})});
  other.target = "qemu", other.topology = "one-node";
  EXPECT_EQ(refusal_of(codes::figures_of_several,
                       [&] {
                         figures_of(merge_reports({{"a", report_of({timed({1})})}, {"b", other}}));
                       }),
            "figures of cpu-llm were measured on different targets: local and qemu:one-node");
}

TEST(Compare, JudgesWhatBothHaveAndNamesTheRest) {
  const FigureSet base = figures_of(report_of({timed(kSteady), timed({1}, "mem.old-GBps")}));
  const FigureSet candidate = figures_of(report_of({timed(times(kSteady, 1.2)), timed({1}, "mem.new-GBps")}));
  const GateResult result = compare(base, candidate, 0.05);
  EXPECT_EQ(only(result).verdict, Change::better);
  EXPECT_THAT(result.notes, ElementsAre("only the first has mem.old-GBps", "only the second has mem.new-GBps"));
  EXPECT_EQ(compare(figures_of(report_of({})), candidate, 0.05).exit(), Exit::nothing_ran);
}

Samples boots(std::mt19937_64& random, std::size_t count, double mean, double noise) {
  std::normal_distribution<double> normal(0, noise);
  Samples samples;
  for (std::size_t i = 0; i < count; ++i) samples.push_back(mean * std::exp(normal(random)));
  return samples;
}

constexpr double kNoise = 0.03;
constexpr int kTrials = 2000;

/// Share of comparisons in which any of some figures gets this word; candidates run `factor` times as fast.
double share_of(Change change, std::size_t figures, std::size_t count, double factor, double margin) {
  std::mt19937_64 random(20261129);
  int found = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    FigureSet base, candidate;
    for (std::size_t i = 0; i < figures; ++i) {
      const std::string name = "mem.figure-" + std::to_string(i);
      base.figures.push_back(timed(boots(random, count, 100, kNoise), name));
      candidate.figures.push_back(timed(boots(random, count, 100 * factor, kNoise), name));
    }
    const GateResult result = compare(base, candidate, margin);
    found += std::any_of(result.figures.begin(), result.figures.end(),
                         [&](const FigureVerdict& each) { return each.verdict == change; })
                 ? 1
                 : 0;
  }
  return found / static_cast<double>(kTrials);
}

/// With a margin too small to matter every interval beside no change is an alarm.
TEST(FalseAlarms, OfAnImageAgainstItselfAreNoMoreThanStated) {
  constexpr double kSampling = 0.01;  // two standard errors of a share of 2000
  for (const std::size_t figures : {1U, 5U}) {
    const double alarms = share_of(Change::worse, figures, 8, 1, 1e-6) + share_of(Change::better, figures, 8, 1, 1e-6);
    EXPECT_LE(alarms, kFalseAlarms + kSampling) << figures;
    EXPECT_GE(alarms, kFalseAlarms / 3) << figures;  // nor so few that nothing would be found
  }
}

/// boots_needed says 8, with quantiles of the normal distribution; Student's, of 14 degrees, cost two in a hundred.
TEST(Power, FindsAnInjectedSlowdownOfFivePercent) {
  ASSERT_EQ(boots_needed(kNoise, 0.05, kFalseAlarms), 8U);
  EXPECT_GE(share_of(Change::worse, 1, 8, 0.95, 0.03), kPower - 0.05);
  EXPECT_GE(share_of(Change::worse, 1, 9, 0.95, 0.03), kPower - 0.01);
}

/// A change as large as the limit is a matter of chance, but never green.
TEST(Power, LetsNoSlowdownOfTheLimitPass) {
  EXPECT_LE(share_of(Change::same, 1, 8, 0.95, 0.05) + share_of(Change::better, 1, 8, 0.95, 0.05), 0.03);
}

/// What the limit allows is not called worse for being known badly.
TEST(Gate, AsksForMoreBootsWhereASmallChangeMayBeTooLarge) {
  EXPECT_LE(share_of(Change::worse, 1, 8, 0.98, 0.05), 0.03);
}

TEST(GateTable, ShowsEachFigureWithItsIntervalAndLimit) {
  Policy policy = limit(0.05);
  policy.waivers = {{"a.b", "ISSUE-8", kToday}};
  const GateResult result =
      gate(report_of({timed(times(kSteady, 0.9)), counted({1e6})}, {check("a.b", Verdict::fail, "no")}),
           baseline_of({timed(kSteady)}), policy, kToday);
  EXPECT_EQ(to_table(result, false),
            "cpu-llm on local (One, 8 processors)\n"
            "  commit c0ffee held to c0ffee, whose baseline holds until 2026-12-31\n"
            "\n"
            "  WORSE   mem.triad-GBps: 100 (6) to 90.03 (6) GB/s, -10.00 % (-10.82 % to -9.17 %)\n"
            "          limit 5 % worse; worse by more than the limit allows\n"
            "  FAIL    a.b: no; waived (ISSUE-8)\n"
            "  note    llm.decode-instructions-per-token has no limit\n"
            "\n"
            "BAD: 1 worse; intervals hold together with 95 %\n");
}

TEST(GateTable, CountsChecksWhereThereIsNoFigure) {
  Policy policy;
  policy.must_pass = {"a.b"};
  const GateResult result = gate(report_of({}, {check("a.b", Verdict::pass, ""), check("a.c", Verdict::pass, "")}),
                                 baseline_of({timed(kSteady)}), policy, kToday);
  EXPECT_EQ(to_table(result, false),
            "cpu-llm on local (One, 8 processors)\n"
            "  commit c0ffee held to c0ffee, whose baseline holds until 2026-12-31\n"
            "\n"
            "good: no figure was judged, 3 checks passed\n");  // one of them carries the figures
}

TEST(GateJson, SaysTheDecisionAndEachFigure) {
  const Json json = of_timed({100}, {99}).to_json();
  EXPECT_EQ(json["schema"], "ainode.gate/1");
  EXPECT_EQ(json["verdict"], "inconclusive");
  EXPECT_EQ(json["exit_code"], 5);
  EXPECT_EQ(json["figures"][0]["name"], "mem.triad-GBps");
  EXPECT_EQ(json["figures"][0]["verdict"], "inconclusive");
  EXPECT_TRUE(json["figures"][0]["interval"].is_null());
  EXPECT_EQ(json["figures"][0]["limit"].dump(), R"({"regress":0.05})");
  EXPECT_EQ(json["correction"], "Bonferroni");
}

}  // namespace
}  // namespace ainode
