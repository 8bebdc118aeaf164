// SPDX-License-Identifier: Apache-2.0
// The real probes on the machine that runs the tests, as far as every Linux has what they need.
#include "validators/checks/local_node.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/files.h"
#include "validators/checks/child_process.h"
#include "validators/checks/module_version.h"
#include "validators/checks/text.h"
#include "validators/checks/unpack.h"

namespace ainode::checks {
namespace {

TEST(LocalNode, ReadsFilesThatSayNoSize) {
  const auto text = LocalNode().read_file("/proc/self/status");
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("\nPid:\t" + std::to_string(getpid()) + "\n"), std::string::npos);
  EXPECT_EQ(LocalNode().read_file("/no/such/file"), std::nullopt);
  EXPECT_EQ(LocalNode().read_file("/proc"), std::nullopt);
}

TEST(LocalNode, ListsSortedAndKnowsDirectories) {
  const auto entries = LocalNode().list("/proc/self");
  for (std::size_t i = 1; i < entries.size(); ++i) EXPECT_LT(entries[i - 1].name, entries[i].name);
  for (const DirectoryEntry& entry : entries) {
    const bool is_one = entry.name == "fd", is_none = entry.name == "status" || entry.name == "cwd";
    EXPECT_TRUE(entry.is_directory ? !is_none : !is_one) << entry.name;
  }
  EXPECT_TRUE(LocalNode().list("/no/such/directory").empty());
}

TEST(LocalNode, RunsTheHarnessesOwnProgramsAndKeepsWhatTheySayOfTheirFailure) {
  const TemporaryDirectory companions(testing::TempDir());
  write_file(companions.path() / "helper", "#!/bin/sh\necho \"$1\"; echo it broke >&2; exit $2\n", 0755);
  const LocalNode node(companions.path());
  const CommandOutcome good = node.run_companion({"helper", "seven", "0"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.output, "seven\n");
  EXPECT_EQ(good.problem, "");
  const CommandOutcome bad = node.run_companion({"helper", "", "3"});
  EXPECT_EQ(bad.status, 3);
  EXPECT_EQ(bad.problem, "it broke");
  EXPECT_NE(node.run_companion({"no-such-helper"}).problem, "");
}

TEST(LocalNode, PlacesPagesOnNodeZero) {
  if (!LocalNode().exists("/sys/devices/system/node/node0")) GTEST_SKIP() << "this kernel has no NUMA";
  const PagePlacement placement = LocalNode().place_pages(0, 16);
  if (placement.problem.find("not permitted") != std::string::npos) GTEST_SKIP() << placement.problem;
  EXPECT_EQ(placement.problem, "");
  EXPECT_EQ(placement.on_node, 16);
  EXPECT_NE((" " + placement.numa_maps + " ").find(" N0=16 "), std::string::npos) << placement.numa_maps;
}

TEST(LocalNode, SaysWhyPagesCannotBePlaced) {
  EXPECT_EQ(LocalNode().place_pages(1000, 16).problem, "mbind: Invalid argument");
}

/// What a probe's problem is for an ordinary user, asked in a process of its own.
std::string problem_of_nobody(std::string (*probe)()) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string problem = setuid(65534) == 0 || geteuid() != 0 ? probe() : "setuid";
    _exit(write(ends[1], problem.data(), problem.size()) < 0);
  }
  close(ends[1]);
  std::string problem(4096, '\0');
  problem.resize(static_cast<std::size_t>(std::max<ssize_t>(read(ends[0], problem.data(), problem.size()), 0)));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return problem;
}

TEST(LocalNode, TellsALackOfRightsFromAFaultOfTheNode) {
  const std::string pools = "/sys/devices/system/node/node0/hugepages";
  if (LocalNode().list(pools).empty()) GTEST_SKIP() << "this kernel has no huge pages";
  const std::string problem = problem_of_nobody([] { return LocalNode().place_huge_pages(0, 2).problem; });
  EXPECT_EQ(problem.rfind(std::string(kOnlyRoot) + pools, 0), 0U) << problem;
}

TEST(LocalNode, SaysWhyHugePagesCannotBePlaced) {
  const HugePages none = LocalNode().place_huge_pages(1000, 2);
  EXPECT_EQ(none.problem, "the node has no pool of huge pages");
}

TEST(LocalNode, ABufferOfAFilesPagesNeedsTheDevice) {
  EXPECT_FALSE(LocalNode().try_file_buffer("/no/such/device").is_present);
  EXPECT_TRUE(LocalNode().try_file_buffer("/dev/null").is_present);
  EXPECT_EQ(LocalNode().try_file_buffer("/dev/null").problem, "UDMABUF_CREATE: Inappropriate ioctl for device");
}

TEST(LocalNode, SaysWhyADevicesDmaCannotBeTried) {
  EXPECT_EQ(LocalNode().try_device_dma("ffff:ff:1f.7").problem, "there is no device ffff:ff:1f.7");
}

