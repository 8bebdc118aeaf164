// SPDX-License-Identifier: Apache-2.0
// Devices with their drivers, modules with their version magic, taints with their modules.
#include <array>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

Files device(const std::string& address, const std::string& id, const std::string& driver) {
  const std::string path = "/sys/bus/pci/devices/" + address;
  Files files = {{path + "/vendor", "0x1af4\n"}, {path + "/device", "0x" + id + "\n"}};
  if (!driver.empty()) files[path + "/driver"] = "-> ../../../../bus/pci/drivers/" + driver;
  return files;
}

Expected two_disks() {
  Expected expected = two_nodes();
  expected.topology.devices = {{"1af4", "1042", "virtio-pci"}, {"1af4", "1042", "virtio-pci"}};
  return expected;
}

TEST(DriverBound, PassesWhenEachDeviceHasItsDriver) {
  auto files = device("0000:00:02.0", "1042", "virtio-pci");
  files.merge(device("0000:00:03.0", "1042", "virtio-pci"));
  files.merge(device("0000:00:04.0", "1050", ""));
  const CheckResult result = judge("driver.bound", RecordedWorld(files), two_disks());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"(["0000:00:02.0 1af4:1042 virtio-pci","0000:00:03.0 1af4:1042 virtio-pci",)"
                                    R"_("0000:00:04.0 1af4:1050 (no driver)"])_");
  EXPECT_EQ(result.expected.dump(), R"(["1af4:1042 virtio-pci, virtio-pci"])");
}

TEST(DriverBound, FailsForAnUnboundAndForAnAbsentDevice) {
  auto files = device("0000:00:02.0", "1042", "virtio-pci");
  EXPECT_EQ(said(judge("driver.bound", RecordedWorld(files), two_disks())),
            "fail: 1af4:1042 has virtio-pci instead of virtio-pci, virtio-pci");
  files.merge(device("0000:00:03.0", "1042", ""));
  EXPECT_EQ(said(judge("driver.bound", RecordedWorld(files), two_disks())),
            "fail: 1af4:1042 has no driver, virtio-pci instead of virtio-pci, virtio-pci");
  EXPECT_EQ(said(judge("driver.bound", RecordedWorld({}), two_disks())),
            "fail: 1af4:1042 has nothing instead of virtio-pci, virtio-pci");
}

TEST(DriverBound, SkipsWithoutDevicesAndOnAnUnknownMachine) {
  EXPECT_EQ(said(judge("driver.bound", RecordedWorld({}), two_nodes())), "skip: the topology names no device");
  EXPECT_EQ(said(judge("driver.bound", RecordedWorld({}), {})), "skip: the machine's topology is not known");
}

std::string module(const std::string& magic) {
  return std::string("\177ELF") + "......" + '\0' + "license=GPL" + '\0' + "vermagic=" + magic + '\0' + "rest";
}

const Json kRelease = {{"kernel_release", "6.12.1-cloud"}};
const std::string kMagic = "6.12.1-cloud SMP preempt mod_unload modversions ";

TEST(DriverVermagic, PassesWhenEveryModuleIsForThisKernel) {
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12.1-cloud/kernel/fs/a.ko", module(kMagic)},
                                  {"/usr/lib/modules/6.12.1-cloud/updates/b.ko", module(kMagic)},
                                  {"/usr/lib/modules/6.12.1-cloud/modules.dep", "kernel/fs/a.ko:\n"}},
                            kRelease);
  const CheckResult result = judge("driver.vermagic", world, {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"modules":2,"vermagic":["6.12.1-cloud SMP preempt mod_unload modversions "]})");
  EXPECT_EQ(result.expected.dump(), R"({"release":"6.12.1-cloud"})");
}

TEST(DriverVermagic, FailsNamingTheModuleOfAnotherKernel) {
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12.1-cloud/kernel/a.ko", module(kMagic)},
                                  {"/usr/lib/modules/6.12.1-cloud/updates/nvidia.ko", module("6.12.0-cloud SMP ")}},
                            kRelease);
  EXPECT_EQ(said(judge("driver.vermagic", world, {})),
            "fail: 1 of 2 modules are not made for kernel 6.12.1-cloud: "
            "/usr/lib/modules/6.12.1-cloud/updates/nvidia.ko: 6.12.0-cloud SMP ");
}

