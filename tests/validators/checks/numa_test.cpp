// SPDX-License-Identifier: Apache-2.0
// A machine of two nodes as the kernel shows it, right and with planted faults.
#include <fmt/format.h>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

const std::string kRoot = "/sys/devices/system/node";

Files two_node_tree() {
  return {{kRoot + "/online", "0-1\n"},           {kRoot + "/has_cpu", "0-1\n"},
          {kRoot + "/has_memory", "0-1\n"},       {kRoot + "/node0/distance", "10 21\n"},
          {kRoot + "/node1/distance", "21 10\n"}, {kRoot + "/node0/cpulist", "0\n"},
          {kRoot + "/node1/cpulist", "1\n"},      {"/sys/devices/system/cpu/online", "0-1\n"}};
}

/// The check's answer when one file of the tree says something else.
std::string with(const std::string& id, const std::string& path, const std::string& content) {
  auto files = two_node_tree();
  files[path] = content;
  return said(judge(id, RecordedWorld(files), two_nodes()));
}

TEST(NumaNodes, PassesForTheMachinesNodes) {
  const CheckResult result = judge("numa.nodes", RecordedWorld(two_node_tree()), two_nodes());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"online":[0,1],"has_cpu":[0,1],"has_memory":[0,1]})");
  EXPECT_EQ(result.measured, result.expected);
}

TEST(NumaNodes, FailsForAMissingNodeAndForUnreadableText) {
  EXPECT_EQ(with("numa.nodes", kRoot + "/online", "0\n"), "fail: online is [0] instead of [0,1]");
  EXPECT_EQ(with("numa.nodes", kRoot + "/has_memory", "0-x\n"), "fail: has_memory is null instead of [0,1]");
  EXPECT_EQ(
      said(judge("numa.nodes", RecordedWorld({}), two_nodes())),
      "fail: online is null instead of [0,1]; has_cpu is null instead of [0,1]; has_memory is null instead of [0,1]");
}

TEST(NumaNodes, KnowsANodeOfMemoryOnly) {
  Expected expected = two_nodes();
  expected.topology.nodes[1].cpus.clear();
  auto files = two_node_tree();
  files[kRoot + "/has_cpu"] = "0\n";
  EXPECT_EQ(said(judge("numa.nodes", RecordedWorld(files), expected)), "pass");
}

TEST(NumaDistances, PassForASymmetricTable) {
  const CheckResult result = judge("numa.distances-symmetric", RecordedWorld(two_node_tree()), two_nodes());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), "[[10,21],[21,10]]");
}

TEST(NumaDistances, FailWhereTheTableIsInsane) {
  const std::string id = "numa.distances-symmetric", file = kRoot + "/node1/distance";
  EXPECT_EQ(with(id, file, "31 10\n"), "fail: 0 to 1 is 21, back is 31");
  EXPECT_EQ(with(id, file, "21 11\n"), "fail: node 1 is 11 from itself");
  EXPECT_EQ(with(id, file, "21\n"), "fail: the distances are not a square table");
  EXPECT_EQ(with(id, kRoot + "/online", "0\n"), "fail: the distances are not a square table");
}

TEST(NumaDistances, FailWhenTheyAreNotTheMachines) {
  Expected expected = two_nodes();
  expected.topology.distances = {{10, 31}, {31, 10}};
  EXPECT_EQ(said(judge("numa.distances-symmetric", RecordedWorld(two_node_tree()), expected)),
            "fail: the distances are not those of the machine");
}

TEST(NumaDistances, FailOutsideTheLegalRange) {
  auto files = two_node_tree();
  files[kRoot + "/node0/distance"] = "10 10\n";
  files[kRoot + "/node1/distance"] = "10 10\n";
  EXPECT_EQ(said(judge("numa.distances-symmetric", RecordedWorld(files), two_nodes())), "fail: 0 to 1 is 10");
}

TEST(NumaCpus, PassForAPartition) {
  const CheckResult result = judge("numa.cpus-partition", RecordedWorld(two_node_tree()), two_nodes());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"node0":[0],"node1":[1]})");
}

