// SPDX-License-Identifier: Apache-2.0
// Figures of two nodes' memory: what is nearer may not be slower, and what has no speed is not judged.
#include <gtest/gtest.h>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

constexpr std::uint64_t kCache = 16 << 20;

Json speed(const std::vector<double>& samples, std::uint64_t bytes = 4 * kCache) {
  return {{"bytes", bytes}, {"cache_bytes", kCache}, {"samples", samples}};
}

/// What the processors of node 0 see of two nodes; those of node 1 see nothing odd.
CheckResult result_of(const std::string& id, const Json& near, const Json& far, bool is_emulated = false,
                      const std::string& processors = "0-1") {
  const std::string root = "/sys/devices/system/node/";
  const Json triad = {{"0 to 0", near}, {"0 to 1", far}, {"1 to 0", speed({1})}, {"1 to 1", speed({9})}};
  const Json chase = {{"0 to 0", near}, {"0 to 1", far}, {"1 to 0", speed({9})}, {"1 to 1", speed({1})}};
  const RecordedWorld world({{root + "online", "0-1\n"},
                             {root + "has_cpu", processors + "\n"},
                             {root + "has_memory", "0-1\n"},
                             {root + "node0/distance", "10 21\n"},
                             {root + "node1/distance", "21 10\n"}},
                            {{"triad", triad}, {"chase", chase}});
  Expected expected;
  expected.emulated = is_emulated;
  return judge(id, world, expected);
}

std::string answer(const std::string& id, const Json& near, const Json& far, bool is_emulated = false,
                   const std::string& processors = "0-1") {
  return said(result_of(id, near, far, is_emulated, processors));
}

std::string figures_of(const CheckResult& result) {
  std::string text;
  for (const Figure& figure : result.figures)
    text += figure.name + " " + Json(figure.samples).dump() + (figure.is_more_better ? " more; " : " less; ");
  return text;
}

/// Of the slowest way there is, and of its best repetition.
TEST(NumaSpeeds, GiveFiguresOfOwnAndOfOthersMemory) {
  EXPECT_EQ(figures_of(result_of("numa.bandwidth", speed({100, 110}), speed({50, 60}))),
            "mem.triad-GBps [0.009] more; mem.remote-triad-GBps [0.001] more; ");
  EXPECT_EQ(figures_of(result_of("numa.latency", speed({80, 90}), speed({140, 150}))),
            "mem.latency-ns [80.0] less; mem.remote-latency-ns [140.0] less; ");
}

TEST(NumaSpeeds, GiveNoFiguresOfEmulationOfCachesOrOfAPart) {
  EXPECT_EQ(figures_of(result_of("numa.bandwidth", speed({100}), speed({50}), true)), "");
  EXPECT_EQ(figures_of(result_of("numa.bandwidth", speed({100}), speed({50}, kCache))), "");
  EXPECT_EQ(figures_of(result_of("numa.bandwidth", speed({100}), {{"problem", "mbind: Invalid argument"}})), "");
}

TEST(NumaBandwidth, PassesWhereTheNearerNodeHasMoreOrAsMuchWithinTheSamples) {
  EXPECT_EQ(answer("numa.bandwidth", speed({100, 110}), speed({50, 60})), "pass");
  EXPECT_EQ(answer("numa.bandwidth", speed({100, 110}), speed({105, 120})), "pass");
}

TEST(NumaBandwidth, FailsWhereTheNearerNodeHasLess) {
  EXPECT_EQ(answer("numa.bandwidth", speed({50, 60}), speed({100, 110})),
            "fail: from node 0, node 0 at distance 10 gives 50 to 60 MB/s, and node 1 at distance 21 gives 100 to 110");
}

TEST(NumaBandwidth, OfMemoryWithoutProcessorsIsComparedWithNoOther) {
  EXPECT_EQ(answer("numa.bandwidth", speed({50, 60}), speed({100, 110}), false, "0"),
            "skip: no two ways of one kind have different distances: the figures are compared with nothing");
}

TEST(NumaLatency, FailsWhereTheNearerNodeAnswersLater) {
  EXPECT_EQ(answer("numa.latency", speed({80, 90}), speed({85, 140})), "pass");
  EXPECT_EQ(answer("numa.latency", speed({150, 160}), speed({90, 140})),
            "fail: from node 0, node 0 at distance 10 gives 150 to 160 ns, and node 1 at distance 21 gives 90 to 140");
}

TEST(NumaSpeeds, AreNotJudgedUnderEmulationNorOfArraysThatCachesHold) {
  EXPECT_EQ(answer("numa.bandwidth", speed({50, 60}), speed({100, 110}), true),
            "unmeasurable: an emulated machine's memory has no speed of its own");
  EXPECT_EQ(answer("numa.latency", speed({1, 2}), speed({1, 2}, kCache)),
            "unmeasurable: node0 to node1: arrays of 16777216 bytes are all that is free, and the last caches have "
            "16777216");
}

TEST(NumaSpeeds, FailWhereNothingCouldBeMeasured) {
  EXPECT_EQ(answer("numa.bandwidth", speed({50}), {{"problem", "mbind: Invalid argument"}}, true),
            "fail: node0 to node1: mbind: Invalid argument");
  EXPECT_EQ(answer("numa.bandwidth", speed({50}), speed({})), "fail: node0 to node1: nothing was measured");
}

TEST(NumaSpeeds, OfOneNodeAreKeptAndComparedWithNothing) {
  const std::string root = "/sys/devices/system/node/";
  const RecordedWorld world({{root + "online", "0\n"},
                             {root + "has_cpu", "0\n"},
                             {root + "has_memory", "0\n"},
                             {root + "node0/distance", "10\n"}},
                            {{"triad", {{"0 to 0", speed({99.96, 110})}}}});
  Expected expected;
  expected.emulated = false;
  const CheckResult result = judge("numa.bandwidth", world, expected);
  EXPECT_EQ(said(result), "skip: the machine has memory on one node only: its figures are compared with nothing");
  EXPECT_EQ(result.measured["node0 to node0"]["least"], 100.0);
  EXPECT_EQ(said(judge("numa.bandwidth", RecordedWorld(Files{}), expected)),
            "skip: the kernel has no NUMA: there is no /sys/devices/system/node");
}

}  // namespace
}  // namespace ainode::checks