TEST(DriverVermagic, FailsForFilesThatAreNoModules) {
  const std::string path = "/usr/lib/modules/6.12.1-cloud/a.ko";
  const std::string verdict = "fail: 1 of 1 modules are not made for kernel 6.12.1-cloud: ";
  for (const std::string& content :
       {std::string(), std::string("\177ELF"), module("").substr(0, 30), "MZ" + module(kMagic).substr(2)}) {
    EXPECT_EQ(said(judge("driver.vermagic", RecordedWorld(Files{{path, content}}, kRelease), {})),
              verdict + path + ": none");
  }
  EXPECT_EQ(said(judge("driver.vermagic",
                       RecordedWorld(Files{{path + ".xz",
                                            "\xfd"
                                            "7zXZ"}},
                                     kRelease),
                       {})),
            verdict + path + ".xz: none");
}

TEST(DriverVermagic, FailsForAnImageWithoutModules) {
  EXPECT_EQ(said(judge("driver.vermagic", RecordedWorld({}, kRelease), {})), "fail: the image holds no kernel module");
}

TEST(DriverTaint, PassesOnACleanKernel) {
  const RecordedWorld world(Files{{"/proc/sys/kernel/tainted", "0\n"}, {"/sys/module/virtio_blk/taint", "\n"}});
  const CheckResult result = judge("driver.taint", world, {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"taint":0,"modules":{}})");
}

TEST(DriverTaint, FailsNamingLettersAndModules) {
  const RecordedWorld world(Files{{"/proc/sys/kernel/tainted", "12288\n"}, {"/sys/module/nvidia/taint", "OE\n"}});
  EXPECT_EQ(said(judge("driver.taint", world, {})), "fail: the kernel is tainted: OE, by nvidia (OE)");
}

TEST(DriverTaint, FailsForAWarningThatNoModuleCaused) {
  EXPECT_EQ(said(judge("driver.taint", RecordedWorld(Files{{"/proc/sys/kernel/tainted", "512\n"}}), {})),
            "fail: the kernel is tainted: W, by no module");
}

TEST(DriverTaint, AllowsWhatIsDeclaredToTheModulesOfTheRecipe) {
  Expected expected;
  expected.declared = {
      {"driver.taint", 4096, "node.yaml:40:3"},
      {"driver.extra-modules", {{"module", "test-hmm"}, {"file", "/x/test-hmm.ko"}}, "node.yaml:40:3"}};
  Files files = {{"/proc/sys/kernel/tainted", "4096\n"}, {"/sys/module/test_hmm/taint", "O\n"}};
  EXPECT_EQ(said(judge("driver.taint", RecordedWorld(files), expected)), "pass");
  files["/sys/module/nvidia/taint"] = "O\n";
  EXPECT_EQ(said(judge("driver.taint", RecordedWorld(files), expected)),
            "fail: the kernel is tainted by what the recipe does not compile: nvidia (O)");
}

Expected with_extra_module() {
  Expected expected;
  expected.declared = {{"driver.extra-modules",
                        {{"module", "test_hmm"}, {"file", "/usr/lib/modules/6.12.1-cloud/extra/test_hmm.ko"}},
                        "node.yaml:12:5"}};
  return expected;
}

TEST(DriverExtraModules, AreWhereModprobeFindsThem) {
  const RecordedWorld world(
      Files{{"/usr/lib/modules/6.12.1-cloud/extra/test_hmm.ko", "ELF"},
            {"/usr/lib/modules/6.12.1-cloud/modules.dep", "kernel/a.ko:\nextra/test_hmm.ko: kernel/a.ko\n"}},
      kRelease);
  EXPECT_EQ(said(judge("driver.extra-modules", world, with_extra_module())), "pass");
}

TEST(DriverExtraModules, OneThatDepmodDoesNotNameIsTold) {
  const RecordedWorld world(
      Files{{"/usr/lib/modules/6.12.1-cloud/extra/test_hmm.ko", "ELF"},
            {"/usr/lib/modules/6.12.1-cloud/modules.dep", "kernel/a.ko:\nkernel/b.ko: extra/test_hmm.ko\n"}},
      kRelease);
  EXPECT_EQ(said(judge("driver.extra-modules", world, with_extra_module())),
            "fail: modules.dep does not name test_hmm (node.yaml:12:5)");
}

TEST(DriverExtraModules, OneThatIsNotThereIsTold) {
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12.1-cloud/modules.dep", "extra/test_hmm.ko:\n"}}, kRelease);
  EXPECT_EQ(said(judge("driver.extra-modules", world, with_extra_module())),
            "fail: the image lacks /usr/lib/modules/6.12.1-cloud/extra/test_hmm.ko (node.yaml:12:5)");
}

}  // namespace
}  // namespace ainode::checks
