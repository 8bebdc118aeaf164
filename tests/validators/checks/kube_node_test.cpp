// SPDX-License-Identifier: Apache-2.0
// A node as a kubelet expects it, and each thing that it may lack.
#include <gtest/gtest.h>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

struct World {
  Files files = {{"/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n"},
                 {"/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"},
                 {"/sys/module/overlay/", ""},
                 {"/proc/sys/net/ipv4/ip_forward", "1\n"}};
  Json probes = {
      {"is_read_only", {{"/etc", false}, {"/var/lib", false}}},
      {"run",
       {{"modprobe --dry-run --show-depends br_netfilter",
         {{"status", 0}, {"output", "insmod /lib/modules/x/bridge.ko\ninsmod /lib/modules/x/br_netfilter.ko\n"}}}}}};
  std::string answer() const { return said(judge("containers.kube-node", RecordedWorld(files, probes), {})); }
};

TEST(KubeNode, PassesWithAllThatAKubeletNeeds) {
  EXPECT_EQ(World().answer(), "pass");
}

TEST(KubeNode, FailsForEachThingThatIsMissing) {
  World world;
  world.files["/proc/swaps"] += "/dev/zram0 partition 1 0 100\n";
  EXPECT_EQ(world.answer(), "fail: swap is on: /dev/zram0");
  world = World();
  world.files["/proc/sys/net/ipv4/ip_forward"] = "0\n";
  EXPECT_EQ(world.answer(), "fail: net.ipv4.ip_forward is not 1");
  world = World();
  world.files["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory\n";
  EXPECT_EQ(world.answer(), "fail: cgroup v2 has no controller pids");
  world.files.erase("/sys/fs/cgroup/cgroup.controllers");
  EXPECT_EQ(world.answer(), "fail: /sys/fs/cgroup is not cgroup v2");
  world = World();
  world.probes["run"] = Json::object();
  EXPECT_EQ(world.answer(), "fail: module br_netfilter cannot be loaded");
  world = World();
  world.probes["is_read_only"]["/var/lib"] = true;
  EXPECT_EQ(world.answer(), "fail: /var/lib/kubelet cannot be written");
}

TEST(KubeNode, IsAskedOfImagesWhoseProfilesNameIt) {
  Expected image;
  image.profiles = {"boot"};
  EXPECT_EQ(left_out(check_named("containers.kube-node"), image), GapKind::profile);
  image.profiles = {"boot", "kube-node"};
  EXPECT_EQ(left_out(check_named("containers.kube-node"), image), std::nullopt);
  image.profiles = {"boot"};
  image.only = {"containers.kube-node"};
  EXPECT_EQ(left_out(check_named("containers.kube-node"), image), std::nullopt);
}

}  // namespace
}  // namespace ainode::checks
