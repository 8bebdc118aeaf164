// SPDX-License-Identifier: Apache-2.0
#include "validators/available_memory.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace ainode {
namespace {

class AvailableMemory : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    make_directories((root_.path() / file).parent_path());
    write_file(root_.path() / file, text);
  }
  std::optional<std::uint64_t> found() const { return available_memory(root_.path()); }

  TemporaryDirectory root_{testing::TempDir()};
};

TEST_F(AvailableMemory, IsWhatTheKernelHasLeft) {
  EXPECT_EQ(found(), std::nullopt);
  write("proc/meminfo", "MemTotal:       8000 kB\nMemAvailable:   5000 kB\n");
  EXPECT_EQ(found(), 5000U * 1024);
}

TEST_F(AvailableMemory, IsWhatTheTightestOfTheControlGroupsLeaves) {
  write("proc/meminfo", "MemAvailable:   5000 kB\n");
  write("proc/self/cgroup", "4:memory:/old\n0::/job/part\n");
  write("sys/fs/cgroup/job/part/memory.max", "max\n");
  write("sys/fs/cgroup/job/part/memory.current", "1000\n");
  EXPECT_EQ(found(), 5000U * 1024) << "no limit, and files that are missing";
  write("sys/fs/cgroup/job/memory.max", "3000000\n");
  write("sys/fs/cgroup/job/memory.current", "1200000\n");
  EXPECT_EQ(found(), 1800000U);
  write("sys/fs/cgroup/job/memory.stat", "anon 900000\ninactive_file 200000\nactive_file 100000\n");
  EXPECT_EQ(found(), 2100000U) << "pages of files make room";
  write("sys/fs/cgroup/job/part/memory.max", "900\n");
  EXPECT_EQ(found(), 0U) << "more is used than allowed";
}

TEST_F(AvailableMemory, LooksAtTheTopmostGroupOfAContainer) {
  write("proc/meminfo", "MemAvailable:   5000 kB\n");
  write("proc/self/cgroup", "0::/../../elsewhere\n");
  write("sys/fs/cgroup/memory.max", "4096\n");
  EXPECT_EQ(found(), 4096U);
}

}  // namespace
}  // namespace ainode
