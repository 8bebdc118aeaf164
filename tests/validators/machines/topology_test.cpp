// SPDX-License-Identifier: Apache-2.0
// A topology says two things at once, QEMU's arguments and the guest's facts; mistakes in it are shown in place.
#include "validators/machines/topology.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string place_and_message(const Error& error) {
  return fmt::format("{}: {}", error.place() ? error.place()->str() : "", error.message());
}

std::string refusal(const std::string& name) {
  try {
    return find_topology(name).name + " was found";
  } catch (const Error& error) {
    return place_and_message(error);
  }
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
            "-accel tcg,thread=multi -machine q35,kernel-irqchip=split -cpu max,cx16=off -smp "
            "2,sockets=2,cores=1,threads=1 -m 2048M "
            "-object memory-backend-ram,id=m0,size=1024M -numa node,nodeid=0,cpus=0-0,memdev=m0 "
            "-object memory-backend-ram,id=m1,size=1024M -numa node,nodeid=1,cpus=1-1,memdev=m1 "
            "-numa dist,src=0,dst=1,val=21 -device intel-iommu,intremap=on");
  EXPECT_THAT(kernel_arguments(find_topology("two-nodes")), ElementsAre("intel_iommu=on"));
}

TEST(Topology, GivesOneNodeNeitherDistancesNorIommu) {
  EXPECT_EQ(joined(machine_arguments(find_topology("one-node"))),
            "-accel tcg,thread=multi -machine q35 -cpu max,cx16=off -smp 2,sockets=1,cores=2,threads=1 -m 2048M "
            "-object memory-backend-ram,id=m0,size=2048M -numa node,nodeid=0,cpus=0-1,memdev=m0");
  EXPECT_THAT(kernel_arguments(find_topology("one-node")), ElementsAre());
}

TEST(Topology, TellsQemuTheSpeedsAndWhoIsNearestToMemoryWithoutProcessors) {
  const Topology topology = find_topology("memory-only-node");
  const std::string arguments = joined(machine_arguments(topology));
  EXPECT_THAT(arguments, HasSubstr("-accel tcg,thread=multi -machine q35,hmat=on -cpu max,cx16=off -smp "
                                   "2,sockets=2,cores=1,threads=1 -m 2560M "));
  EXPECT_THAT(arguments, HasSubstr("-numa node,nodeid=2,initiator=1,memdev=m2 "));
  EXPECT_THAT(arguments,
              HasSubstr("-numa hmat-lb,initiator=1,target=2,hierarchy=memory,data-type=access-latency,latency=150 "
                        "-numa hmat-lb,initiator=1,target=2,hierarchy=memory,data-type=access-bandwidth,"
                        "bandwidth=10240M"));
  EXPECT_EQ(topology.facts.local_access(2).latency_ns, 150);
  EXPECT_THAT(topology.facts.tiers, ElementsAre(ElementsAre(0, 1), ElementsAre(2)));
}

TEST(Topology, GivesAnAmdIommuTheInstructionThatItsDriverNeedsAndOneThread) {
  const Topology topology = find_topology("iommu-amd");
  const std::string arguments = joined(machine_arguments(topology));
  EXPECT_THAT(arguments, HasSubstr("-accel tcg,thread=single -machine q35,kernel-irqchip=split -cpu max -smp 2,"));
  EXPECT_THAT(arguments, EndsWith(" -device amd-iommu,intremap=on"));
  EXPECT_EQ(joined(device_arguments(topology)), "-device edu,bus=pcie.0");
  EXPECT_THAT(kernel_arguments(topology), ElementsAre("vfio_iommu_type1.allow_unsafe_interrupts=1"));
}

std::string seen(const checks::ExpectedDevice& device) {
  return fmt::format("{}:{} {}", device.vendor, device.device, device.driver);
}

std::vector<std::string> seen(const Topology& topology) {
  std::vector<std::string> rows;
  for (const checks::ExpectedDevice& device : topology.facts.devices) rows.push_back(seen(device));
  return rows;
}

