// SPDX-License-Identifier: Apache-2.0
// Every check ships a defect that it must catch.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/validators/machines/test_disk.h"
#include "validators/checks/catalog.h"
#include "validators/controls/control.h"
#include "validators/tree/tree_checks.h"

namespace ainode::controls {
namespace {

using Ids = std::set<std::string, std::less<>>;

Ids caught_by(const auto& controls) {
  Ids ids;
  for (const Control& control : controls) ids.insert(control.catches.begin(), control.catches.end());
  return ids;
}

Ids known() {
  Ids ids;
  for (const checks::Check& check : checks::all_checks()) ids.insert(std::string(check.id));
  for (const checks::Check& check : tree::tree_only_checks()) ids.insert(std::string(check.id));
  return ids;
}

TEST(Controls, EachCheckOfANodeHasOneInAGuest) {
  const Ids caught = caught_by(guest_controls());
  const auto exempt = without_control();
  for (const checks::Check& check : checks::all_checks()) {
    const bool is_exempt = std::find(exempt.begin(), exempt.end(), check.id) != exempt.end();
    EXPECT_NE(caught.contains(check.id), is_exempt) << check.id;
  }
}

TEST(Controls, EachCheckOfFilesHasOneInATree) {
  const Ids caught = caught_by(tree_controls());
  for (const checks::Check& check : checks::all_checks())
    if (check.where != checks::Where::node) EXPECT_TRUE(caught.contains(check.id)) << check.id;
  for (const checks::Check& check : tree::tree_only_checks()) EXPECT_TRUE(caught.contains(check.id)) << check.id;
}

TEST(Controls, NameWhatThereIsOnce) {
  const Ids ids = known();
  const auto hold = [&](const auto& controls) {
    Ids names;
    for (const Control& control : controls) {
      EXPECT_TRUE(names.insert(std::string(control.name)).second) << control.name;
      EXPECT_EQ(control.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos);
      for (const auto& list : {control.catches, control.may})
        for (const std::string_view id : list) EXPECT_TRUE(ids.contains(id)) << control.name << ": " << id;
    }
  };
  hold(guest_controls());
  hold(tree_controls());
}

TEST(Controls, HavePlaceWhereTheImageAndTheMachineGiveOne) {
  checks::Expected bare;
  EXPECT_EQ(planting_of({"one-node", "small-pool", "lost-peer", "other-account"}, bare).arguments.size(), 0u);
  EXPECT_EQ(planting_of({"small-pool", "lost-peer", "other-account"}, bare).early, "");
  checks::Expected full;
  full.topology.nodes = {{{0}, 1u << 30}, {{1}, 1u << 30}};
  full.declared = {{"mem.hugepages", {{"size", "2M"}, {"count", 64}, {"even", true}}, ""},
                   {"system.accounts", {{"group", "kvm"}, {"id", 107}}, ""},
                   {"storage.mounts", {{"id", "root"}}, ""}};
  const Planting planting =
      planting_of({"one-node", "small-memory", "small-pool", "other-account", "lost-partition", "other-release"}, full);
  EXPECT_EQ(planting.arguments, (std::vector<std::string>{"numa=off", "mem=1741M"}));
  EXPECT_NE(planting.early.find("echo 63 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), std::string::npos);
  EXPECT_NE(planting.early.find("s/^kvm:x:[0-9]*:/kvm:x:64999:/"), std::string::npos) << planting.early;
  EXPECT_NE(planting.late.find("by-partlabel/root"), std::string::npos);
  EXPECT_NE(planting.early.find("/proc/sys/kernel/osrelease"), std::string::npos);
}

TEST(Controls, AWeightIsWrittenWhereTheKernelHasItsOwn) {
  checks::Expected expected;
  expected.topology.accesses = {{0, 0, 10, 40960}};
  const auto script = [&](const char* release) {
    expected.kernel_release = release;
    return planting_of({"other-weight"}, expected).early;
  };
  for (const char* release : {"6.16.0-1-amd64", "7.3.4+deb13-amd64"})
    EXPECT_NE(script(release).find("echo 1 >/sys/kernel/mm/mempolicy/weighted_interleave/node0"), std::string::npos);
  for (const char* release : {"6.12.90+deb13-amd64", "5.19", "", "next"}) EXPECT_EQ(script(release), "") << release;
  expected.topology.accesses.clear();
  EXPECT_EQ(script("7.3.4"), "");
}

TEST(Controls, EachScriptIsOneThatAShellReads) {
  checks::Expected expected;
  expected.kernel_release = "6.16.3";
  expected.commit = std::string(64, 'a');
  expected.initrd_modules = {"virtio_blk", "erofs"};
  expected.topology.nodes = {{{0}, 1u << 30}, {{1}, 1u << 30}};
  expected.topology.accesses = {{0, 0, 10, 40960}};
  expected.topology.devices = {{"1b36", "0010", "nvme", 1u << 24, 1}};
  expected.declared = {{"kernel.config", {{"CGROUPS", "y"}}, ""},
                       {"kernel.sysctl", {{"path", "/proc/sys/vm/swappiness"}}, ""},
                       {"kernel.modules", {{"load", "loop"}}, ""},
                       {"kernel.module-parameters", {{"module", "usb-storage"}, {"parameter", "quirks"}}, ""},
                       {"mem.hugepages", {{"size", "1G"}, {"count", 0}}, ""},
                       {"mem.thp", "never", ""},
                       {"numa.balancing", true, ""},
                       {"numa.reclaim", false, ""},
                       {"cpu.isolated", "1", ""},
                       {"cpu.tickless", "1", ""},
                       {"cpu.interrupts", "0", ""},
                       {"system.limits", {{"property", "DefaultLimitNOFILE"}, {"value", "1024"}}, ""},
                       {"storage.scheduler", {{"devices", "vd*"}, {"read_ahead_kib", 256}}, ""},
                       {"storage.mounts", {{"id", "root"}}, ""},
                       {"system.enabled", "a.service", ""},
                       {"system.masked", "b.timer", ""},
                       {"driver.extra-modules", {{"module", "own"}}, ""},
                       {"driver.extra-modules", {{"module", "test_hmm"}}, ""},
                       {"system.accounts", {{"user", "node"}, {"id", 900}}, ""},
                       {"image.deployed", {{"signatures_sha256", ""}}, ""},
                       {"image.files", {{"path", "/etc/x"}}, ""},
                       {"containers.runs", {{"runtime", "podman"}}, ""},
                       {"security.setuid-list", Json::array(), ""},
                       {"security.listening-ports", Json::array(), ""},
                       {"security.audit", true, ""},
                       {"net.settings", {{"driver", "ice"}}, ""},
                       {"containers.cdi", {{"device", "a.com/b=0"}}, ""},
                       {"security.lsm", Json::array(), ""},
                       {"security.lockdown", "integrity", ""}};
  for (const GuestControl& control : guest_controls()) {
    EXPECT_TRUE(has_place(control, expected)) << control.name;
    const Planting planting = planting_of({std::string(control.name)}, expected);
    for (const std::string& script : {planting.early, planting.late})
      EXPECT_NO_THROW(run_program({"sh", "-n", "-c", script})) << script;
  }
}

}  // namespace
}  // namespace ainode::controls
