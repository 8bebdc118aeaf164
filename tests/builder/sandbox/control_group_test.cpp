// SPDX-License-Identifier: Apache-2.0
// Where a control group can be made, read from texts of several hosts; and that none stays.
#include "builder/sandbox/control_group.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>

#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;
using Places = std::vector<fs::path>;

const char* const kSystemd = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const char* const kLegacy =
    "31 23 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "32 23 0:28 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n";

TEST(ControlGroupPlaces, VersionTwoBesideOrAtTheOwnGroup) {
  EXPECT_EQ(
      control_group_places(kSystemd, "0::/user.slice/user-0.slice/session-1.scope\n"),
      (Places{"/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope", "/sys/fs/cgroup/user.slice/user-0.slice"}));
  EXPECT_EQ(control_group_places(kSystemd, "0::/\n"), Places{"/sys/fs/cgroup"});
}

TEST(ControlGroupPlaces, VersionOneBelowTheOwnGroup) {
  EXPECT_EQ(control_group_places(kLegacy, "3:pids:/a\n2:cpu,cpuacct:/b\n0::/c\n"), Places{"/sys/fs/cgroup/pids/a"});
}

TEST(ControlGroupPlaces, AContainersMountShowsAPartOfTheHierarchy) {
  const std::string part = "32 23 0:28 /docker/ab /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  EXPECT_EQ(control_group_places(part, "3:pids:/docker/ab\n"), Places{"/sys/fs/cgroup/pids"});
  EXPECT_EQ(control_group_places(part, "3:pids:/docker/ab/c\n"), Places{"/sys/fs/cgroup/pids/c"});
  EXPECT_EQ(control_group_places(part, "3:pids:/elsewhere\n"), Places{});
}

TEST(ControlGroupPlaces, NoneWithoutAHierarchy) {
  EXPECT_EQ(control_group_places("", "0::/\n"), Places{});
  EXPECT_EQ(control_group_places(kSystemd, ""), Places{});
  EXPECT_EQ(control_group_places("nonsense\n\n", "nonsense\n::\n"), Places{});
}

/// The groups that exist at any of this process's places and were made by the process `maker`.
int groups_of(pid_t maker) {
  int count = 0;
  std::error_code error;
  const std::string prefix = "ainode-" + std::to_string(maker) + "-";
  for (const fs::path& place : control_group_places(slurp("/proc/self/mountinfo"), slurp("/proc/self/cgroup"))) {
    for (const auto& entry : fs::directory_iterator(place, error))
      count += entry.path().filename().string().rfind(prefix, 0) == 0;
  }
  return count;
}

TEST(ControlGroup, IsGoneWithItsObjectAndOneLeftByAKilledProcessWithTheNext) {
  if (!ControlGroup(8).exists()) GTEST_SKIP() << "no control group can be made here";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t killed = fork();
  if (killed == 0) {
    const ControlGroup group(8);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  // While its maker lives, nobody takes it away.
  {
    const ControlGroup beside(8);
    EXPECT_EQ(groups_of(killed), 1);
    EXPECT_EQ(groups_of(getpid()), 1);
  }
  EXPECT_EQ(groups_of(killed), 1);
  EXPECT_EQ(groups_of(getpid()), 0);
  kill(killed, SIGKILL);
  waitpid(killed, nullptr, 0);
  const ControlGroup next(8);
  EXPECT_EQ(groups_of(killed), 0);
}

/// Whoever makes a group removes abandoned ones, and must not take one that its maker is about to lock.
TEST(ControlGroup, AreMadeByManyAtOnceAndNoneIsMissing) {
  if (!ControlGroup(8).exists()) GTEST_SKIP() << "no control group can be made here";
  std::vector<pid_t> makers;
  for (int maker = 0; maker < 8; ++maker) {
    makers.push_back(fork());
    if (makers.back() != 0) continue;
    int missing = 0;
    for (int round = 0; round < 200; ++round) missing += ControlGroup(8).exists() ? 0 : 1;
    _exit(missing == 0 ? 0 : 1);
  }
  for (const pid_t maker : makers) {
    int status = -1;
    waitpid(maker, &status, 0);
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace ainode