TEST(LocalNode, SaysWhyNothingReachesAPeer) {
  EXPECT_EQ(LocalNode().transfer_to_peer("ffff:ff:1f.7", "/dev/null", false).problem,
            "/sys/bus/pci/devices/ffff:ff:1f.7/p2pmem/allocate: No such file or directory");
}

TEST(LocalNode, MovesPagesToTheNodeTheyLieOn) {
  for (const Migration way : {Migration::by_page, Migration::by_process}) {
    const PageMove move = LocalNode().move_pages(0, 0, 16, way);
    if (move.problem.find("not permitted") != std::string::npos) GTEST_SKIP() << move.problem;
    EXPECT_EQ(move.problem, "");
    EXPECT_EQ(move.arrived, 16);
    EXPECT_TRUE(move.is_intact);
  }
  EXPECT_EQ(LocalNode().move_pages(1000, 0, 16, Migration::by_page).problem, "mbind: Invalid argument");
  EXPECT_EQ(LocalNode().move_pages(0, 4096, 16, Migration::by_page).problem, "mbind: Invalid argument");
}

TEST(LocalNode, SpreadsPagesOverTheNodesGiven) {
  const PageSpread spread = LocalNode().spread_pages({0}, 16, Spread::interleave);
  if (spread.problem.find("not permitted") != std::string::npos) GTEST_SKIP() << spread.problem;
  EXPECT_EQ(spread.problem, "");
  EXPECT_EQ(spread.on_node, (std::map<int, int>{{0, 16}}));
  EXPECT_NE(LocalNode().spread_pages({-1}, 16, Spread::interleave).problem, "");
}

TEST(LocalNode, KnowsOneDirectoryByTwoNames) {
  EXPECT_EQ(LocalNode().is_same_directory("/proc/self/root/usr", "/usr"), true);
  EXPECT_EQ(LocalNode().is_same_directory("/usr", "/proc"), false);
  EXPECT_EQ(LocalNode().is_same_directory("/usr", "/no/such"), std::nullopt);
}

TEST(LocalNode, SaysThatAHeapIsAbsent) {
  EXPECT_FALSE(LocalNode().try_heap("/no/such/heap").is_present);
}

TEST(RunChild, GivesOutputAndStatus) {
  std::string output, errors;
  const ChildOutcome outcome = run_child(
      {"sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(60),
      [&](std::string_view piece) { output += piece; }, [&](std::string_view piece) { errors += piece; });
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(output, "out\n");
  EXPECT_EQ(errors, "err\n");
}

TEST(RunChild, EndsAtItsDeadlineWithAllItsChildren) {
  const ChildOutcome outcome = run_child({"sh", "-c", "sleep 1000 & sleep 1000"}, std::chrono::seconds(1), nullptr);
  EXPECT_EQ(outcome.problem, "sh did not end in 1 s");
  EXPECT_EQ(outcome.status, 137);
}

TEST(RunChild, EndsAProgramThatClosedItsOutputAndGoesOn) {
  const ChildOutcome outcome = run_child({"sh", "-c", "exec >&- 2>&-; sleep 1000"}, std::chrono::seconds(1), nullptr);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.status, 137);
}

TEST(RunChild, GivesNoTimeAtAllToo) {
  EXPECT_TRUE(run_child({"sleep", "1000"}, std::chrono::seconds(0), nullptr).timed_out);
}

TEST(RunChild, GivesInputThatNobodyNeedRead) {
  const std::string input = std::string(1 << 20, 'x') + "end";
  std::string output;
  const auto take = [&](std::string_view piece) { output += piece; };
  EXPECT_EQ(run_child({"cat"}, std::chrono::seconds(60), take, nullptr, input).status, 0);
  EXPECT_EQ(output, input);
  EXPECT_EQ(run_child({"true"}, std::chrono::seconds(60), nullptr, nullptr, input).status, 0);
}

TEST(RunChild, TellsAProgramThatIsNotThereFromOneThatSaysSo) {
  const ChildOutcome outcome = run_child({"sh", "-c", "exit 127"}, std::chrono::seconds(60), nullptr);
  EXPECT_EQ(outcome.problem, "");
  EXPECT_EQ(outcome.status, 127);
}

TEST(RunChild, SaysThatAProgramIsNotThere) {
  EXPECT_EQ(run_child({"no-such-program"}, std::chrono::seconds(60), nullptr).problem,
            "no-such-program could not be started");
  EXPECT_EQ(run_child({}, std::chrono::seconds(60), nullptr).problem, "no program was named");
}

TEST(Text, ReadsSizesOfHugePages) {
  EXPECT_EQ(kibibytes("64K"), 64);
  EXPECT_EQ(kibibytes("2M"), 2048);
  EXPECT_EQ(kibibytes("1G"), 1 << 20);
  for (const char* bad : {"", "M", "2", "2T", "-M", "2 M", "abcM"}) EXPECT_EQ(kibibytes(bad), std::nullopt) << bad;
}

