// SPDX-License-Identifier: Apache-2.0
// A driver's parts and their versions, over trees in which one part is another's.
#include "validators/tree/driver_versions.h"

#include <gmock/gmock.h>

#include "tests/validators/checks/recorded_world.h"
#include "tests/validators/tree/test_elf.h"

namespace ainode::tree {
namespace {

using checks::Files;
using checks::Finding;
using checks::RecordedWorld;
using testing::ElementsAre;

const std::string kModule = "/usr/lib/modules/6.12/updates/dkms/nvidia-current.ko";
const std::string kUvm = "/usr/lib/modules/6.12/updates/dkms/nvidia-current-uvm.ko";
const std::string kLibraries = "/usr/lib/x86_64-linux-gnu/";
const std::string kFirmware = "/usr/lib/firmware/nvidia/";
const std::string kOther = kLibraries + "libnvidia-ml.so.535.161.07";

std::string module_of(const std::string& version) {
  return make_module({{}, {}, {"srcversion=1", "version=" + version, "firmware=nvidia/" + version + "/gsp_ga10x.bin"}});
}

/// Both modules, two libraries with the links to them, the firmware, a CDI file; all of 550.163.01.
Files tree() {
  return {{kModule, module_of("550.163.01")},
          {kUvm, make_module({{}, {}, {"version=550.163.01"}})},
          {kLibraries + "nvidia/current/libcuda.so.550.163.01", "x"},
          {kLibraries + "libnvidia-ml.so.550.163.01", "x"},
          {kLibraries + "libnvidia-ml.so.1", "-> libnvidia-ml.so.550.163.01"},
          {kLibraries + "libnvidia-egl-wayland.so.1.1.18", "x"},
          {kFirmware + "550.163.01/gsp_ga10x.bin", "x"},
          {kFirmware + "ga102/gsp/bootloader-535.113.01.bin", "x"},
          {"/etc/cdi/nvidia.json", R"({"mounts": [{"hostPath": "\/usr\/lib\/libcuda.so.550.163.01"}]})"}};
}

Finding find(const Files& files) {
  const RecordedWorld world(files, {{"kernel_release", "6.12"}});
  return userspace_match(world.node(), {});
}

/// "pass" or "verdict: reason".
std::string answer(const Files& files) {
  const Finding finding = find(files);
  return std::string(to_string(finding.verdict)) + (finding.reason.empty() ? "" : ": " + finding.reason);
}

TEST(DriverVersions, PassWhereAllPartsAreOfOne) {
  EXPECT_EQ(answer(tree()), "pass");
}

TEST(DriverVersions, AreShownWithTheNamesThatBearThem) {
  Files files = tree();
  files[kOther] = "x";
  const Finding finding = find(files);
  EXPECT_EQ(finding.expected, Json({{"NVIDIA", {"550.163.01"}}}));
  EXPECT_EQ(finding.measured, Json::parse(R"({"NVIDIA": {
    "550.163.01": {
      "modules": ["/usr/lib/modules/6.12/updates/dkms/nvidia-current-uvm.ko",
                  "/usr/lib/modules/6.12/updates/dkms/nvidia-current.ko"],
      "libraries": ["/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01",
                    "/usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.550.163.01"],
      "firmware": ["/usr/lib/firmware/nvidia/550.163.01"],
      "cdi": ["/etc/cdi/nvidia.json: /usr/lib/libcuda.so.550.163.01"]},
    "535.161.07": {"libraries": ["/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.535.161.07"]}}})"));
}

TEST(DriverVersions, FailForALibraryOfAnother) {
  Files files = tree();
  files[kOther] = "x";
  EXPECT_EQ(answer(files),
            "fail: NVIDIA: 1 of 3 libraries are of 535.161.07, as " + kOther + ", and the modules of 550.163.01");
}

TEST(DriverVersions, FailForAModuleOfAnother) {
  Files files = tree();
  files[kUvm] = make_module({{}, {}, {"version=550.90.07"}});
  EXPECT_EQ(answer(files),
            "fail: NVIDIA: 1 of 2 modules are of 550.90.07, as " + kUvm + ", and the libraries of 550.163.01");
}

TEST(DriverVersions, FailForFirmwareOfAnotherAlone) {
  Files files = tree();
  files.erase(kFirmware + "550.163.01/gsp_ga10x.bin");
  EXPECT_EQ(answer(files), "pass") << "that none is there is the matter of driver.firmware-present";
  files[kFirmware + "535.161.07/gsp_ga10x.bin"] = "x";
  EXPECT_EQ(answer(files), "fail: NVIDIA: 1 of 1 wishes for firmware are of 550.163.01, as " + kModule +
                               ", and the firmware of 535.161.07");
  files["/usr/lib/firmware/updates/nvidia/550.163.01/gsp_ga10x.bin"] = "x";
  EXPECT_EQ(answer(files), "pass");
}

TEST(DriverVersions, FailForACdiFileThatNamesAnother) {
  Files files = tree();
  files["/usr/share/cdi/nvidia.yaml"] =
      "# made for /usr/lib/libcuda.so.535.1.2\n"
      "mounts:\n"
      "- hostPath: /usr/lib/libcuda.so.550.163.01\n"
      "- {hostPath: /lib/firmware/nvidia/535.161.07/gsp_ga10x.bin}\n";
  EXPECT_EQ(answer(files),
            "fail: NVIDIA: 1 of 3 names in CDI files are of 535.161.07, as /usr/share/cdi/nvidia.yaml: "
            "/lib/firmware/nvidia/535.161.07/gsp_ga10x.bin, and the modules of 550.163.01");
}

TEST(DriverVersions, AreNotThoseOfALinkThatLeadsNowhere) {
  Files files = tree();
  files[kOther] = "-> libnvidia-ml.so.535.161.08";
  EXPECT_EQ(answer(files), "pass");
}

TEST(DriverVersions, AreSkippedWhereThereIsNoDriver) {
  const std::string nothing = "skip: no driver of NVIDIA has a module and libraries in the image";
  EXPECT_EQ(answer({}), nothing);
  EXPECT_EQ(answer({{"/usr/lib/modules/6.12/kernel/typec_nvidia.ko", module_of("1.0")},
                    {kLibraries + "stubs/libcuda.so", "x"}}),
            nothing);
}

TEST(DriverVersions, AreToldWhereAPartIsMissing) {
  Files files = tree();
  files.erase(kModule);
  files.erase(kUvm);
  EXPECT_EQ(answer(files),
            "skip: NVIDIA's driver has libraries of 550.163.01 (/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01) "
            "and no module in the image; its firmware is of 550.163.01");
  EXPECT_FALSE(find(files).measured["NVIDIA"].empty());
  EXPECT_EQ(answer({{kModule, module_of("550.163.01")}}),
            "skip: NVIDIA's driver has modules of 550.163.01 (" + kModule + ") and no library in the image");
  EXPECT_EQ(
      answer({{kModule, module_of("550.163.01")}, {kFirmware + "535.161.07/a.bin", "x"}}),
      "fail: NVIDIA: 1 of 1 wishes for firmware are of 550.163.01, as " + kModule + ", and the firmware of 535.161.07");
}

TEST(DriverVersions, AreUnknownWhereFilesDoNotSay) {
  Files files = tree();
  files[kUvm] = make_module({});
  EXPECT_EQ(answer(files), "unmeasurable: NVIDIA: " + kUvm + " does not say its version");
  files[kUvm] = "no module";
  EXPECT_EQ(answer(files), "unmeasurable: NVIDIA: " + kUvm + ": is not a 64-bit ELF file");
  files[kUvm] = make_module({{}, {}, {"version=535.161.07"}});
  files[kOther] = "x";
  EXPECT_EQ(answer(files),
            "unmeasurable: NVIDIA: there are drivers of 535.161.07 and 550.163.01, and files do not say which is used");
}

TEST(DriverModules, AreThoseOfTheTable) {
  Files files = tree();
  files["/usr/lib/modules/6.12/kernel/typec_nvidia.ko"] = "x";
  EXPECT_THAT(driver_modules(RecordedWorld(files).node()), ElementsAre(kUvm, kModule));
}

}  // namespace
}  // namespace ainode::tree
