// SPDX-License-Identifier: Apache-2.0
// Several targets' reports as one: who differs is named, and what one of them covers is covered.
#include "validators/verdict/merge_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "validators/verdict/report_lines.h"

namespace ainode {
namespace {

using testing::ElementsAre;

CheckResult check(const std::string& id, Verdict verdict, const std::string& reason = "") {
  CheckResult result;
  result.id = id;
  result.verdict = verdict;
  result.reason = reason;
  result.seconds = 1;
  return result;
}

NamedReport named(const std::string& topology, std::vector<CheckResult> checks, std::vector<Gap> gaps = {}) {
  Report report;
  report.image = "node";
  report.commit = "abc";
  report.target = "qemu";
  report.topology = topology;
  report.level = "standard";
  report.profiles = {"boot"};
  report.boot = {{"repeat", "ainode validate out --target qemu:" + topology}};
  report.coverage.checks = report.coverage.covered = checks.size();
  for (const Gap& gap : gaps) report.coverage.covered -= gap.checks.size();
  report.coverage.gaps = std::move(gaps);
  report.checks = std::move(checks);
  return {topology + ".json", std::move(report)};
}

TEST(Merge, NamesTheTargetThatDiffersAndRepeatsItThere) {
  const Report merged =
      merge_reports({named("a", {check("x.y", Verdict::pass)}), named("b", {check("x.y", Verdict::fail, "too few")}),
                     named("c", {check("x.y", Verdict::pass)})});
  ASSERT_EQ(merged.checks.size(), 1u);
  EXPECT_EQ(merged.target, "qemu:a, qemu:b, qemu:c");
  EXPECT_EQ(merged.checks[0].verdict, Verdict::fail);
  EXPECT_EQ(merged.checks[0].reason, "fail on qemu:b, pass on 2 targets: too few");
  EXPECT_EQ(merged.checks[0].seconds, 3);
  EXPECT_EQ(merged.to_json()["checks"][0]["verdicts"].dump(), R"({"qemu:a":"pass","qemu:b":"fail","qemu:c":"pass"})");
  EXPECT_EQ(repeat_command(merged, merged.checks[0]), "ainode validate out --target qemu:b --check x.y");
  EXPECT_EQ(merged.verdict(), Verdict::fail);
}

TEST(Merge, SaysWhenAllFailAlike) {
  const Report merged =
      merge_reports({named("a", {check("x.y", Verdict::fail, "r")}), named("b", {check("x.y", Verdict::fail, "r")})});
  EXPECT_EQ(merged.checks[0].reason, "on all 2 targets: r");
}

TEST(Merge, TellsReportsOfOneTargetApartByTheirFiles) {
  NamedReport first = named("a", {}), second = named("a", {});
  second.name = "other.json";
  EXPECT_EQ(merge_reports({first, second}).target, "qemu:a (a.json), qemu:a (other.json)");
}

TEST(Merge, CountsAMergedReportAsItsTargets) {
  NamedReport a = named("a", {check("x.y", Verdict::pass)}), b = named("b", {check("x.y", Verdict::fail, "too few")}),
              c = named("c", {check("x.y", Verdict::pass)});
  b.report.failure = "V0002: hung";
  b.report.failure_verdict = Verdict::fail;
  const Report at_once = merge_reports({a, b, c});
  const Report in_steps = merge_reports({{"ab.json", merge_reports({a, b})}, c});
  EXPECT_EQ(in_steps.to_json(), at_once.to_json());
  EXPECT_EQ(in_steps.checks[0].reason, "fail on qemu:b, pass on 2 targets: too few");
  EXPECT_EQ(in_steps.boot["runs"].size(), 3u);
  EXPECT_EQ(in_steps.failure, "on qemu:b: V0002: hung");
  const Report twice = merge_reports({{"ab.json", merge_reports({a, b})}, {"again.json", a.report}});
  EXPECT_EQ(twice.target, "qemu:a (ab.json), qemu:b, qemu:a (again.json)");
  EXPECT_EQ(twice.to_json()["checks"][0]["verdicts"].dump(),
            R"~({"qemu:a (ab.json)":"pass","qemu:b":"fail","qemu:a (again.json)":"pass"})~");
}

TEST(Merge, ReadsRunsThatAreNone) {
  NamedReport strange = named("a", {check("x.y", Verdict::pass)});
  strange.report.boot = {{"runs", {7, "x"}}};
  EXPECT_EQ(merge_reports({strange, named("b", {})}).boot["runs"].size(), 3u);
}

TEST(Merge, GivesNoReasonThatAnotherMachineWasAskedWhereNoneAnswered) {
  const NamedReport other =
      named("a", {check("x.y", Verdict::pass), check("x.z", Verdict::pass)}, {{GapKind::elsewhere, "", {"x.z"}, {}}});
  const NamedReport asked =
      named("b", {check("x.y", Verdict::pass), check("x.z", Verdict::infra)}, {{GapKind::run, "", {"x.z"}, {}}});
  const Coverage coverage = merge_reports({other, asked}).coverage;
  ASSERT_EQ(coverage.gaps.size(), 1u);
  EXPECT_EQ(coverage.gaps[0].kind, GapKind::run);
}

TEST(Merge, CoversWhatAnyTargetCovers) {
  const std::vector<CheckResult> both = {check("x.y", Verdict::pass), check("x.z", Verdict::pass)};
  NamedReport first = named("a", both, {{GapKind::machine, "an HMAT", {"x.y", "x.z"}, {}}});
  NamedReport second = named("b", both, {{GapKind::level, "full", {"x.z"}, {}}});
  first.report.coverage.unproven = {"s.t", "u.v"};
  second.report.coverage.unproven = {"u.v"};
  const Report merged = merge_reports({first, second});
  EXPECT_EQ(merged.coverage.covered, 1u);
  ASSERT_EQ(merged.coverage.gaps.size(), 1u);
  EXPECT_THAT(merged.coverage.gaps[0].checks, ElementsAre("x.z"));
  EXPECT_THAT(merged.coverage.unproven, ElementsAre("u.v"));
  EXPECT_EQ(Report::from_json(merged.to_json(), "m").to_json(), merged.to_json());
}

TEST(Merge, CountsAnIdThatAReportRepeatsOnce) {
  const std::vector<CheckResult> both = {check("x.y", Verdict::pass), check("x.z", Verdict::skip)};
  NamedReport hostile = named("a", both, {{GapKind::nothing, "", {"x.z"}, {}}});
  hostile.report.coverage.gaps.front().checks = {"x.z", "x.z", "x.z"};
  const Coverage once = merge_reports({hostile}).coverage;
  EXPECT_EQ(once.covered, 1u);
  EXPECT_THAT(once.gaps[0].checks, ElementsAre("x.z"));
  hostile.report.coverage.checks = 0;
  EXPECT_EQ(merge_reports({hostile}).coverage.covered, 0u) << "more gaps than checks";
}

TEST(Merge, KeepsTheFailureOfARun) {
  NamedReport silent = named("b", {});
  silent.report.failure = "V0005: never spoke";
  silent.report.failure_verdict = Verdict::fail;
  NamedReport gone = named("c", {});
  gone.report.failure = "V0006: killed";
  gone.report.failure_verdict = Verdict::infra;
  const Report merged = merge_reports({named("a", {check("x.y", Verdict::pass)}), gone, silent});
  EXPECT_EQ(merged.failure, "on qemu:c: V0006: killed; on qemu:b: V0005: never spoke");
  EXPECT_EQ(merged.verdict(), Verdict::fail);
}

TEST(Merge, KeepsWhatAFailedRunLeft) {
  NamedReport silent = named("b", {});
  silent.report.failure = "V0003: panicked";
  silent.report.failure_verdict = Verdict::fail;
  silent.report.boot.update(
      {{"failure_code", "V0003"}, {"last_lines", "Oops"}, {"evidence", "/e/b"}, {"boots", 2}, {"spoke", false}});
  const Report merged = merge_reports({named("a", {check("x.y", Verdict::pass)}), silent});
  EXPECT_EQ(merged.boot["runs"][1]["failure_code"], "V0003");
  EXPECT_EQ(merged.boot["runs"][1]["boots"], 2);
  const std::vector<FailedRun> failed = failed_runs(merged);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].target, "qemu:b");
  EXPECT_EQ(failed[0].verdict, Verdict::fail);
  EXPECT_EQ(failed[0].reason, "V0003: panicked");
  EXPECT_EQ(failed[0].last_lines, "Oops");
  EXPECT_EQ(failed[0].evidence, "/e/b");
  EXPECT_EQ(failed[0].repeat, "ainode validate out --target qemu:b");
  EXPECT_TRUE(failed_runs(named("a", {}).report).empty());
}

