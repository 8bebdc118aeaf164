// SPDX-License-Identifier: Apache-2.0
// Policies: what they hold, and each mistake with its place and cure.
#include "validators/verdict/policy.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

std::string refusal_of(const std::string& yaml) {
  try {
    parse_policy(yaml, "gate.yaml");
  } catch (const Error& error) {
    return render(error);
  }
  return "no error";
}

TEST(Policy, HoldsLimitsChecksAndWaivers) {
  const Policy policy = parse_policy(
      "limits:\n"
      "  llm.decode-instructions-per-token: {regress: 0.5%}\n"
      "  mem.triad-GBps: {regress: 2 %, at-least: 10.5, at-most: 900}\n"
      "must-pass: [numa.nodes, kernel.cmdline]\n"
      "waivers:\n"
      "  - {subject: kernel.timer, tracker: \"ISSUE-7\", expires: 2027-02-28}\n",
      "gate.yaml");
  ASSERT_EQ(policy.limits.size(), 2U);
  EXPECT_DOUBLE_EQ(*policy.limits[0].regress, 0.005);
  EXPECT_FALSE(policy.limits[0].at_least);
  EXPECT_DOUBLE_EQ(*policy.limits[1].regress, 0.02);
  EXPECT_DOUBLE_EQ(*policy.limits[1].at_least, 10.5);
  EXPECT_DOUBLE_EQ(*policy.limits[1].at_most, 900);
  EXPECT_EQ(policy.must_pass, (std::vector<std::string>{"numa.nodes", "kernel.cmdline"}));
  EXPECT_EQ(policy.waivers.at(0).tracker, "ISSUE-7");
  EXPECT_EQ(policy.waivers.at(0).expires, "2027-02-28");
}

TEST(Policy, RefusesKeysThatItDoesNotHave) {
  EXPECT_EQ(refusal_of("limits:\n  mem.triad-GBps: {regres: 2%}\n"),
            "error[R0107]: unknown key `regres`\n"
            "   ┌─ gate.yaml:2:20\n"
            "2│   mem.triad-GBps: {regres: 2%}\n"
            " │                    ^^^^^^ not a key of a limit\n"
            "  = help: its keys are at-least, at-most, regress\n");
}

TEST(Policy, RefusesKeysThatStandTwice) {
  EXPECT_EQ(refusal_of("limits:\n  mem.a-b: {regress: 2%}\n  mem.a-b: {regress: 3%}\n").substr(0, 38),
            "error[R0106]: duplicate key `mem.a-b`\n");
}

TEST(Policy, RefusesSharesThatAreNone) {
  EXPECT_EQ(refusal_of("limits:\n  mem.triad-GBps: {regress: 2}\n"),
            "error[R0110]: `regress` must be a share in percent\n"
            "   ┌─ gate.yaml:2:29\n"
            "2│   mem.triad-GBps: {regress: 2}\n"
            " │                             ^ is none between 0 and 100\n"
            "  = help: write it like 3% or 0.5%\n");
  for (const char* bad : {"0%", "-1%", "100%", "nan%", "inf%", "1e999%", "%", "3%%", "3% worse"})
    EXPECT_EQ(refusal_of("limits: {a.b: {regress: \"" + std::string(bad) + "\"}}\n").substr(0, 15), "error[R0110]: `")
        << bad;
}

TEST(Policy, RefusesWrongTypes) {
  const auto code_of = [](const std::string& yaml) { return refusal_of(yaml).substr(6, 5); };
  EXPECT_EQ(code_of("[limits]\n"), "R0108");
  EXPECT_EQ(code_of("limits: [a.b]\n"), "R0108");
  EXPECT_EQ(code_of("limits: {a.b: 3%}\n"), "R0108");
  EXPECT_EQ(code_of("limits: {a.b: {at-least: ten}}\n"), "R0108");
  EXPECT_EQ(code_of("limits: {a.b: {at-least: \"10\"}}\n"), "R0108");
  EXPECT_EQ(code_of("limits: {a.b: {at-least: .nan}}\n"), "R0108");
  EXPECT_EQ(code_of("limits: {a.b: {}}\n"), "R0109");
  EXPECT_EQ(code_of("limits: {triad: {regress: 3%}}\n"), "R0110");
  EXPECT_EQ(code_of("must-pass: numa.nodes\n"), "R0108");
  EXPECT_EQ(code_of("waivers: [{subject: a.b, expires: 2027-01-01}]\n"), "R0109");
  EXPECT_EQ(code_of("waivers: [{subject: a.b, tracker: \"\", expires: 2027-01-01}]\n"), "R0110");
  EXPECT_EQ(code_of("waivers: [{subject: a.b, tracker: X, expires: never}]\n"), "R0110");
}

TEST(Policy, WithoutAFileHoldsEveryFigureOfTheBaseline) {
  FigureSet baseline;
  baseline.figures = {{"a.b", "s", false, false, {1}}, {"c.d", "n", false, true, {1}}};
  const Policy policy = usual_policy(baseline);
  EXPECT_DOUBLE_EQ(*policy.limits.at(0).regress, 0.05);
  EXPECT_DOUBLE_EQ(*policy.limits.at(1).regress, 0.01);
}

TEST(Policy, NamesAFileThatIsNotThere) {
  try {
    read_policy("/nowhere/gate.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::policy_not_found.id);
    EXPECT_EQ(error.message(), "there is no policy /nowhere/gate.yaml");
    EXPECT_NE(error.hint(), "");
  }
}

}  // namespace
}  // namespace ainode