TEST(Topology, CountsInstructionsInOneThread) {
  Topology machine = find_topology("tiny-edge");
  EXPECT_THAT(machine_arguments(machine), testing::Not(testing::Contains("-icount")));
  count_instructions(machine);
  const auto arguments = machine_arguments(machine);
  EXPECT_THAT(arguments, testing::Contains("tcg,thread=single"));
  EXPECT_THAT(arguments, testing::Contains("shift=1,sleep=off,align=off"));
}

TEST(Topology, CountsNoInstructionsOfSeveralProcessors) {
  Topology machine = find_topology("two-nodes");
  try {
    count_instructions(machine);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::usage_error.id);
    EXPECT_THAT(error.what(), testing::HasSubstr("topology `two-nodes` has 2 processors"));
  }
  EXPECT_FALSE(machine.counts_instructions);
}

TEST(Topology, ExpectsTheHarnessesDevicesAndItsOwn) {
  EXPECT_THAT(seen(find_topology("one-node")),
              ElementsAre("1af4:1042 virtio-pci", "1af4:1042 virtio-pci", "1af4:1043 virtio-pci"));
  EXPECT_THAT(seen(find_topology("iommu-intel")),
              ElementsAre("1af4:1042 virtio-pci", "1af4:1042 virtio-pci", "1af4:1043 virtio-pci", "1234:11e8 "));
}

TEST(Topology, PutsPeersBehindOneSwitchAndExpectsItsPorts) {
  const Topology topology = find_topology("nvme-p2p");
  EXPECT_EQ(
      joined(device_arguments(topology)),
      "-drive if=none,id=storage0,format=raw,snapshot=on,file.driver=null-co,file.read-zeroes=on,file.size=67108864 "
      "-device pcie-root-port,id=root,bus=pcie.0,chassis=1 -device x3130-upstream,id=switch,bus=root "
      "-device xio3130-downstream,id=port0,bus=switch,chassis=2,slot=0 "
      "-device nvme,drive=storage0,serial=ainode-storage0,cmb_size_mb=16,bus=port0 "
      "-drive if=none,id=storage1,format=raw,snapshot=on,file.driver=null-co,file.read-zeroes=on,file.size=67108864 "
      "-device xio3130-downstream,id=port1,bus=switch,chassis=3,slot=1 "
      "-device nvme,drive=storage1,serial=ainode-storage1,bus=port1");
  EXPECT_THAT(seen(topology), ElementsAre("1af4:1042 virtio-pci", "1af4:1042 virtio-pci", "1af4:1043 virtio-pci",
                                          "1b36:0010 nvme", "104c:8233 pcieport", "1b36:0010 nvme",
                                          "104c:8233 pcieport", "1b36:000c pcieport", "104c:8232 pcieport"));
}

TEST(Topology, ExpectsThatAKernelKeepsMoreOfATinyMachine) {
  const Topology tiny = parse_topology(
      "ainode-topology: 1\nname: x\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 256M}]\n"
      "distances: [[10]]\niommu: none\n",
      "x.yaml");
  EXPECT_EQ(tiny.facts.memory_tolerance, 0.25);
  EXPECT_EQ(find_topology("two-nodes").facts.memory_tolerance, 0.1);
}

TEST(Topology, ShipsOnlyMachinesOnWhichLinuxHasTransparentHugePages) {
  for (const TopologyText& shipped : shipped_topologies()) {
    const Topology topology = find_topology(shipped.name);
    const double left = static_cast<double>(total_memory(topology)) * (1 - topology.facts.memory_tolerance);
    EXPECT_GE(left, 512.0 * (1 << 20)) << shipped.name;
  }
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
    EXPECT_EQ(
        error.hint(),
        "there are four-nodes, iommu-amd, iommu-intel, memory-only-node, nvme-p2p, one-node, tiny-edge, two-nodes; "
        "one of your own is given by its path: ./moon.yaml");
  }
}

TEST(Topology, SaysWhatToGiveInsteadOfAFileOrANameThatIsNone) {
  const auto hint = [](const std::string& name) {
    try {
      find_topology(name);
    } catch (const Error& error) {
      return error.message() + "; " + error.hint();
    }
    return std::string("found");
  };
  const std::string names =
      "four-nodes, iommu-amd, iommu-intel, memory-only-node, nvme-p2p, one-node, tiny-edge, two-nodes";
  EXPECT_EQ(hint("t.yml"),
            "there is no topology file t.yml; give the path of a YAML file from where ainode works "
            "(-C), or one of " +
                names);
  EXPECT_EQ(hint(""), "the target names no topology after its colon; there are " + names +
                          "; one of your own is given by its path: ./FILE.yaml");
}

