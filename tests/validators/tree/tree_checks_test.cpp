// SPDX-License-Identifier: Apache-2.0
// The checks of an unbooted image, over a tree of small modules.
#include "validators/tree/tree_checks.h"

#include <gmock/gmock.h>

#include "tests/base/signer.h"
#include "tests/validators/checks/recorded_world.h"
#include "tests/validators/tree/test_elf.h"
#include "validators/tree/module_files.h"

namespace ainode::tree {
namespace {

using checks::Expected;
using checks::Files;
using checks::RecordedWorld;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kRoot = "/usr/lib/modules/6.12/";

Expected of_driver() {
  Expected expected;
  expected.profiles = {"driver"};
  return expected;
}

/// "pass" or "verdict: reason".
std::string answer(const std::string& id, const Files& files, const Expected& expected = of_driver()) {
  const RecordedWorld world(files, {{"kernel_release", "6.12"}});
  for (const checks::Check& check : checks_of_tree(expected)) {
    if (check.id != id) continue;
    const CheckResult result = run_check(check, world.node(), expected);
    return std::string(to_string(result.verdict)) + (result.reason.empty() ? "" : ": " + result.reason);
  }
  return "not asked";
}

Files tree() {
  return {{kRoot + "vmlinuz", make_boot_image("6.12", make_vmlinux({{"printk", 1}, {"module_layout", 2}}))},
          {kRoot + "kernel/base.ko", make_module({{{"base_open", 3}}, {{"printk", 1}, {"module_layout", 2}}})},
          {kRoot + "kernel/user-of.ko", make_module({{}, {{"base_open", 3}}, {"firmware=acme/a.bin"}})},
          {kRoot + "modules.dep", "kernel/base.ko:\nkernel/user-of.ko: kernel/base.ko\n"},
          {"/usr/lib/firmware/acme/a.bin.xz", "x"}};
}

TEST(DriverVermagic, IsTheSameReadAloneAndInTheSurveyOfAllModules) {
  Expected alone;
  alone.only = {"driver.vermagic"};
  for (const Expected& expected : {of_driver(), alone}) {
    Files files = tree();
    files[kRoot + "kernel/base.ko"] = make_module({{}, {}, {"license=GPL", "vermagic=6.12 SMP "}});
    files[kRoot + "kernel/user-of.ko"] = make_module({{}, {}, {"vermagic=6.12 SMP "}});
    EXPECT_EQ(answer("driver.vermagic", files, expected), "pass");
    files[kRoot + "kernel/user-of.ko"] = make_module({{}, {}, {"vermagic=6.11 SMP "}});
    EXPECT_EQ(answer("driver.vermagic", files, expected),
              "fail: 1 of 2 modules are not made for kernel 6.12: /usr/lib/modules/6.12/kernel/user-of.ko: 6.11 SMP ");
    files[kRoot + "kernel/user-of.ko"] = "no module";
    EXPECT_THAT(answer("driver.vermagic", files, expected), testing::EndsWith("user-of.ko: none"));
    files.erase(kRoot + "kernel/user-of.ko");
    files.erase(kRoot + "kernel/base.ko");
    EXPECT_EQ(answer("driver.vermagic", files, expected), "fail: the image holds no kernel module");
    files[kRoot + "vmlinuz"] = "no kernel";  // then there is no survey
    files[kRoot + "kernel/base.ko"] = make_module({{}, {}, {"vermagic=6.12 SMP "}});
    EXPECT_EQ(answer("driver.vermagic", files, expected), "pass");
  }
}

TEST(DriverSymbols, PassWhereEachIsExportedWithItsType) {
  EXPECT_EQ(answer("driver.symbols", tree()), "pass");
}

TEST(DriverSymbols, FailForAModuleOfAnotherBuild) {
  Files files = tree();
  files[kRoot + "kernel/user-of.ko"] = make_module({{}, {{"base_open", 4}}});
  EXPECT_EQ(
      answer("driver.symbols", files),
      "fail: 1 of 2 modules cannot load: /usr/lib/modules/6.12/kernel/user-of.ko: base_open has another type than "
      "it was compiled for");
}

TEST(DriverSymbols, FailWhereNobodyExportsOne) {
  Files files = tree();
  files.erase(kRoot + "kernel/base.ko");
  EXPECT_EQ(answer("driver.symbols", files),
            "fail: 1 of 1 modules cannot load: /usr/lib/modules/6.12/kernel/user-of.ko: nobody exports base_open");
}

TEST(DriverSymbols, FailForAModuleThatIsNone) {
  Files files = tree();
  files[kRoot + "kernel/broken.ko"] = "no module";
  EXPECT_THAT(answer("driver.symbols", files),
              AllOf(StartsWith("fail: 1 of 3 modules cannot load"), HasSubstr("broken.ko: is not a 64-bit ELF file")));
}

TEST(DriverSymbols, FailWhereTheKernelCannotBeRead) {
  Files files = tree();
  files[kRoot + "vmlinuz"] = "no kernel";
  EXPECT_EQ(answer("driver.symbols", files), "fail: /usr/lib/modules/6.12/vmlinuz: is not an x86 boot image");
  files.erase(kRoot + "vmlinuz");
  EXPECT_EQ(answer("driver.symbols", files), "fail: the image holds no kernel, or several");
}

TEST(DriverSymbols, TakeAnyOfSeveralExportersOfOneName) {
  Files files = tree();
  files[kRoot + "kernel/other.ko"] = make_module({{{"base_open", 9}}, {}});
  EXPECT_EQ(answer("driver.symbols", files), "pass");
}

TEST(DriverFirmware, IsAskedForByWhatLoadsAtBootAlone) {
  Files files = tree();
  files.erase("/usr/lib/firmware/acme/a.bin.xz");
  EXPECT_EQ(answer("driver.firmware-present", files), "pass");
  Expected loads = of_driver();
  loads.declared = {{"kernel.modules", {{"load", "user_of"}}, "node.yaml:3:5"}};
  EXPECT_EQ(answer("driver.firmware-present", files, loads),
            "fail: 1 of 1 firmware files are not in the image: user_of asks for acme/a.bin");
  EXPECT_EQ(answer("driver.firmware-present", tree(), loads), "pass");
}

TEST(DriverFirmware, OfWhatALoadedModuleNeedsMustBeThereToo) {
  Files files = tree();
  files[kRoot + "kernel/base.ko"] = make_module({{{"base_open", 3}}, {}, {"firmware=base.bin"}});
  Expected loads = of_driver();
  loads.initrd_modules = {"user-of"};
  EXPECT_EQ(answer("driver.firmware-present", files, loads),
            "fail: 1 of 2 firmware files are not in the image: base asks for base.bin");
  files["/usr/lib/firmware/updates/6.12/base.bin"] = "x";
  EXPECT_EQ(answer("driver.firmware-present", files, loads), "pass");
}

Signer signer_of_serial(const std::string& serial) {
  return Signer("Us", {"-set_serial", "0x" + serial});
}

const Signer& us() {
  static const Signer signer = signer_of_serial("51b2c3d4e5f60718");
  return signer;
}

/// As sign-file(1) appends the signature.
std::string signed_module(const Signer& signer, const std::string& module) {
  const std::string signature = signer.sign(module, {"-md", "sha512"});
  const std::string length = {'\0', '\0', static_cast<char>(signature.size() >> 8),
                              static_cast<char>(signature.size())};
  return module + signature + std::string("\0\0\2\0\0\0\0\0", 8) + length + "~Module signature appended~\n";
}

/// A kernel that has our certificate, and two modules, of which another may have signed the first.
Files signed_tree(const Signer& first = us()) {
  Files files = tree();
  TestElf vmlinux;
  vmlinux.add(".init.rodata", "certificate " + us().certificate() + " end");
  files[kRoot + "config"] = "CONFIG_MODULE_SIG=y\n";
  files[kRoot + "vmlinuz"] = make_boot_image("6.12", vmlinux.write());
  files[kRoot + "kernel/base.ko"] = signed_module(first, files[kRoot + "kernel/base.ko"]);
  files[kRoot + "kernel/user-of.ko"] = signed_module(us(), files[kRoot + "kernel/user-of.ko"]);
  return files;
}

TEST(DriverSigned, PassesWhereTheKernelKnowsEachKey) {
  EXPECT_EQ(answer("driver.signed", signed_tree()), "pass");
}

TEST(DriverSigned, FailsForAStrangersSignatureAndForABrokenOne) {
  EXPECT_EQ(answer("driver.signed", signed_tree(signer_of_serial("77777777"))),
            "fail: /usr/lib/modules/6.12/kernel/base.ko is signed by CN=Us, serial 77777777, whose certificate the "
            "kernel does not have");
  Files files = signed_tree();
  std::string& module = files[kRoot + "kernel/base.ko"];
  module[module.size() - 30] = '\x7f';
  EXPECT_EQ(
      answer("driver.signed", files),
      "fail: /usr/lib/modules/6.12/kernel/base.ko is signed by nobody, whose certificate the kernel does not have");
}

TEST(DriverSigned, FailsForAnotherKeyUnderTheSameName) {
  EXPECT_EQ(answer("driver.signed", signed_tree(signer_of_serial("51b2c3d4e5f60718"))),
            "fail: 1 of 2 modules are not what was signed: /usr/lib/modules/6.12/kernel/base.ko");
}

TEST(DriverSigned, FailsForAModuleThatChangedSince) {
  Files files = signed_tree();
  std::string& module = files[kRoot + "kernel/base.ko"];
  module[module.find("printk")] = 'P';
  EXPECT_EQ(answer("driver.signed", files),
            "fail: 1 of 2 modules are not what was signed: /usr/lib/modules/6.12/kernel/base.ko");
}

TEST(DriverSigned, FailsForAModuleWithoutOneUnlessTheRecipeCompiledIt) {
  Files files = signed_tree();
  files[kRoot + "kernel/base.ko"] = tree()[kRoot + "kernel/base.ko"];
  EXPECT_EQ(answer("driver.signed", files),
            "fail: 1 of 2 modules are not signed: /usr/lib/modules/6.12/kernel/base.ko");
  Expected allows = of_driver();
  allows.declared = {{"driver.extra-modules", {{"file", "/usr/lib/modules/6.12/kernel/base.ko"}}, "node.yaml:3:5"}};
  EXPECT_EQ(answer("driver.signed", files, allows), "pass");
}

TEST(DriverSigned, IsSkippedForAKernelWithoutSignatures) {
  Files files = signed_tree();
  for (const char* name : {"base", "user-of"})
    files[kRoot + "kernel/" + name + ".ko"] = tree()[kRoot + "kernel/" + name + ".ko"];
  EXPECT_EQ(answer("driver.signed", files),
            "skip: no module is signed, as in kernels that a distribution has yet to sign");
  files[kRoot + "config"] = "CONFIG_MODULE_SIG=n\n";
  EXPECT_EQ(answer("driver.signed", files), "skip: kernel 6.12 has CONFIG_MODULE_SIG off");
}

/// The same, of which no module is signed.
Files unsigned_tree(const std::string& config) {
  Files files = signed_tree();
  for (const char* name : {"base", "user-of"})
    files[kRoot + "kernel/" + name + ".ko"] = tree()[kRoot + "kernel/" + name + ".ko"];
  files[kRoot + "config"] = config;
  return files;
}

TEST(DriverSigned, FailsWhereNoModuleIsAndAllShouldBe) {
  const std::string failed = "fail: 2 of 2 modules are not signed, but ";
  const std::string first = ": /usr/lib/modules/6.12/kernel/base.ko", sig = "CONFIG_MODULE_SIG=y\n";
  EXPECT_EQ(answer("driver.signed", unsigned_tree(sig + "CONFIG_MODULE_SIG_ALL=y\n")),
            failed + "CONFIG_MODULE_SIG_ALL is y" + first);
  EXPECT_EQ(answer("driver.signed", unsigned_tree(sig + "CONFIG_MODULE_SIG_FORCE=y\n")),
            failed + "CONFIG_MODULE_SIG_FORCE is y" + first);
  Files signed_kernel = unsigned_tree(sig);
  sign_for_secure_boot(signed_kernel[kRoot + "vmlinuz"]);
  EXPECT_EQ(answer("driver.signed", signed_kernel), failed + "the boot image is signed for Secure Boot" + first);
}

TEST(TreeChecks, AreThoseThatReadFilesAlone) {
  std::string ids;
  for (const checks::Check& check : checks_of_tree(of_driver())) ids += std::string(check.id) + " ";
  EXPECT_EQ(ids, "driver.vermagic driver.symbols driver.firmware-present driver.userspace-match driver.signed ");
  Expected numa;
  numa.profiles = {"numa"};
  EXPECT_TRUE(checks_of_tree(numa).empty());
}

TEST(FindKernel, TakesTheOnlyOne) {
  Files files = tree();
  EXPECT_EQ(find_kernel(RecordedWorld(files).node()), kRoot + "vmlinuz");
  files["/usr/lib/modules/6.13/vmlinuz"] = "x";
  EXPECT_EQ(find_kernel(RecordedWorld(files).node()), std::nullopt);
}

}  // namespace
}  // namespace ainode::tree