TEST(Text, ReadsIdListsStrictly) {
  EXPECT_EQ(parse_id_list("0-2,5\n"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_id_list("\n"), std::vector<int>{});
  for (const char* bad : {"x", "1-", "-1", "3-1", "0-99999999999", "1 2"})
    EXPECT_EQ(parse_id_list(bad), std::nullopt) << bad;
}

// python3: lzma.compress(b"\x7fELF" + b"." * 70000 + b"\0vermagic=6.12 SMP \0tail", check=lzma.CHECK_CRC32)
const std::string kPackedModule(
    "\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3"
    "\xe1\x11\x8b\x00\x6c\x5d\x00\x3f\x91\x45\x84\x69\xd1\x93\xdb\xa3\x68\x43\x43\xa2\x4b\xed\x0e\x7b"
    "\x17\xa7\x0e\x3e\x74\x7b\xe2\xc1\x9f\xe8\x9e\x22\xe5\x4e\xf3\xf4\xac\x29\xf5\x5a\x07\x30\x34\xe0"
    "\x56\xb6\x66\xe7\x47\xd2\x2b\xf9\x30\x91\x09\x39\x18\xa3\xd4\xa7\x88\x47\x9b\xc1\x59\xe9\x74\x6b"
    "\x3c\x76\x06\x11\x64\x4d\x5a\x8f\x5f\xc3\x25\xa5\x17\x5f\xf7\x48\xcd\xcb\xfb\xe7\xd6\x8d\xf7\xc0"
    "\x33\x02\x8b\xa5\xcb\xc5\x1e\x9f\x50\x81\x26\xf8\x01\xbe\xe9\x2f\xe3\xb0\x00\x00\x67\x5d\x37\xe3"
    "\x00\x01\x84\x01\x8c\xa3\x04\x00\x1d\x84\xc9\x63\x3e\x30\x0d\x8b\x02\x00\x00\x00\x00\x01\x59\x5a",
    168);

TEST(LocalNode, MeasuresMemoryThroughAllCachesTenTimes) {
  if (!LocalNode().exists("/sys/devices/system/node/node0")) GTEST_SKIP() << "this kernel has no NUMA";
  for (const MemoryTest test : {MemoryTest::triad, MemoryTest::chase}) {
    const MemorySpeed speed = LocalNode().measure_memory(0, 0, test);
    ASSERT_EQ(speed.problem, "");
    EXPECT_GT(speed.bytes, 0U);
    ASSERT_EQ(speed.samples.size(), 10U);
    for (const double sample : speed.samples) EXPECT_GT(sample, 0);
  }
  EXPECT_EQ(LocalNode().measure_memory(1000, 0, MemoryTest::chase).problem, "node 1000 is not online");
  EXPECT_EQ(LocalNode().measure_memory(0, 1000, MemoryTest::chase).problem, "node 1000 is not online");
}

TEST(LocalNode, CountsEachWakeUpOnce) {
  const WakeupLatency found = LocalNode().measure_wakeups({0}, 1);
  if (!found.problem.empty()) GTEST_SKIP() << found.problem;
  EXPECT_EQ(found.wakeups, 2000U);
  EXPECT_LE(found.median_us, found.p9999_us);
  EXPECT_LE(found.p9999_us, found.max_us);
  int counted = 0;
  for (const auto& [power, count] : found.histogram) counted += count;
  EXPECT_EQ(counted, 2000);
  EXPECT_EQ(LocalNode().measure_wakeups({100000}, 1).problem, "this process may run on none of these processors");
}

TEST(LocalNode, SaysThatThereIsNoDeviceToMirror) {
  EXPECT_FALSE(LocalNode().try_mirror("/no/such/device").is_present);
  EXPECT_EQ(LocalNode().try_mirror("/dev/null").problem, "HMM_DMIRROR_READ: Inappropriate ioctl for device");
}

TEST(Unpack, FindsTheMagicInAPackedModuleAcrossPieces) {
  EXPECT_EQ(version_magic("a.ko.xz", kPackedModule), "6.12 SMP ");
}

TEST(Unpack, FailsForATruncatedModule) {
  EXPECT_EQ(version_magic("a.ko.xz", kPackedModule.substr(0, kPackedModule.size() / 2)), std::nullopt);
  EXPECT_EQ(version_magic("a.ko.xz", ""), std::nullopt);
}

TEST(Unpack, StopsABombAtItsLimit) {
  // python3: gzip.compress(b"\0" * 5000, mtime=0)
  const std::string bomb(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x0a\x3f"
      "\xa0\x00\x00\x00\x00\x80\xb7\x01\xa8\x0e\xe5\xd8\x88\x13\x00\x00",
      40);
  EXPECT_EQ(unpack_gzip(bomb, 5000)->size(), 5000U);
  EXPECT_EQ(unpack_gzip(bomb, 4999), std::nullopt);
  EXPECT_EQ(unpack_gzip(bomb.substr(0, bomb.size() - 9), 5000), std::nullopt);
}

}  // namespace
}  // namespace ainode::checks