TEST(Topology, SaysTheOneValueThatAKeyTakes) {
  const auto mistake = [](const std::string& version, const std::string& machine) {
    try {
      parse_topology(fmt::format("ainode-topology: {}\nname: x\nsummary: x\nmachine: {}\n", version, machine),
                     "x.yaml");
    } catch (const Error& error) {
      return fmt::format("{} {}; {}", error.message(), error.caret_text(), error.hint());
    }
    return std::string("none");
  };
  EXPECT_EQ(mistake("2", "q35"), "`ainode-topology` must be 1 is another; write 1");
  EXPECT_EQ(mistake("1", "pc"), "`machine` must be q35 is another; write q35");
}

TEST(Topology, GivesACureWhereItsFileIsNoYaml) {
  for (const char* text : {"a: [", "--- 1\n--- 2\n"}) {
    try {
      parse_topology(text, "x.yaml");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.hint(), "a topology is one mapping, of `key: value` lines, lists and plain values, in UTF-8");
    }
  }
}

TEST(Topology, IsReadFromAUsersFile) {
  const TemporaryDirectory work(testing::TempDir());
  const std::string file = (work.path() / "mine.yaml").string();
  write_file(file,
             "ainode-topology: 1\nname: mine\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}]\n"
             "distances: [[10]]\niommu: none\n");
  EXPECT_EQ(find_topology(file).name, "mine");
  write_file(file, "name: mine\n");
  EXPECT_EQ(refusal(file), file + ":1:1: a topology lacks `ainode-topology`");
  EXPECT_EQ(refusal(work.path().string() + "/none.yaml"),
            ": there is no topology file " + work.path().string() + "/none.yaml");
  EXPECT_EQ(refusal("none.yaml"), ": there is no topology file none.yaml");
  EXPECT_EQ(refusal(work.path().string()), ": there is no topology file " + work.path().string());
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
    EXPECT_EQ(place_and_message(error), mistake.message);
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
                "x.yaml:6:18: `distances` must be symmetric, with 10 on the diagonal and nowhere else"},
        Mistake{"[{cpus: 1, memory: 1G}]", "[[10, 20]]", "", "x.yaml:6:13: `distances` must have 1 to 1 items"},
        Mistake{"[{cpus: 1, memory: 1G}]", "[[300]]", "", "x.yaml:6:14: `distances` must lie between 10 and 254"}));

/// What a user reads about a machine of two nodes, the second without processors, with these further lines.
std::string rendered(const std::string& more) {
  const std::string yaml =
      "ainode-topology: 1\nname: x\nsummary: x\nmachine: q35\nnodes: [{cpus: 1, memory: 1G}, {cpus: 0, memory: 1G}]\n"
      "distances: [[10, 20], [20, 10]]\niommu: none\n";
  try {
    return parse_topology(yaml + more, "x.yaml").name + " was accepted";
  } catch (const Error& error) {
    return render(error);
  }
}

const std::string kLocal = "  - {initiator: 0, target: 0, latency-ns: 50, bandwidth-mib-per-s: 9}\n";
const std::string kRemote = "  - {initiator: 0, target: 1, latency-ns: 90, bandwidth-mib-per-s: 5}\n";

TEST(Topology, MayDeclareSpeedsAndTiers) {
  EXPECT_EQ(rendered("hmat:\n" + kLocal + kRemote + "tiers: [[0], [1]]\n"), "x was accepted");
  EXPECT_EQ(rendered("hmat:\n" + kLocal + kRemote), "x was accepted");
  EXPECT_EQ(rendered("tiers: [[0, 1]]\n"), "x was accepted");
}

