// SPDX-License-Identifier: Apache-2.0
// A topology says two things at once, QEMU's arguments and the guest's facts; mistakes in it are shown in place.
#include "validators/machines/topology.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

using testing::ElementsAre;

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

TEST(Topology, ShipsTheDefaultWithItsFacts) {
  const Topology topology = find_topology(std::string(kDefaultTopology));
  EXPECT_EQ(topology.name, "two-nodes");
  ASSERT_EQ(topology.facts.nodes.size(), 2u);
  EXPECT_THAT(topology.facts.nodes[1].cpus, ElementsAre(1));
  EXPECT_EQ(topology.facts.nodes[1].memory_bytes, std::uint64_t{1} << 30);
  EXPECT_THAT(topology.facts.distances, ElementsAre(ElementsAre(10, 21), ElementsAre(21, 10)));
  EXPECT_EQ(topology.facts.iommu, "intel");
}

TEST(Topology, GivesQemuEachNodeItsOwnSocketAndRemapsInterrupts) {
  EXPECT_EQ(joined(machine_arguments(find_topology("two-nodes"))),
            "-machine q35,kernel-irqchip=split -cpu max,cx16=off -smp 2,sockets=2,cores=1,threads=1 -m 2048M "
            "-object memory-backend-ram,id=m0,size=1024M -numa node,nodeid=0,cpus=0-0,memdev=m0 "
            "-object memory-backend-ram,id=m1,size=1024M -numa node,nodeid=1,cpus=1-1,memdev=m1 "
            "-numa dist,src=0,dst=1,val=21 -device intel-iommu,intremap=on");
  EXPECT_THAT(kernel_arguments(find_topology("two-nodes")), ElementsAre("intel_iommu=on"));
}

TEST(Topology, GivesOneNodeNeitherDistancesNorIommu) {
  EXPECT_EQ(joined(machine_arguments(find_topology("one-node"))),
            "-machine q35 -cpu max,cx16=off -smp 2,sockets=1,cores=2,threads=1 -m 2048M "
            "-object memory-backend-ram,id=m0,size=2048M -numa node,nodeid=0,cpus=0-1,memdev=m0");
  EXPECT_THAT(kernel_arguments(find_topology("one-node")), ElementsAre());
}

TEST(Topology, ShipsOnlyFilesThatBearTheirNameAndCanBeRead) {
  ASSERT_GE(shipped_topologies().size(), 2u);
  for (const TopologyText& shipped : shipped_topologies())
    EXPECT_EQ(parse_topology(shipped.yaml, shipped.name).name, shipped.name);
}

TEST(Topology, NamesThoseThatAreThere) {
  try {
    find_topology("moon");
    FAIL() << "it was found";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::target_unknown.id);
    EXPECT_EQ(error.message(), "there is no topology `moon`");
    EXPECT_EQ(error.hint(), "there are: one-node, two-nodes");
  }
}

struct Mistake {
  std::string nodes, distances, more, message;
};

class TopologyMistake : public testing::TestWithParam<Mistake> {};

TEST_P(TopologyMistake, IsShownWithItsPlace) {
  const Mistake& mistake = GetParam();
  const std::string yaml =
      fmt::format("ainode-topology: 1\nname: x\nsummary: x\nmachine: q35\nnodes: {}\ndistances: {}\niommu: none\n{}",
                  mistake.nodes, mistake.distances, mistake.more);
  try {
    parse_topology(yaml, "x.yaml");
    FAIL() << "it was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(fmt::format("{}: {}", error.place() ? error.place()->str() : "", error.message()), mistake.message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, TopologyMistake,
    testing::Values(
        Mistake{"[{cpus: 1, memory: 1G}]", "[[10]]", "colour: red\n", "x.yaml:8:1: unknown key `colour`"},
        Mistake{"[{cpus: 1}]", "[[10]]", "", "x.yaml:5:9: a node lacks `memory`"},
        Mistake{"[{cpus: 0, memory: 1G}]", "[[10]]", "", "x.yaml:5:8: no node has a processor"},
        Mistake{"[{cpus: many, memory: 1G}]", "[[10]]", "", "x.yaml:5:16: `cpus` must be a whole number"},
        Mistake{"[{cpus: 1, memory: 1T}]", "[[10]]", "",
                "x.yaml:5:27: `memory` must be a whole number with the unit M or G"},
        Mistake{"[{cpus: 1, memory: 99999999999999999999G}]", "[[10]]", "",
                "x.yaml:5:27: `memory` must be a whole number with the unit M or G"},
        Mistake{"[{cpus: 1, memory: 1M}]", "[[10]]", "", "x.yaml:5:27: `memory` must lie between 128M and 64G"},
        Mistake{"[]", "[]", "", "x.yaml:5:8: `nodes` must have 1 to 16 items"},
        Mistake{"[{cpus: 1, memory: 1G}, {cpus: 2, memory: 1G}]", "[[10, 20], [20, 10]]", "",
                "x.yaml:5:32: all nodes with processors must have equally many"},
        Mistake{"[{cpus: 1, memory: 1G}, {cpus: 1, memory: 1G}]", "[[10, 20], [21, 10]]", "",
                "x.yaml:6:12: `distances` must be symmetric, with 10 on the diagonal and nowhere else"},
        Mistake{"[{cpus: 1, memory: 1G}]", "[[10, 20]]", "", "x.yaml:6:13: `distances` must have 1 to 1 items"},
        Mistake{"[{cpus: 1, memory: 1G}]", "[[300]]", "", "x.yaml:6:14: `distances` must lie between 10 and 254"}));

}  // namespace
}  // namespace ainode
