// SPDX-License-Identifier: Apache-2.0
// Loops and chase on this machine, nodes as files tell of them, mistakes by name, and the static program itself.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bench/memory/commands.h"

namespace ainode::memory {
namespace {

using checks::MemoryWork;
using checks::NumaNode;

constexpr std::uint64_t kMiB = 1U << 20;

NumaNode here() {
  const std::vector<NumaNode> nodes = checks::read_numa_nodes();
  for (const NumaNode& node : nodes)
    if (!node.cpus.empty() && node.free_bytes > 0) return node;
  return {};
}

TEST(MemorySpeed, OfEachWorkHasItsSamplesAndHoldsWhatItMust) {
  const NumaNode node = here();
  for (const MemoryWork work : checks::kMemoryWorks) {
    const checks::MemoryRun run = checks::measure_memory_speed(node, node, {work, kMiB, 1, 3});
    EXPECT_EQ(run.problem, "") << name_of(work);
    EXPECT_FALSE(run.is_wrong) << name_of(work);
    EXPECT_EQ(run.samples.size(), 3U) << name_of(work);
    EXPECT_EQ(run.bytes, kMiB);
    EXPECT_EQ(run.threads, 1U);
    for (const double sample : run.samples) EXPECT_GT(sample, 0);
  }
}

TEST(MemorySpeed, CountsBytesAsStreamDoes) {
  EXPECT_EQ(bytes_moved(MemoryWork::copy, 8), 16U);  // of one element
  EXPECT_EQ(bytes_moved(MemoryWork::scale, 8), 16U);
  EXPECT_EQ(bytes_moved(MemoryWork::add, 8), 24U);
  EXPECT_EQ(bytes_moved(MemoryWork::triad, 8), 24U);
}

TEST(MemorySpeed, IsNotMeasuredWithoutProcessorsOrMemory) {
  NumaNode from = here(), to = from;
  to.free_bytes = 2 * kMiB;
  EXPECT_EQ(checks::measure_memory_speed(from, to, {MemoryWork::triad, kMiB, 1, 1}).problem,
            fmt::format("node {} has too little free memory", to.id));
  from.cpus.clear();
  EXPECT_EQ(checks::measure_memory_speed(from, to, {}).problem,
            fmt::format("this process may run on no processor of node {}", from.id));
}

/// Arrays are four times the last caches, unless less is free: then half of that, for all arrays together.
TEST(MemorySpeed, ChoosesItsSizeByTheCaches) {
  NumaNode node = here();
  node.cpus.resize(1);
  node.cache_bytes = kMiB;
  EXPECT_EQ(checks::measure_memory_speed(node, node, {MemoryWork::copy, 0, 1, 1}).bytes, 4 * kMiB);
  NumaNode small = node;
  small.free_bytes = 12 * kMiB;
  EXPECT_EQ(checks::measure_memory_speed(node, small, {MemoryWork::triad, 0, 1, 1}).bytes, 2 * kMiB);
}

/// A machine as files below a directory tell of it.
class Machine : public testing::Test {
 protected:
  Machine() {
    std::string name = std::filesystem::temp_directory_path() / "ainode-memory-XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~Machine() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::vector<NumaNode> nodes() const { return checks::read_numa_nodes(root_.string()); }
  std::filesystem::path root_;
};

TEST_F(Machine, HasNodesWithProcessorsMemoryAndLastCaches) {
  const std::string cpu = std::to_string(here().cpus.at(0));
  write("sys/devices/system/node/online", "0,2\n");
  write("sys/devices/system/node/node0/cpulist", cpu + "\n");
  write("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:  2048 kB\nNode 0 MemFree:  1024 kB\n");
  write("sys/devices/system/node/node2/cpulist", "\n");
  write("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:  4096 kB\nNode 2 MemFree:  4000 kB\n");
  const std::string caches = "sys/devices/system/cpu/cpu" + cpu + "/cache/";
  write(caches + "index0/level", "1\n"), write(caches + "index0/size", "32K\n");
  write(caches + "index3/level", "3\n"), write(caches + "index3/size", "16384K\n");
  const std::vector<NumaNode> found = nodes();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].cpus.size(), 1U);
  EXPECT_EQ(found[0].total_bytes, 2 * kMiB);
  EXPECT_EQ(found[0].free_bytes, kMiB);
  EXPECT_EQ(found[0].cache_bytes, 16 * kMiB);
  EXPECT_EQ(found[1].id, 2);
  EXPECT_TRUE(found[1].cpus.empty());
}

TEST_F(Machine, WithoutNumaIsOneNode) {
  write("sys/devices/system/cpu/online", std::to_string(here().cpus.at(0)) + "\n");
  write("proc/meminfo", "MemTotal:  4096 kB\nMemFree:  1024 kB\n");
  const std::vector<NumaNode> found = nodes();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].is_bound);
  EXPECT_EQ(found[0].cpus.size(), 1U);
  EXPECT_EQ(found[0].total_bytes, 4 * kMiB);
}

