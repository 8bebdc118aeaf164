// SPDX-License-Identifier: Apache-2.0
// The command line that starts a guest, and what rides on it: the overlay, the agent's disk, the unit.
#include "validators/machines/qemu_command.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive.h"
#include "base/crypto.h"
#include "base/files.h"
#include "base/process.h"
#include "tests/validators/machines/test_disk.h"
#include "validators/machines/injection.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class QemuCommand : public testing::Test {
 protected:
  TemporaryDirectory work_{testing::TempDir()};
};

TEST_F(QemuCommand, NeverUsesKvmAndEndsAtAReset) {
  const GuestFiles files = {"/k", "/i", "/with,comma", "/a"};
  const std::vector<std::string> command = qemu_command("qemu", find_topology("one-node"), files, "root=x quiet");
  EXPECT_EQ(fmt::format("{}", fmt::join(command, " ")),
            "qemu " + fmt::format("{}", fmt::join(machine_arguments(find_topology("one-node")), " ")) +
                " -no-user-config -nodefaults -display none -no-reboot -kernel /k -append root=x quiet -initrd /i"
                " -drive if=none,id=system,format=qcow2,file=/with,,comma"
                " -device virtio-blk-pci,disable-legacy=on,drive=system,serial=ainode-system"
                " -drive if=none,id=agent,format=raw,readonly=on,file=/a"
                " -device virtio-blk-pci,disable-legacy=on,drive=agent,serial=ainode-agent"
                " -device virtio-serial-pci,disable-legacy=on");
}

TEST_F(QemuCommand, PutsTheMachinesOwnDevicesBehindTheHarnesses) {
  EXPECT_THAT(fmt::format("{}", fmt::join(qemu_command("qemu", find_topology("iommu-intel"), {}, ""), " ")),
              EndsWith(" -device virtio-serial-pci,disable-legacy=on -device edu,bus=pcie.0"));
}

TEST_F(QemuCommand, AddsTheHarnessesArgumentsAndThenTheUsers) {
  EXPECT_THAT(
      harness_arguments(find_topology("two-nodes"), {"intel_iommu=off"}),
      ElementsAre("console=ttyS0", "no_timer_check", "systemd.show_status=0", "systemd.default_timeout_start_sec=600",
                  "systemd.default_device_timeout_sec=600", "intel_iommu=on", "intel_iommu=off"));
}

TEST_F(QemuCommand, LeavesTheImagesDiskAsItIs) {
  const fs::path disk = make_qcow2(make_raw_disk(work_.path(), ostree_boot("a")));
  const std::string before = sha256_hex_of_file(disk);
  make_directories(work_.path() / "guest");
  const GuestFiles files = prepare_guest_files(read_boot_entry(disk), disk, work_.path() / "guest");
  EXPECT_EQ(read_file(files.kernel), "KERNEL");
  EXPECT_EQ(read_file(files.initrd), "INITRD");
  run_program({"qemu-io", "-f", "qcow2", "-c", "write 0 64k", files.overlay.string()});
  EXPECT_EQ(sha256_hex_of_file(disk), before);
}

TEST_F(QemuCommand, PacksTheAgentAsAPlainTarOfWholeSectors) {
  write_file(work_.path() / "ainode-agent", "#!/bin/sh\n", 0755);
  write_file(work_.path() / "companion", "#!/bin/true\n", 0755);
  const fs::path disk = work_.path() / "agent.tar";
  write_agent_disk(disk, {work_.path() / "ainode-agent", work_.path() / "companion"}, "{\"nonce\":\"x\"}");
  const std::string bytes = read_file(disk);
  EXPECT_EQ(bytes.size() % 512, 0u);
  TarReader tar(bytes, "agent.tar");
  const ArchiveEntry* entry = tar.next();
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->path, "ainode-agent");
  EXPECT_EQ(entry->mode, 0755u);
  EXPECT_EQ(tar.content(), "#!/bin/sh\n");
  entry = tar.next();
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->path, "companion");
  EXPECT_EQ(entry->mode, 0755u);
  EXPECT_EQ(tar.content(), "#!/bin/true\n");
  entry = tar.next();
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->path, "expected.json");
  EXPECT_EQ(entry->mode, 0600u);
  EXPECT_EQ(tar.content(), "{\"nonce\":\"x\"}");
  EXPECT_EQ(tar.next(), nullptr);
}

TEST_F(QemuCommand, InjectsAUnitThatAShellCanReadAndThatCarriesNoSecret) {
  const std::vector<std::string> arguments = agent_credentials({"--listen"});
  ASSERT_EQ(arguments.size(), 4u);
  const std::string prefix = "type=11,value=io.systemd.credential.binary:systemd.extra-unit.ainode-agent.service=";
  ASSERT_EQ(arguments[1].substr(0, prefix.size()), prefix);
  const std::string unit = from_base64(arguments[1].substr(prefix.size()));
  EXPECT_THAT(unit, HasSubstr("exec /run/ainode-agent/ainode-agent --expected /run/ainode-agent/expected.json "
                              "--listen'\n"));
  EXPECT_THAT(arguments[3], HasSubstr("systemd.unit-dropin.basic.target="));

  // What systemd would hand to the shell: continuations joined, `$$` made `$`.
  const std::size_t start = unit.find("sh -c '") + 7;
  std::string script = unit.substr(start, unit.rfind('\'') - start);
  for (std::size_t at = 0; (at = script.find("\\\n", at)) != std::string::npos;) script.replace(at, 2, " ");
  for (std::size_t at = 0; (at = script.find("$$", at)) != std::string::npos; ++at) script.erase(at, 1);
  EXPECT_NO_THROW(run_program({"sh", "-n", "-c", script})) << script;
}

TEST_F(QemuCommand, InjectsScriptsOfDefectsAsUnitsThatAreWanted) {
  const std::string script = "echo \"$1\" '100%'\n";
  const std::vector<std::string> arguments = agent_credentials({}, {script, "true"});
  ASSERT_EQ(arguments.size(), 8u);
  EXPECT_THAT(arguments[3], HasSubstr("systemd.extra-unit.ainode-defects.service="));
  const std::string unit = from_base64(arguments[3].substr(arguments[3].rfind("service=") + 8));
  EXPECT_THAT(unit, HasSubstr("Before=ainode-agent.service\n"));
  EXPECT_THAT(unit, HasSubstr(fmt::format("\"echo {} | base64 -d | sh\"", to_base64(script))));
  const std::string wants = from_base64(arguments[7].substr(arguments[7].rfind("target=") + 7));
  EXPECT_EQ(wants, "[Unit]\nWants=ainode-agent.service ainode-defects.service ainode-late-defects.service\n");
}

}  // namespace
}  // namespace ainode
