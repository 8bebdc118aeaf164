// SPDX-License-Identifier: Apache-2.0
// The expected document survives writing and reading, and says what is wrong with it.
#include "validators/checks/expected.h"

#include <gtest/gtest.h>

namespace ainode::checks {
namespace {

Expected everything() {
  Expected expected;
  expected.commit = std::string(64, 'a');
  expected.kernel_release = "6.12";
  expected.kernel_cmdline = {"quiet"};
  expected.initrd_modules = {"virtio_blk"};
  expected.declared = {{"kernel.timer", 250, "a.yaml:1:2"}};
  expected.topology.nodes = {{{0, 1}, 1 << 30}, {{}, 1 << 29}};
  expected.topology.distances = {{10, 21}, {21, 10}};
  expected.topology.accesses = {{0, 0, 10, 40960}, {0, 1, 150, 10240}};
  expected.topology.tiers = {{0}, {1}};
  expected.topology.iommu = "amd";
  expected.topology.devices = {{"1af4", "1042", "virtio-pci"}, {"1234", "11e8", "", 0, 1}};
  expected.topology.memory_tolerance = 0.125;
  expected.harness_cmdline = {"console=ttyS0"};
  expected.profiles = {"boot"};
  expected.nonce = "n";
  expected.emulated = false;
  return expected;
}

TEST(Expected, IsReadAsItWasWritten) {
  const std::string text = write_expected(everything());
  const ReadExpected read = read_expected(text);
  ASSERT_EQ(read.problem, "");
  EXPECT_EQ(write_expected(*read.value), text);
  EXPECT_EQ(read.value->topology.nodes[1].memory_bytes, 1U << 29);
  EXPECT_EQ(read.value->topology.iommu, "amd");
  EXPECT_EQ(read.value->topology.devices[0].numa_node, std::nullopt);
  EXPECT_EQ(read.value->topology.devices[1].numa_node, 1);
  EXPECT_EQ(read.value->topology.local_access(1).latency_ns, 150);
  EXPECT_EQ(read.value->topology.tiers, everything().topology.tiers);
  EXPECT_EQ(read.value->declaration("kernel.timer")->place, "a.yaml:1:2");
  EXPECT_EQ(read.value->declaration("kernel.config"), nullptr);
  EXPECT_FALSE(read.value->emulated);
}

TEST(Expected, TakesTheImagesPartFromTheManifest) {
  Manifest manifest;
  manifest.commit = "c";
  manifest.kernel_release = "6.12";
  manifest.kernel_cmdline = {"quiet"};
  manifest.initrd_modules = {"overlay"};
  manifest.profiles = {"boot"};
  manifest.declared = {{"systemd.default-target", "multi-user.target", "a.yaml:3:1"}};
  const Expected expected = expected_of(manifest);
  EXPECT_EQ(expected.commit + expected.kernel_release, "c6.12");
  EXPECT_EQ(expected.kernel_cmdline, manifest.kernel_cmdline);
  EXPECT_EQ(expected.initrd_modules, manifest.initrd_modules);
  EXPECT_EQ(expected.profiles, manifest.profiles);
  EXPECT_EQ(expected.declaration("systemd.default-target")->expected, "multi-user.target");
}

/// The document with one member replaced, or removed when `value` is null.
std::string problem_with(const char* section, const char* key, const Json& value) {
  Json document = Json::parse(write_expected(everything()));
  Json& object = *section == '\0' ? document : document[section];
  if (value.is_null()) {
    object.erase(key);
  } else {
    object[key] = value;
  }
  return read_expected(document.dump()).problem;
}

TEST(Expected, SaysWhatIsMissingOrMistyped) {
  EXPECT_EQ(problem_with("", "nonce", ""), "the nonce in expected.json is empty");
  EXPECT_EQ(problem_with("image", "commit", 7), "`commit` in expected.json has the wrong type");
  EXPECT_EQ(problem_with("topology", "distances", {1, 2}), "`distances` in expected.json has the wrong type");
  EXPECT_EQ(problem_with("harness", "cmdline", nullptr), "expected.json has no `cmdline`");
  EXPECT_NE(read_expected("{").problem.find("expected.json is not what the harness writes"), std::string::npos);
  EXPECT_NE(read_expected("[]").problem, "");
}

}  // namespace
}  // namespace ainode::checks
