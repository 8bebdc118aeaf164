// SPDX-License-Identifier: Apache-2.0
// What the language model's program says of a node, judged.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

using testing::HasSubstr;

std::string golden_command(const std::string& type) {
  return "ainode-llm golden --shape 3m --type " + type + " --tolerance 1e-4 --json";
}

Json golden_answer(bool is_good, const Json& deviation) {
  const Json said = {{"kernels", "avx2"}, {"good", is_good}, {"identical", is_good}, {"deviation", deviation}};
  return {{"status", is_good ? 0 : 1}, {"output", said.dump()}, {"problem", ""}};
}

/// Of f32 and q8_0 it is right; of f16 it answers this.
Json golden_but(const Json& f16) {
  return {{"run_companion",
           {{golden_command("f32"), golden_answer(true, 0)},
            {golden_command("f16"), f16},
            {golden_command("q8_0"), golden_answer(true, 0)}}}};
}

std::string judged_golden(const Json& f16) {
  return said(judge("llm.golden", RecordedWorld({}, golden_but(f16)), {}));
}

TEST(LlmGolden, PassesWhereLogitsAreRightInEachType) {
  const CheckResult result = judge("llm.golden", RecordedWorld({}, golden_but(golden_answer(true, 1e-6))), {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured["f16"]["deviation"], 1e-6);
  EXPECT_EQ(result.measured["q8_0"]["kernels"], "avx2");
}

TEST(LlmGolden, FailsForWrongLogitsAndForWhatIsNoNumber) {
  EXPECT_EQ(judged_golden(golden_answer(false, 0.25)),
            "fail: in f16 the logits are wrong by 0.25 of their root mean square");
  EXPECT_EQ(judged_golden(golden_answer(false, nullptr)), "fail: in f16 not all logits are numbers");
  EXPECT_EQ(judged_golden({{"status", 1}, {"output", ""}, {"problem", "ainode-llm: logit 0 of position 1 is nan"}}),
            "fail: ainode-llm: logit 0 of position 1 is nan");
}

TEST(LlmGolden, FailsForAProgramThatDiesOrSaysNothing) {
  EXPECT_EQ(judged_golden({{"status", 132}, {"output", ""}, {"problem", ""}}),
            "fail: ainode-llm ended with exit status 132");
  EXPECT_EQ(judged_golden({{"status", 0}, {"output", "all is well"}, {"problem", ""}}),
            "fail: " + golden_command("f16") + " printed no JSON");
  EXPECT_EQ(judged_golden({{"status", 0}, {"output", "{}"}, {"problem", ""}}),
            "fail: in f16 not all logits are numbers");
}

TEST(LlmGolden, IsUnmeasurableWhereTheMachineLacksMemory) {
  EXPECT_EQ(judged_golden({{"status", 3}, {"output", ""}, {"problem", "ainode-llm: 3m in f16: needs 7 MiB of memory"}}),
            "unmeasurable: ainode-llm: 3m in f16: needs 7 MiB of memory");
}

Json speed_answer(const std::string& load, const Json& figures) {
  const Json said = {{"kernels", "avx2"}, {"model", "24m in q8_0"}, {load, figures}};
  return {{"status", 0}, {"output", said.dump()}, {"problem", ""}};
}

const std::string kCounted = "ainode-llm run --shape 24m --type q8_0 --json --prefill 0 --decode 8 --repeat 1";
const std::string kTimed = "ainode-llm run --shape 134m --type q8_0 --json --prefill 128 --decode 0";

TEST(LlmSpeed, IsUnmeasurableUnderEmulation) {
  for (const char* id : {"llm.prefill", "llm.decode"})
    EXPECT_THAT(said(judge(id, RecordedWorld({}), {})), HasSubstr("unmeasurable: an emulated processor has no speed"));
}

TEST(LlmSpeed, IsInstructionsATokenWhereTheyAreCounted) {
  Expected expected;
  expected.instruction_ns = 2;
  const Json answers = {
      {"run_companion", {{kCounted, speed_answer("decode", {{"tokens", 8}, {"cpu_seconds", {0.8}}})}}}};
  const CheckResult result = judge("llm.decode", RecordedWorld({}, answers), expected);
  EXPECT_EQ(said(result), "pass");
  // 0.1 s a token are 50 million instructions of 2 ns.
  EXPECT_NEAR(result.measured["instructions-per-token"][0].get<double>(), 50e6, 1);
  ASSERT_EQ(result.figures.size(), 1u);
  EXPECT_EQ(result.figures[0].name, "llm.decode-instructions-per-token");
  EXPECT_TRUE(result.figures[0].is_counted && !result.figures[0].is_more_better);
  EXPECT_NEAR(result.figures[0].samples.at(0), 50e6, 1);
}

TEST(LlmSpeed, IsTokensASecondOnARealProcessor) {
  Expected expected;
  expected.emulated = false;
  const Json answers = {
      {"run_companion", {{kTimed, speed_answer("prefill", {{"tokens", 128}, {"tokens_per_second", {10.5, 10.25}}})}}}};
  const CheckResult result = judge("llm.prefill", RecordedWorld({}, answers), expected);
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured["tokens-per-s"], (Json{10.5, 10.25}));
  ASSERT_EQ(result.figures.size(), 1u);
  EXPECT_EQ(result.figures[0].name, "llm.prefill-tokens-per-s");
  EXPECT_TRUE(result.figures[0].is_more_better && !result.figures[0].is_counted);
  EXPECT_THAT(result.figures[0].samples, testing::ElementsAre(10.375));
}

TEST(LlmSpeed, SaysWhatAProgramSaysThatDidNotMeasure) {
  Expected expected;
  expected.instruction_ns = 2;
  const auto decoded = [&](const Json& answer) {
    return said(judge("llm.decode", RecordedWorld({}, {{"run_companion", {{kCounted, answer}}}}), expected));
  };
  EXPECT_EQ(decoded({{"status", 3}, {"output", ""}, {"problem", "ainode-llm: 24m in q8_0: needs 27 MiB"}}),
            "unmeasurable: ainode-llm: 24m in q8_0: needs 27 MiB");
  EXPECT_EQ(decoded(speed_answer("decode", {{"tokens", "eight"}, {"cpu_seconds", {0.8}}})),
            "fail: no figure was printed");
  EXPECT_EQ(decoded(speed_answer("decode", {{"tokens", 8}, {"cpu_seconds", Json::array()}})),
            "fail: no figure was printed");
  EXPECT_EQ(decoded(speed_answer("prefill", Json::object())), "fail: no figure was printed");
}

TEST(Llm, IsAskedOfImagesWhoseProfilesNameIt) {
  Expected image;
  image.profiles = {"boot"};
  EXPECT_EQ(left_out(check_named("llm.golden"), image), GapKind::profile);
  image.profiles = {"boot", "llm"};
  EXPECT_EQ(left_out(check_named("llm.golden"), image), std::nullopt);
}

}  // namespace
}  // namespace ainode::checks