/// Node 0 has a processor and little memory, node 1 memory alone, node 2 nothing but a processor.
std::vector<NumaNode> three_nodes() {
  return {{0, true, {0}, 8 * kMiB, 4 * kMiB, kMiB}, {1, true, {}, 8 * kMiB, 8 * kMiB, 0}, {2, true, {1}, 0, 0, kMiB}};
}

struct Case {
  std::vector<std::string> arguments;
  std::string message;
  Exit exit = Exit::usage;
};

TEST(Options, AreRefusedByName) {
  for (const Case& one : std::vector<Case>{
           {{}, "a command is missing"},
           {{"sing"}, "sing: is none of run, nodes"},
           {{"run", "fast"}, "fast: is not known here"},
           {{"run", "--size"}, "--size: needs a value"},
           {{"run", "--size", "64"}, "--size 64: is no size like 512K, 64M or 2G"},
           {{"run", "--size", "-1M"}, "--size -1: is no number from 1 to 1073741824"},
           {{"run", "--size", "32K"}, "--size 32K: is less than 64K"},
           {{"run", "--size", "99999999999G"}, "--size 99999999999: is no number from 1 to 1048576"},
           {{"run", "--threads", "two"}, "--threads two: is no number from 1 to 4096"},
           {{"run", "--repeat", "0"}, "--repeat 0: is no number from 1 to 10000"},
           {{"run", "--work", "triad,tri"}, "--work tri: is none of copy, scale, add, triad, chase"},
           {{"run", "--from", "7"}, "--from 7: is no node of this machine; there are 0, 1, 2"},
           {{"run", "--from", "1"}, "--from 1: this node has no processors"},
           {{"run", "--to", "2"}, "--to 2: this node has no memory"},
           {{"run", "--to", "0", "--size", "3M"}, "--size: triad needs 9 MiB, and node 0 has 8 MiB"},
           {{"run", "--to", "0", "--size", "2M"},
            "--size: triad needs 6 MiB, and node 0 has 4 MiB free",
            Exit::environment},
           {{"run", "--threads", "2"}, "--threads 2: this process may use 1 processors of node 0", Exit::environment},
       }) {
    try {
      Options options = parse_options(one.arguments);
      if (options.bytes > 0) options.works = {MemoryWork::triad};
      run_command(options, three_nodes());
      ADD_FAILURE() << one.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), one.message);
      EXPECT_EQ(error.exit(), one.exit) << one.message;
    }
  }
}

/// What the program printed, and its exit status.
std::pair<std::string, int> program(const std::string& arguments) {
  const std::string command = AINODE_BINARY_DIR "/ainode-memory " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), size);
  return {text, WEXITSTATUS(pclose(pipe))};
}

TEST(Program, MeasuresAndPrintsOneLineOfJson) {
  const std::string node = std::to_string(here().id);
  const auto [text, status] =
      program("run --from " + node + " --to " + node + " --work triad,chase --size 1M --threads 1 --repeat 2 --json");
  EXPECT_EQ(status, 0) << text;
  EXPECT_TRUE(text.starts_with(R"({"command":"run","measured":[{"from":)" + node + R"(,"to":)" + node +
                               R"(,"work":"triad","unit":"MB/s","best":)"))
      << text;
  EXPECT_NE(text.find(R"("threads":1,"array_bytes":1048576,"moved_bytes":3145728,)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("work":"chase","unit":"ns")"), std::string::npos) << text;
  EXPECT_EQ(program("nodes").second, 0);
  EXPECT_EQ(program("run --size none").second, 2);
  EXPECT_EQ(program("nodes >/dev/full").second, 3);
}

}  // namespace
}  // namespace ainode::memory