TEST(NumaCpus, FailForOverlapAndForOrphans) {
  const std::string id = "numa.cpus-partition";
  EXPECT_EQ(with(id, kRoot + "/node1/cpulist", "0-1\n"), "fail: CPU 0 is in node 0 and node 1");
  EXPECT_EQ(with(id, kRoot + "/node1/cpulist", "\n"), "fail: CPU 1 is online and in no node");
  EXPECT_EQ(with(id, "/sys/devices/system/cpu/online", "0\n"), "fail: CPU 1 of node 1 is not online");
}

TEST(NumaCpus, FailWhenSwappedAgainstTheMachine) {
  auto files = two_node_tree();
  files[kRoot + "/node0/cpulist"] = "1\n";
  files[kRoot + "/node1/cpulist"] = "0\n";
  EXPECT_EQ(said(judge("numa.cpus-partition", RecordedWorld(files), two_nodes())),
            "fail: the nodes' processors are not those of the machine");
}

/// Node 1 is slow memory without processors, next to node 0.
Expected memory_only_node() {
  Expected expected = two_nodes();
  expected.topology.nodes[1].cpus.clear();
  expected.topology.accesses = {{0, 0, 10, 40960}, {0, 1, 150, 10240}};
  expected.topology.tiers = {{0}, {1}};
  return expected;
}

const std::string kTiers = "/sys/devices/virtual/memory_tiering";

Files memory_only_tree() {
  auto files = two_node_tree();
  files[kTiers + "/memory_tier4/nodelist"] = "0\n";
  files[kTiers + "/memory_tier270/nodelist"] = "1\n";
  files[kTiers + "/uevent"] = "";
  const std::pair<std::string, std::string> speeds[] = {{"10\n", "40960\n"}, {"150\n", "10240\n"}};
  for (int id = 0; id < 2; ++id) {
    const std::string directory = fmt::format("{}/node{}/access0/initiators/", kRoot, id);
    files[directory + "node0"] = "-> ../../../node0";
    for (const std::string way : {"read", "write"}) {
      files[directory + way + "_latency"] = speeds[id].first;
      files[directory + way + "_bandwidth"] = speeds[id].second;
    }
  }
  return files;
}

std::string with_slow_memory(const std::string& id, const std::string& path, const std::string& content) {
  auto files = memory_only_tree();
  files[path] = content;
  return said(judge(id, RecordedWorld(files), memory_only_node()));
}

TEST(NumaHmat, PassesForTheMachinesSpeeds) {
  const CheckResult result = judge("numa.hmat", RecordedWorld(memory_only_tree()), memory_only_node());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured[1].dump(),
            R"({"initiators":[0],"read_latency":150,"write_latency":150,"read_bandwidth":10240,)"
            R"("write_bandwidth":10240})");
  EXPECT_EQ(result.measured, result.expected);
}

TEST(NumaHmat, FailsForOtherSpeedsAndForNone) {
  const std::string directory = kRoot + "/node1/access0/initiators/";
  EXPECT_EQ(with_slow_memory("numa.hmat", directory + "write_latency", "151\n"),
            "fail: write_latency of node 1 is 151 instead of 150");
  EXPECT_EQ(with_slow_memory("numa.hmat", directory + "read_bandwidth", "?\n"),
            "fail: read_bandwidth of node 1 is null instead of 10240");
  EXPECT_EQ(with_slow_memory("numa.hmat", directory + "node1", "-> ../../../node1"),
            "fail: initiators of node 1 is [0,1] instead of [0]");
  EXPECT_EQ(said(judge("numa.hmat", RecordedWorld(two_node_tree()), memory_only_node())),
            "fail: node 0 shows no speeds; node 1 shows no speeds");
}

TEST(NumaHmat, FailsWhereTheDistancesSayTheOpposite) {
  auto files = memory_only_tree();
  files[kRoot + "/node0/distance"] = "21 10\n";
  EXPECT_EQ(said(judge("numa.hmat", RecordedWorld(files), memory_only_node())),
            "fail: from node 0, node 1 is nearer than node 0 and slower");
}