/// The machine that a check needs ran and found something else: that is the reason, in whatever order they stand.
TEST(Merge, GivesTheReasonOfTheTargetThatCameFurthest) {
  const std::vector<CheckResult> skipped = {check("x.y", Verdict::skip)};
  const NamedReport lacking = named("one-node", skipped, {{GapKind::machine, "peers", {"x.y"}, {"qemu:nvme-p2p"}}});
  const NamedReport asked = named("nvme-p2p", skipped, {{GapKind::nothing, "", {"x.y"}, {}}});
  NamedReport tree = named("tree", {}, {{GapKind::target, "", {"x.y"}, {"qemu"}}});
  tree.report.coverage.checks = 1;
  tree.report.coverage.covered = 0;
  tree.report.target = "tree";
  for (const auto& reports : {std::vector{lacking, asked, tree}, {tree, asked, lacking}, {asked, tree, lacking}})
    EXPECT_EQ(coverage_line(merge_reports(reports)), "covered 0 of 1 checks; not: 1 found nothing to judge");
}

TEST(Merge, SuggestsNoTargetThatRan) {
  const std::vector<CheckResult> skipped = {check("x.y", Verdict::skip)};
  const NamedReport first = named("a", skipped, {{GapKind::machine, "an HMAT", {"x.y"}, {"qemu:b", "qemu:c"}}});
  const NamedReport second = named("b", skipped, {{GapKind::machine, "an HMAT", {"x.y"}, {"qemu:b", "qemu:c"}}});
  EXPECT_EQ(coverage_line(merge_reports({first, second})), "covered 0 of 1 checks; not: 1 needs an HMAT (qemu:c)");
  EXPECT_EQ(coverage_line(merge_reports({second, second})), "covered 0 of 1 checks; not: 1 needs an HMAT (qemu:c)");
}