TEST(Topology, ShowsWhereSpeedsContradictDistances) {
  EXPECT_EQ(rendered("hmat:\n" + kLocal + "  - {initiator: 0, target: 1, latency-ns: 40, bandwidth-mib-per-s: 5}\n"),
            R"(error[R0110]: node 0 to node 0 is nearer than node 0 to node 1, and slower
   ┌─ x.yaml:9:5
9│   - {initiator: 0, target: 0, latency-ns: 50, bandwidth-mib-per-s: 9}
 │     ^ contradicts `distances`: 10 and 20
  = help: give the nearer one no more latency and no less bandwidth, or change `distances`
)");
}

TEST(Topology, ShowsWhatSpeedsLack) {
  EXPECT_EQ(rendered("hmat:\n" + kLocal), R"(error[R0110]: `hmat` lacks the access of node 0 to node 1
   ┌─ x.yaml:9:3
9│   - {initiator: 0, target: 0, latency-ns: 50, bandwidth-mib-per-s: 9}
 │   ^ must say how each node with processors reaches each node
  = help: add {initiator: 0, target: 1, latency-ns: …, bandwidth-mib-per-s: …}
)");
}

TEST(Topology, ShowsAnInitiatorWithoutProcessorsAndARowTwice) {
  EXPECT_EQ(rendered("hmat:\n  - {initiator: 1, target: 0, latency-ns: 1, bandwidth-mib-per-s: 1}\n"),
            R"(error[R0110]: node 1 has no processor
   ┌─ x.yaml:9:17
9│   - {initiator: 1, target: 0, latency-ns: 1, bandwidth-mib-per-s: 1}
 │                 ^ cannot be an initiator
  = help: name a node whose `cpus` are more than 0
)");
  EXPECT_EQ(rendered("hmat:\n" + kLocal + kLocal), R"(error[R0110]: the access of node 0 to node 0 stands twice
    ┌─ x.yaml:10:5
10│   - {initiator: 0, target: 0, latency-ns: 50, bandwidth-mib-per-s: 9}
  │     ^
  = help: remove one of the two
)");
}

TEST(Topology, NamesBothNumbersWhereTheHostHasTooLittleMemory) {
  const Topology topology = find_topology("tiny-edge");
  EXPECT_NO_THROW(require_memory(topology, 640 << 20));
  try {
    require_memory(topology, (640 << 20) - 1);
    FAIL() << "it is enough";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().exit, Exit::environment);
    EXPECT_EQ(render(error),
              R"(error[H0014]: topology `tiny-edge` needs 640 MiB of memory, and this host has 639 MiB available
    ┌─ tiny-edge.yaml:10:3
10│   - {cpus: 1, memory: 640M}
  │   ^ the sum of its nodes
  = help: give its nodes less memory, or try again when less is running
)");
  }
}

TEST(Topology, DealsOtherSizesEvenly) {
  const Topology larger = resized(find_topology("two-nodes"), std::uint64_t{6} << 30, 4);
  EXPECT_EQ(larger.facts.nodes[0].memory_bytes, std::uint64_t{3} << 30);
  EXPECT_EQ(larger.facts.nodes[1].memory_bytes, std::uint64_t{3} << 30);
  EXPECT_THAT(larger.facts.nodes[0].cpus, ElementsAre(0, 1));
  EXPECT_THAT(larger.facts.nodes[1].cpus, ElementsAre(2, 3));
  EXPECT_THAT(joined(machine_arguments(larger)), HasSubstr("-smp 4,sockets=2,cores=2,threads=1 -m 6144M"));
  const Topology far = resized(find_topology("memory-only-node"), {}, 4);
  EXPECT_EQ(far.facts.nodes.size(), find_topology("memory-only-node").facts.nodes.size());
  EXPECT_TRUE(far.facts.nodes.back().cpus.empty());
  EXPECT_GT(resized(find_topology("one-node"), std::uint64_t{256} << 20, {}).facts.memory_tolerance, 0.2);
}

std::string refusal_to_resize(const std::string& name, std::optional<std::uint64_t> memory, std::optional<int> cpus) {
  try {
    resized(find_topology(name), memory, cpus);
    return "it was done";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::usage_error.id);
    return error.message() + "; " + error.hint();
  }
}