TEST(NumaHmat, HoldsTheProcessorsOwnClassWhereTheKernelShowsIt) {
  auto files = memory_only_tree();
  for (const auto& [path, content] : memory_only_tree())
    if (const std::size_t place = path.find("access0"); place != std::string::npos)
      files[std::string(path).replace(place, 7, "access1")] = content;
  const CheckResult result = judge("numa.hmat", RecordedWorld(files), memory_only_node());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured[1]["access1"]["read_latency"], 150);
  EXPECT_EQ(result.measured, result.expected);
  const std::string directory = kRoot + "/node1/access1/initiators";
  files[directory + "/write_bandwidth"] = "1\n";
  EXPECT_EQ(said(judge("numa.hmat", RecordedWorld(files), memory_only_node())),
            "fail: write_bandwidth of node 1 (access1) is 1 instead of 10240");
  std::erase_if(files, [&](const auto& file) { return file.first.compare(0, directory.size(), directory) == 0; });
  files[directory + "/"] = "";
  EXPECT_EQ(said(judge("numa.hmat", RecordedWorld(files), memory_only_node())),
            "fail: node 1 (access1) shows no speeds");
}

TEST(NumaTiers, PassForTheMachinesTiersByNumberNotByName) {
  const CheckResult result = judge("numa.tiers", RecordedWorld(memory_only_tree()), memory_only_node());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), "[[0],[1]]");
}

TEST(NumaTiers, FailWhereSlowMemoryIsAmongTheFast) {
  auto files = two_node_tree();
  files[kTiers + "/memory_tier4/nodelist"] = "0-1\n";
  EXPECT_EQ(said(judge("numa.tiers", RecordedWorld(files), memory_only_node())),
            "fail: the tiers are [[0,1]] instead of [[0],[1]]");
  EXPECT_EQ(said(judge("numa.tiers", RecordedWorld({}), memory_only_node())),
            "fail: the tiers are [] instead of [[0],[1]]");
}

TEST(NumaHmat, AndTiersSkipWhereTheTopologyDeclaresNone) {
  EXPECT_EQ(said(judge("numa.hmat", RecordedWorld({}), two_nodes())), "skip: the topology declares no HMAT");
  EXPECT_EQ(said(judge("numa.tiers", RecordedWorld({}), two_nodes())), "skip: the topology declares no memory tiers");
}

/// Node 0 is right; node 1 answered so.
std::string placed(const Json& second) {
  const Json first = {{"pages", 256}, {"on_node", 256}, {"numa_maps", "bind:0 anon=256 dirty=256 N0=256"}};
  const RecordedWorld world({}, {{"place_pages", {{"0", first}, {"1", second}}}});
  return said(judge("numa.placement", world, two_nodes()));
}

TEST(NumaPlacement, PassesWhenAllPagesLieWhereBound) {
  EXPECT_EQ(placed({{"pages", 256}, {"on_node", 256}, {"numa_maps", "bind:1 anon=256 N1=256"}}), "pass");
}

TEST(NumaPlacement, FailsForPagesElsewhereAndForFailedCalls) {
  EXPECT_EQ(placed({{"pages", 256}, {"on_node", 200}, {"numa_maps", "bind:1 N0=56 N1=200"}}),
            "fail: node1: 56 of 256 pages lie elsewhere");
  EXPECT_EQ(placed({{"pages", 256}, {"on_node", 256}, {"numa_maps", "bind:1 N1=25"}}),
            "fail: node1: numa_maps does not say N1=256 but `bind:1 N1=25`");
  EXPECT_EQ(placed({{"problem", "mbind: Invalid argument"}}), "fail: node1: mbind: Invalid argument");
}

TEST(NumaPlacement, SkipsWithoutMemoryNodes) {
  Expected expected = two_nodes();
  for (ExpectedNumaNode& node : expected.topology.nodes) node.memory_bytes = 0;
  EXPECT_EQ(said(judge("numa.placement", RecordedWorld({}), expected)), "skip: the topology names no memory");
}

TEST(NumaNodes, SkipOnAnUnknownMachine) {
  for (const char* check : {"numa.nodes", "numa.distances-symmetric", "numa.cpus-partition"})
    EXPECT_EQ(said(judge(check, RecordedWorld({}), {})), "skip: the machine's topology is not known") << check;
}

std::string huge_pages(const Json& second_node) {
  Files files = {{"/boot/config-6.12", "CONFIG_HUGETLB_PAGE=y\n"}};
  const Json probes = {
      {"kernel_release", "6.12"},
      {"place_huge_pages", {{"0", {{"added", 2}, {"on_node", 2}, {"is_intact", true}}}, {"1", second_node}}}};
  return said(judge("numa.hugepages", RecordedWorld(files, probes), two_nodes()));
}