CheckResult measuring(double sample, const std::string& unit = "GB/s") {
  CheckResult result = check("numa.bandwidth", Verdict::pass);
  result.figures = {{"mem.triad-GBps", unit, true, false, {sample}}};
  return result;
}

/// Boots of one target are samples of one figure; another target's are another's. Merged in two steps or at once.
TEST(Merge, KeepsTheFiguresOfEachTargetsBoots) {
  const auto boot = [](double sample) { return named("a", {measuring(sample)}); };
  const Report two = merge_reports({boot(1), boot(2)});
  for (const Report& merged : {merge_reports({boot(1), boot(2), named("b", {measuring(9)})}),
                               merge_reports({{"two", two}, named("b", {measuring(9)})})}) {
    const std::vector<Figure>& figures = merged.checks.at(0).figures;
    ASSERT_EQ(figures.size(), 2U);
    EXPECT_EQ(figures[0].target, "qemu:a");
    EXPECT_THAT(figures[0].samples, ElementsAre(1, 2));
    EXPECT_EQ(figure_line(figures[0]), "1.5 GB/s (1 to 2, 2 boots) on qemu:a");
    EXPECT_EQ(figures[1].target, "qemu:b");
    EXPECT_THAT(figures[1].samples, ElementsAre(9));
  }
}

TEST(Merge, RefusesFiguresOfDifferentUnits) {
  try {
    merge_reports({named("a", {measuring(1)}), named("a", {measuring(1, "MB/s")})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the reports measure mem.triad-GBps in different ways: in `GB/s` and in `MB/s`");
  }
}

TEST(Merge, RefusesReportsOfDifferentCommits) {
  NamedReport other = named("b", {});
  other.report.commit = "def";
  try {
    merge_reports({named("a", {}), other});
    FAIL() << "merged";
  } catch (const Error& error) {
    EXPECT_EQ(render(error),
              "error[H0001]: a.json judges commit abc, and b.json judges def\n"
              "  = help: merge reports of one commit; a verdict is bound to what it was measured on\n");
  }
}

}  // namespace
}  // namespace ainode