TEST(Topology, SaysWhichOtherSizesFit) {
  const std::uint64_t mib = std::uint64_t{1} << 20;
  EXPECT_EQ(
      refusal_to_resize("two-nodes", {}, 5),
      "5 processors cannot be dealt to the 2 nodes of topology `two-nodes`; give 4 or 6: as much to each of them, "
      "from 1 to 32");
  EXPECT_EQ(refusal_to_resize("two-nodes", {}, -3),
            "0 processors cannot be dealt to the 2 nodes of topology `two-nodes`; give 2");
  EXPECT_EQ(refusal_to_resize("two-nodes", {}, 65),
            "65 processors cannot be dealt to the 2 nodes of topology `two-nodes`; give 64");
  EXPECT_EQ(refusal_to_resize("four-nodes", 1026 * mib, {}),
            "1026 MiB of memory cannot be dealt to the 4 nodes of topology `four-nodes`; give 1024 or 1028: as much to "
            "each of them, from 128 to 65536");
  EXPECT_EQ(refusal_to_resize("one-node", 64 * mib, {}),
            "64 MiB of memory cannot be dealt to the 1 nodes of topology `one-node`; give 128");
  EXPECT_EQ(refusal_to_resize("one-node", 1000 * mib + 1, {}),
            "1048576001 bytes of memory are no whole number of MiB; give 1049624576");
}

TEST(Topology, ShowsWhatADeviceCannotBe) {
  EXPECT_EQ(rendered("devices: [{kind: edu, size: 1M}]\n"), R"(error[R0107]: unknown key `size`
   ┌─ x.yaml:8:23
8│ devices: [{kind: edu, size: 1M}]
 │                       ^^^^ not a key of this device
  = help: its keys are behind, kind, node
)");
  EXPECT_THAT(rendered("devices: [{kind: gpu}]\n"), HasSubstr("`kind` must be one of edu, nvme, virtio-net-pci\n"));
  EXPECT_THAT(rendered("devices: [{kind: nvme}]\n"), HasSubstr("this device lacks `size`\n"));
  EXPECT_THAT(rendered("devices: [{kind: nvme, size: 1}]\n"),
              HasSubstr("`size` must be a whole number with the unit M or G\n"));
  EXPECT_THAT(rendered("devices: [{kind: nvme, size: 1M, cmb: 2G}]\n"),
              HasSubstr("`cmb` must lie between 1M and 1G\n"));
  EXPECT_THAT(rendered("devices: [{kind: edu, behind: me}]\n"), HasSubstr("`behind` must be switch\n"));
  EXPECT_THAT(rendered("devices: [{kind: edu, behind: me}]\n"), HasSubstr("write switch, or leave the key away\n"));
  EXPECT_THAT(rendered("devices: [{kind: gpu}]\n"), HasSubstr("^ is none of them\n  = help: write one of them\n"));
  EXPECT_EQ(rendered("devices: [{kind: nvme, size: 8M, cmb: 3M}]\n"), R"(error[R0110]: `cmb` must be a power of two
   ┌─ x.yaml:8:39
8│ devices: [{kind: nvme, size: 8M, cmb: 3M}]
 │                                       ^^ is none
  = help: write 2M or 4M
)");
}

TEST(Topology, PutsADeviceOnANodeBehindABridgeOfItsOwn) {
  const Topology topology = find_topology("two-nodes");
  EXPECT_EQ(joined(device_arguments(topology)),
            "-device pxb-pcie,id=bridge0,bus=pcie.0,bus_nr=64,numa_node=1 "
            "-device pcie-root-port,id=local0,bus=bridge0,chassis=64 -device edu,bus=local0 "
            "-device virtio-net-pci,disable-legacy=on,romfile=,bus=pcie.0");
  EXPECT_EQ(facts_without_harness(topology).devices[0].numa_node, 1);
  EXPECT_EQ(seen(facts_without_harness(topology).devices[1]), "1b36:000c pcieport");
  EXPECT_EQ(find_topology("iommu-intel").facts.devices.back().numa_node, std::nullopt);
}