TEST(NumaHugepages, WantEachPoolToGrowAndItsPagesOnTheNode) {
  EXPECT_EQ(huge_pages({{"added", 2}, {"on_node", 2}, {"is_intact", true}}), "pass");
  EXPECT_EQ(huge_pages({{"added", 1}}), "fail: node1: the pool grew by 1 instead of 2 pages, or did not say so");
  EXPECT_EQ(huge_pages({{"added", 2}, {"on_node", 1}}), "fail: node1: 1 of 2 huge pages lie elsewhere");
  EXPECT_EQ(huge_pages({{"added", 2}, {"on_node", 2}}), "fail: node1: the pages hold something else");
  EXPECT_EQ(huge_pages({{"problem", "mmap with MAP_HUGETLB: Cannot allocate memory"}}),
            "fail: node1: mmap with MAP_HUGETLB: Cannot allocate memory");
}

Json moved(int arrived, bool is_intact = true) {
  return {{"arrived", arrived}, {"is_intact", is_intact}};
}

Json all_moves(const Json& back) {
  const Json there = moved(64);
  return {{"move_pages", {{"0 to 1", there}, {"1 to 0", back}}},
          {"migrate_pages", {{"0 to 1", there}, {"1 to 0", there}}}};
}

std::string migration(const Json& probes) {
  return said(judge("numa.migration", RecordedWorld({}, probes), two_nodes()));
}

TEST(NumaMigration, WantsEachPageToArriveWholeByBothCalls) {
  EXPECT_EQ(migration(all_moves(moved(64))), "pass");
  EXPECT_EQ(migration(all_moves(moved(60))), "fail: move_pages from node 1 to node 0: 4 of 64 pages did not arrive");
  EXPECT_EQ(migration(all_moves(moved(64, false))),
            "fail: move_pages from node 1 to node 0: the pages hold something else");
  EXPECT_EQ(migration(all_moves({{"problem", "move_pages: No such device"}})),
            "fail: move_pages from node 1 to node 0: move_pages: No such device");
}

TEST(NumaMigration, NeedsASecondNodeWithMemory) {
  Expected expected = two_nodes();
  expected.topology.nodes[1].memory_bytes = 0;
  EXPECT_EQ(said(judge("numa.migration", RecordedWorld({}), expected)),
            "skip: the machine has memory on one node only");
}

TEST(NumaInterleave, WantsAsManyPagesOnEachNode) {
  const auto interleave = [](const Json& on_node) {
    const Json probes = {{"interleave", {{"on_node", on_node}}}};
    return said(judge("numa.interleave", RecordedWorld({}, probes), two_nodes()));
  };
  EXPECT_EQ(interleave({{"0", 64}, {"1", 64}}), "pass");
  EXPECT_EQ(interleave({{"0", 128}}), R"(fail: pages lie {"node0":128} instead of {"node0":64,"node1":64})");
  EXPECT_EQ(said(judge("numa.interleave", RecordedWorld({}), two_nodes())), "fail: not recorded");
}

/// Of a machine whose first `edu` is declared on node 1, and whose second one nowhere.
std::string device_node_answer(const std::string& first, const std::string& second) {
  Expected machine = two_nodes();
  machine.topology.devices = {{"1234", "11e8", "", 0, 1}, {"1234", "11e8", ""}};
  Files files;
  for (const auto& [address, node] : {std::pair("0000:41:00.0", first), std::pair("0000:00:04.0", second)}) {
    const std::string path = std::string("/sys/bus/pci/devices/") + address;
    files[path + "/vendor"] = "0x1234\n", files[path + "/device"] = "0x11e8\n", files[path + "/numa_node"] = node;
  }
  return said(judge("numa.device-node", RecordedWorld(files), machine));
}

TEST(NumaDeviceNode, WantsEachDeclaredDeviceOnItsNode) {
  EXPECT_EQ(device_node_answer("1\n", "-1\n"), "pass");
  EXPECT_EQ(device_node_answer("-1\n", "1\n"), "pass") << "nothing tells the two apart";
  EXPECT_EQ(device_node_answer("-1\n", "-1\n"), "fail: 1234:11e8 is not on node 1");
  EXPECT_EQ(device_node_answer("0\n", "0\n"), "fail: 1234:11e8 is not on node 1");
}

