// SPDX-License-Identifier: Apache-2.0
// Each check of the catalogue is covered or has a reason; what could be asked for instead is named.
#include "validators/asked_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "validators/checks/catalog.h"

namespace ainode {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

checks::Expected image() {
  checks::Expected asked;
  asked.profiles = {"numa"};
  asked.level = checks::Level::full;
  asked.declared = {{"numa.balancing", false, "x.yaml:1:2"}, {"kernel.sysctl", Json::object(), ""}};
  return asked;
}

std::vector<CheckResult> results_of(const checks::Expected& asked) {
  std::vector<CheckResult> results;
  for (const checks::Check& check : checks::checks_for(asked)) {
    results.emplace_back();
    results.back().id = check.id;
    results.back().verdict = Verdict::pass;
  }
  return results;
}

CheckResult& named(std::vector<CheckResult>& results, const std::string& id) {
  return *std::find_if(results.begin(), results.end(), [&](const CheckResult& each) { return each.id == id; });
}

const Gap* gap_of(const Coverage& coverage, const std::string& id) {
  for (const Gap& gap : coverage.gaps)
    if (std::find(gap.checks.begin(), gap.checks.end(), id) != gap.checks.end()) return &gap;
  return nullptr;
}

std::string refusal(const std::string& id, Seen seen) {
  try {
    require_checks({"kernel.release", id}, seen);
  } catch (const Error& error) {
    return render(error);
  }
  return "no error";
}

TEST(Coverage, CountsEachCheckOnce) {
  const checks::Expected asked = image();
  const Coverage coverage = coverage_of(asked, Seen::running, results_of(asked));
  std::size_t sum = coverage.covered;
  for (const Gap& gap : coverage.gaps) sum += gap.checks.size();
  EXPECT_EQ(sum, coverage.checks);
  EXPECT_GT(coverage.checks, checks::all_checks().size()) << "those of the tree alone count too";
  EXPECT_EQ(coverage.covered, results_of(asked).size());
}

TEST(Coverage, GivesEachReasonWhatItLacks) {
  checks::Expected asked = image();
  std::vector<CheckResult> results = results_of(asked);
  named(results, "numa.hmat").verdict = named(results, "numa.tiers").verdict = Verdict::skip;
  named(results, "numa.hmat").lacks = "hmat";
  named(results, "numa.tiers").lacks = "config:X";
  named(results, "numa.weighted").verdict = Verdict::skip;
  named(results, "numa.migration").verdict = Verdict::unmeasurable;
  named(results, "numa.nodes").verdict = Verdict::infra;
  const Coverage coverage = coverage_of(asked, Seen::running, results);
  const auto kind = [&](const char* id) { return to_string(gap_of(coverage, id)->kind); };
  EXPECT_EQ(kind("numa.hmat"), "machine");
  EXPECT_EQ(gap_of(coverage, "numa.hmat")->lacking, "an HMAT");
  EXPECT_THAT(gap_of(coverage, "numa.hmat")->targets, ElementsAre("qemu:memory-only-node"));
  EXPECT_EQ(kind("numa.tiers"), "kernel");
  EXPECT_EQ(gap_of(coverage, "numa.tiers")->lacking, "CONFIG_X");
  EXPECT_EQ(kind("numa.weighted"), "nothing");
  EXPECT_EQ(kind("numa.migration"), "emulation");
  EXPECT_EQ(kind("numa.nodes"), "run");
  EXPECT_EQ(kind("numa.reclaim"), "statement");
  EXPECT_EQ(kind("driver.symbols"), "target");
  EXPECT_THAT(gap_of(coverage, "driver.symbols")->targets, ElementsAre("tree"));
  EXPECT_EQ(kind("kernel.release"), "profile");
  EXPECT_EQ(gap_of(coverage, "kernel.release")->lacking, "kernel");
  asked.emulated = false;
  EXPECT_EQ(gap_of(coverage_of(asked, Seen::running, results), "numa.migration")->kind, GapKind::unmeasurable);
}

TEST(Coverage, SaysWhatLevelAndSelectionLeftOut) {
  checks::Expected asked = image();
  asked.profiles = {"boot"};
  asked.level = checks::Level::quick;
  const Coverage quick = coverage_of(asked, Seen::running, results_of(asked));
  EXPECT_EQ(gap_of(quick, "driver.vermagic")->kind, GapKind::level);
  EXPECT_EQ(gap_of(quick, "driver.vermagic")->lacking, "standard");
  asked.only = {"numa.nodes"};
  const Coverage one = coverage_of(asked, Seen::running, results_of(asked));
  EXPECT_EQ(one.covered, 1u);
  EXPECT_EQ(gap_of(one, "mem.size")->kind, GapKind::selection);
}

TEST(Coverage, NamesFamiliesAndStatementsThatNothingProved) {
  const checks::Expected asked = image();
  std::vector<CheckResult> results = results_of(asked);
  const Coverage good = coverage_of(asked, Seen::running, results);
  EXPECT_THAT(good.unproven, ElementsAre("kernel.sysctl"));
  EXPECT_THAT(good.families, Contains("kernel"));
  EXPECT_THAT(good.families, testing::Not(Contains("numa")));
  named(results, "numa.balancing").verdict = Verdict::unmeasurable;
  EXPECT_THAT(coverage_of(asked, Seen::running, results).unproven,
              ElementsAre("numa.balancing (x.yaml:1:2)", "kernel.sysctl"));
}

TEST(Coverage, OfATreeIsWhatFilesProve) {
  checks::Expected asked = image();
  asked.profiles = {"boot"};
  const Coverage coverage = coverage_of(asked, Seen::files, {});
  EXPECT_EQ(gap_of(coverage, "numa.nodes")->kind, GapKind::target);
  EXPECT_THAT(gap_of(coverage, "numa.nodes")->targets, ElementsAre("qemu"));
  EXPECT_EQ(gap_of(coverage, "driver.symbols")->kind, GapKind::run);
}

TEST(RequireChecks, SuggestsNamesAndTargets) {
  EXPECT_EQ(refusal("numa.nodes", Seen::running), "no error");
  EXPECT_EQ(refusal("numa.node", Seen::running),
            "error[V0001]: there is no check `numa.node`\n  = help: did you mean `numa.nodes`?\n");
  EXPECT_EQ(refusal("driver.symbols", Seen::running),
            "error[V0001]: `driver.symbols` is not run on this target\n  = help: --target tree runs it\n");
  EXPECT_EQ(refusal("numa.nodes", Seen::files),
            "error[V0001]: `numa.nodes` is not run on this target\n  = help: --target qemu runs it\n");
  EXPECT_THAT(refusal("zzzzzzzzzz", Seen::running), HasSubstr("help: there are: kernel.release, "));
}

}  // namespace
}  // namespace ainode