TEST(Topology, ShowsADeviceOnANodeThatIsNotThere) {
  EXPECT_EQ(rendered("devices: [{kind: edu, node: 2}]\n"), R"(error[R0110]: `node` must lie between 0 and 1
   ┌─ x.yaml:8:29
8│ devices: [{kind: edu, node: 2}]
 │                             ^ is too large
  = help: write a number from 0 to 1
)");
  EXPECT_THAT(rendered("devices: [{kind: edu, node: -1}]\n"),
              HasSubstr("^^ is too small\n  = help: write a number from 0 to 1"));
  EXPECT_THAT(rendered("devices: [{kind: edu, node: near}]\n"), HasSubstr("`node` must be a whole number\n"));
  EXPECT_EQ(rendered("devices: [{kind: edu, behind: switch, node: 1}]\n"),
            R"(error[R0110]: a device behind the switch has no `node` of its own
   ┌─ x.yaml:8:45
8│ devices: [{kind: edu, behind: switch, node: 1}]
 │                                             ^ the switch is on no node
  = help: remove `node`, or `behind: switch`
)");
}

TEST(Topology, TellsOfEachMistakeWhereItIsAndWhatToWrite) {
  const auto shown = [](const std::string& nodes, const std::string& distances) {
    try {
      parse_topology(fmt::format("ainode-topology: 1\nname: x\nsummary: x\nmachine: q35\nnodes: {}\ndistances: {}\n"
                                 "iommu: none\n",
                                 nodes, distances),
                     "x.yaml");
    } catch (const Error& error) {
      return error.caret_text() + " | " + error.hint();
    }
    return std::string("accepted");
  };
  const std::string two = "[{cpus: 1, memory: 1G}, {cpus: 1, memory: 1G}]";
  EXPECT_EQ(shown("[{cpus: 1}]", "[[10]]"), "begins here | add `memory: …`");
  EXPECT_EQ(shown("[{cpus: 0, memory: 1G}]", "[[10]]"),
            "each of them has `cpus: 0` | give at least one node `cpus: 1`");
  EXPECT_EQ(shown("[{cpus: 65, memory: 1G}]", "[[10]]"), "is too large | write a number from 0 to 64");
  EXPECT_EQ(shown("[{cpus: 1, memory: 1T}]", "[[10]]"), "is none | write it like 512M or 2G");
  EXPECT_EQ(shown("[]", "[]"), "has 0 | write more");
  EXPECT_EQ(shown("[{cpus: 1, memory: 1G}, {cpus: 2, memory: 1G}]", "[[10, 20], [20, 10]]"),
            "has 2, and another one 1 | write `cpus: 1`, or `cpus: 0` for a node of memory alone");
  EXPECT_EQ(shown(two, "[[10, 20], [21, 10]]"),
            "node 0 to node 1; back it is 21 | write the same number both ways, 11 or more");
  EXPECT_EQ(shown(two, "[[20, 20], [20, 10]]"), "is how far node 0 is from itself | write 10");
  EXPECT_EQ(shown(two, "[[10, 20]]"), "has 1 | write a row a node, and in each row a number a node");
}

TEST(Topology, ShowsWhereTiersContradictSpeeds) {
  EXPECT_EQ(rendered("hmat:\n" + kLocal + kRemote + "tiers: [[1], [0]]\n"),
            R"(error[R0110]: node 0 is not slower than node 1
    ┌─ x.yaml:11:14
11│ tiers: [[1], [0]]
  │              ^ contradicts `hmat`
  = help: write the fastest tier first
)");
  EXPECT_EQ(rendered("tiers: [[0], [1]]\n"), R"(error[R0110]: `tiers` has 2 tiers and there is no `hmat`
   ┌─ x.yaml:8:8
8│ tiers: [[0], [1]]
 │        ^ without latencies the kernel puts all memory into one tier
  = help: add `hmat`, or leave `tiers` away
)");
  EXPECT_THAT(rendered("tiers: [[0]]\n"), HasSubstr("`tiers` places 1 of 2 nodes\n"));
  EXPECT_THAT(rendered("tiers: [[0, 0, 1]]\n"), HasSubstr("`tiers` must have 1 to 2 items\n"));
  EXPECT_THAT(rendered("tiers: [[0], [0]]\n"), HasSubstr("node 0 stands twice in `tiers`\n"));
  EXPECT_THAT(rendered("tiers: [[0, 7]]\n"), HasSubstr("`tiers` must lie between 0 and 1\n"));
}

}  // namespace
}  // namespace ainode