TEST(NumaDeviceNode, NeedsADeviceWhoseNodeIsDeclared) {
  EXPECT_EQ(said(judge("numa.device-node", RecordedWorld({}), two_nodes())),
            "skip: the topology says of no device on which NUMA node it is");
}

TEST(NumaWeighted, WantsPagesInProportionToTheWeights) {
  const std::string root = "/sys/kernel/mm/mempolicy/weighted_interleave";
  const Json probes = {{"weighted_interleave", {{"on_node", {{"0", 24}, {"1", 8}}}}}};
  const auto with_weights = [&](const std::string& first, const std::string& second) {
    const Files files = {{root + "/node0", first}, {root + "/node1", second}};
    return said(judge("numa.weighted", RecordedWorld(files, probes), two_nodes()));
  };
  EXPECT_EQ(with_weights("3\n", "1\n"), "pass");
  EXPECT_EQ(with_weights("1\n", "1\n"), R"(fail: pages lie {"node0":24,"node1":8} instead of {"node0":8,"node1":8})");
  EXPECT_EQ(with_weights("3\n", "?\n"), "fail: node 1 has no weight");
  EXPECT_EQ(said(judge("numa.weighted", RecordedWorld({}, probes), two_nodes())),
            "skip: the kernel has no weighted interleaving (Linux 6.9 has)");
}

/// Two nodes near their processors and a slow one.
Expected three_nodes(int slow_bandwidth) {
  Expected expected = two_nodes();
  expected.topology.nodes.push_back({{}, 1 << 29});
  expected.topology.distances = {{10, 21, 38}, {21, 10, 28}, {38, 28, 10}};
  expected.topology.accesses = {
      {0, 0, 10, 40960}, {0, 1, 20, 20480}, {0, 2, 250, 1}, {1, 1, 10, 40960}, {1, 2, 150, slow_bandwidth}};
  return expected;
}

/// Where the nodes have these weights, and pages lie as these say.
std::string weighed(const std::vector<int>& weights, const std::string& automatic, int slow_bandwidth = 10240) {
  const std::string root = "/sys/kernel/mm/mempolicy/weighted_interleave";
  Files files;
  if (!automatic.empty()) files[root + "/auto"] = automatic;
  Json on_node = Json::object();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    files[fmt::format("{}/node{}", root, i)] = fmt::format("{}\n", weights[i]);
    on_node[std::to_string(i)] = 8 * weights[i];
  }
  const RecordedWorld world(files, {{"weighted_interleave", {{"on_node", on_node}}}});
  return said(judge("numa.weighted", world, three_nodes(slow_bandwidth)));
}

TEST(NumaWeighted, FollowsTheBandwidthsThatTheKernelWasTold) {
  EXPECT_EQ(weighed({14, 14, 3}, "true\n"), "pass");
  EXPECT_EQ(weighed({2, 2, 1}, "true\n", 20480), "pass") << "12, 12, 6 have a common divisor";
  EXPECT_EQ(weighed({15, 15, 1}, "true\n", 10), "pass") << "no node has none";
  EXPECT_EQ(weighed({1, 1, 1}, "true\n"),
            R"(fail: the weights are {"node0":1,"node1":1,"node2":1} instead of {"node0":14,"node1":14,"node2":3}; )"
            R"(pages lie {"node0":8,"node1":8,"node2":8} instead of {"node0":112,"node1":112,"node2":24})");
}

TEST(NumaWeighted, TellsOfWeightsThatWereSetByHand) {
  EXPECT_EQ(weighed({14, 14, 3}, "false\n"), "pass");
  EXPECT_EQ(weighed({1, 14, 3}, "false\n"),
            R"(fail: the weights are {"node0":1,"node1":14,"node2":3} instead of {"node0":14,"node1":14,"node2":3}, )"
            R"(set by hand; pages lie {"node0":8,"node1":112,"node2":24} instead of )"
            R"({"node0":112,"node1":112,"node2":24})");
}

TEST(NumaWeighted, BelievesTheWeightsOfAKernelThatComputesNone) {
  EXPECT_EQ(weighed({1, 1, 1}, ""), "pass");
  EXPECT_EQ(weighed({5, 4, 1}, ""), "pass");
}

}  // namespace
}  // namespace ainode::checks
