// SPDX-License-Identifier: Apache-2.0
// What each statement writes into the tree and promises, and what no tree can keep.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/stages/stages.h"

namespace ainode {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

const Files kKernel = {{"usr/lib/modules/6/config", "CONFIG_HZ=250\n"},
                       {"usr/lib/modules/6/kernel/loop.ko.xz", ""},
                       {"usr/lib/modules/6/kernel/vfio-pci.ko", ""},
                       {"usr/lib/modules/6/modules.builtin", "kernel/drivers/virtio-blk.ko\n"}};

class Tune : public ::testing::Test {
 protected:
  Tune() : directory_("/tmp", "ainode-tune-test-"), store_(directory_.path()) {}

  void tune(const Files& more = {}) {
    Store::Transaction transaction(store_);
    tree_ = Tree();
    for (const Files& files : {kKernel, more})
      for (const auto& [path, content] : files) tree_.put_file(path, store_.write_text(content), "a package");
    for (const auto& [path, mode] : modes_) tree_.put_file(path, store_.write_file({0, 0, mode, {}}, ""), "sudo");
    transaction.commit();
    declared_ = ainode::tune(store_, tree_, recipe_, {"6", "", "", ""});
  }
  std::string text(const std::string& path) const {
    const FileObject object = store_.read_file(tree_.file(path)->checksum);
    return (object.is_symlink ? "-> " : "") + object.content;
  }
  std::string promised(const std::string& subject) const {
    std::string text;
    for (const Declaration& one : declared_)
      if (one.subject == subject) text += one.expected.dump() + " " + one.place + "\n";
    return text;
  }
  std::string refusal(const Files& more = {}) {
    try {
      tune(more);
      return "";
    } catch (const Error& error) {
      return render(error);
    }
  }
  static Text said(std::string value, int line = 1) { return {std::move(value), {"r.yaml", line, 1, 1, ""}}; }

  TemporaryDirectory directory_;
  Store store_;
  Recipe recipe_;
  Tree tree_;
  std::vector<std::pair<std::string, std::uint32_t>> modes_;
  std::vector<Declaration> declared_;
};

TEST_F(Tune, SysctlsAreWrittenBehindThoseOfPackages) {
  recipe_.kernel.sysctl = {{"vm.swappiness", said("7", 3)}, {"net/ipv4/conf/eth0.1/x", said("1", 4)}};
  recipe_.tuning.numa_balancing = Located<bool>{false, {"r.yaml", 5, 1, 1, ""}};
  tune();
  EXPECT_EQ(text("usr/lib/sysctl.d/zz-ainode.conf"),
            "net/ipv4/conf/eth0.1/x = 1\nvm.swappiness = 7\nkernel.numa_balancing = 0\n");
  EXPECT_EQ(promised("kernel.sysctl"),
            R"({"name":"net/ipv4/conf/eth0.1/x","path":"/proc/sys/net/ipv4/conf/eth0.1/x","value":"1"} r.yaml:4:1)"
            "\n"
            R"({"name":"vm.swappiness","path":"/proc/sys/vm/swappiness","value":"7"} r.yaml:3:1)"
            "\n");
  EXPECT_EQ(promised("numa.balancing"), "false r.yaml:5:1\n");
  recipe_.kernel.sysctl.clear();
  tune();
  EXPECT_EQ(tree_.file("usr/lib/sysctl.d/zz-ainode.conf")->owner, "`tuning.numa.balancing` at r.yaml:5:1");
}

TEST_F(Tune, ModulesAreLoadedDeniedAndGivenParameters) {
  recipe_.kernel.load_modules = {said("vfio_pci"), said("virtio-blk")};
  recipe_.kernel.deny_modules = {said("nouveau", 2)};
  recipe_.kernel.module_parameters["loop"]["max_loop"] = said("4", 3);
  tune();
  EXPECT_EQ(text("usr/lib/modules-load.d/ainode.conf"), "vfio_pci\nvirtio-blk\n");
  EXPECT_EQ(text("usr/lib/modprobe.d/zz-ainode.conf"),
            "blacklist nouveau\ninstall nouveau /usr/bin/false\noptions loop max_loop=4\n");
  EXPECT_EQ(
      promised("kernel.modules"),
      "{\"load\":\"vfio_pci\"} r.yaml:1:1\n{\"load\":\"virtio-blk\"} r.yaml:1:1\n{\"deny\":\"nouveau\"} r.yaml:2:1\n");
  EXPECT_EQ(promised("kernel.module-parameters"),
            "{\"module\":\"loop\",\"parameter\":\"max_loop\",\"value\":\"4\"} r.yaml:3:1\n");
}

TEST_F(Tune, ExtraModulesArePromisedWithTheMarksThatTheyLeave) {
  recipe_.kernel.extra_modules = {{said("own", 4), {}, {}}};
  tune();
  EXPECT_EQ(promised("driver.extra-modules"),
            "{\"module\":\"own\",\"file\":\"/usr/lib/modules/6/extra/own.ko\"} r.yaml:4:1\n");
  EXPECT_EQ(promised("driver.taint"), "4096 r.yaml:4:1\n");
  tune({{"usr/lib/modules/6/config", "CONFIG_HZ=250\nCONFIG_MODULE_SIG=y\n"}});
  EXPECT_EQ(promised("driver.taint"), "12288 r.yaml:4:1\n");
}

TEST_F(Tune, ModulesThatTheKernelHasNotOrCannotLeaveOutAreRefused) {
  recipe_.kernel.load_modules = {said("lop", 7)};
  EXPECT_EQ(refusal(),
            "error[R0110]: kernel 6 has no module `lop`\n   ┌─ r.yaml:7:1\n  = help: did you mean `loop`?\n");
  recipe_.kernel.load_modules.clear();
  recipe_.kernel.deny_modules = {said("virtio-blk", 7)};
  EXPECT_NE(refusal().find("module `virtio-blk` is built into kernel 6: it cannot be denied"), std::string::npos);
  recipe_.kernel.deny_modules.clear();
  recipe_.kernel.module_parameters["virtio_blk"]["queues"] = said("4", 7);
  EXPECT_NE(refusal().find("write `virtio_blk.queues=4` into `kernel.cmdline`"), std::string::npos) << refusal();
}

TEST_F(Tune, WhatTheKernelMustBeToldStandsOnItsCommandLine) {
  recipe_.kernel.cmdline = {said("quiet", 1)};
  recipe_.tuning.hugepages["2M"].count = {512, {"r.yaml", 2, 1, 1, ""}};
  recipe_.tuning.thp = said("madvise", 3);
  recipe_.tuning.isolate = said("2-3", 4);
  recipe_.security.lsm = {said("lockdown", 5), said("apparmor", 5)};
  recipe_.security.lockdown = said("none", 6);
  recipe_.security.ports = {said("22/tcp", 7)};
  recipe_.security.ports_place = {"r.yaml", 7, 1, 1, ""};
  tune();
  EXPECT_EQ(promised("kernel.cmdline"),
            "\"quiet\" r.yaml:1:1\n\"hugepagesz=2M\" r.yaml:2:1\n\"hugepages=512\" r.yaml:2:1\n"
            "\"transparent_hugepage=madvise\" r.yaml:3:1\n\"isolcpus=domain,managed_irq,2-3\" r.yaml:4:1\n"
            "\"lsm=lockdown,apparmor\" r.yaml:5:1\n");
  EXPECT_EQ(promised("mem.hugepages"), "{\"size\":\"2M\",\"count\":512,\"even\":false} r.yaml:2:1\n");
  EXPECT_EQ(promised("security.lockdown"), "\"none\" r.yaml:6:1\n");
  EXPECT_EQ(promised("security.listening-ports"), "[\"22/tcp\"] r.yaml:7:1\n");
}

TEST_F(Tune, LimitsAreThoseOfEveryService) {
  recipe_.tuning.limits = {{"nofile", said("1048576", 2)}, {"memlock", said("unlimited", 3)}};
  tune();
  EXPECT_EQ(text("usr/lib/systemd/system.conf.d/zz-ainode.conf"),
            "[Manager]\nDefaultLimitMEMLOCK=infinity\nDefaultLimitNOFILE=1048576\n");
  EXPECT_EQ(promised("system.limits"),
            "{\"property\":\"DefaultLimitMEMLOCK\",\"value\":\"infinity\"} r.yaml:3:1\n"
            "{\"property\":\"DefaultLimitNOFILE\",\"value\":\"1048576\"} r.yaml:2:1\n");
}

TEST_F(Tune, BlockDevicesFollowARuleOfUdev) {
  recipe_.tuning.block["nvme*"] = {{}, said("none", 2), Located<int>{128, {}}};
  tune();
  EXPECT_EQ(text("usr/lib/udev/rules.d/90-ainode-block.rules"),
            "ACTION==\"add|change\", SUBSYSTEM==\"block\", ENV{DEVTYPE}==\"disk\", KERNEL==\"nvme*\", "
            "ATTR{queue/scheduler}=\"none\", ATTR{queue/read_ahead_kb}=\"128\"\n");
}

TEST_F(Tune, NetworkInterfacesFollowALinkFile) {
  recipe_.tuning.net["mlx5_*"] = {{}, Located<int>{9000, {"r.yaml", 5, 1, 1, ""}}, {}};
  tune();
  EXPECT_EQ(text("usr/lib/systemd/network/70-ainode-1.link"),
            "[Match]\nDriver=mlx5_*\n[Link]\nNamePolicy=keep kernel database onboard slot path\n"
            "AlternativeNamesPolicy=database onboard slot path mac\nMACAddressPolicy=persistent\nMTUBytes=9000\n");
  EXPECT_EQ(promised("net.settings"), "{\"driver\":\"mlx5_*\",\"mtu\":9000} r.yaml:5:1\n");
}

TEST_F(Tune, ContainerDevicesStandInOneFileAKind) {
  recipe_.container_devices = {{said("a.com/gpu=0", 2), {said("/dev/gpu0")}},
                               {said("a.com/gpu=1", 3), {said("/dev/real1:/dev/gpu1")}},
                               {said("a.com/nic=0", 4), {said("/dev/nic")}}};
  tune();
  const Json gpus = Json::parse(text("etc/cdi/a.com.gpu.json"));
  EXPECT_EQ(gpus["kind"], "a.com/gpu");
  ASSERT_EQ(gpus["devices"].size(), 2u);
  const Json node = {{"path", "/dev/gpu1"}, {"hostPath", "/dev/real1"}};
  EXPECT_EQ(gpus["devices"][1], (Json{{"name", "1"}, {"containerEdits", {{"deviceNodes", {node}}}}}));
  EXPECT_EQ(Json::parse(text("etc/cdi/a.com.nic.json"))["devices"].size(), 1u);
  EXPECT_NE(promised("containers.cdi").find("a.com/gpu=1"), std::string::npos);
}

TEST_F(Tune, AuditingIsPromisedWhereItIsSaid) {
  tune();
  EXPECT_EQ(promised("security.audit"), "");
  recipe_.security.audit = Located<bool>{false, {"r.yaml", 6, 1, 1, ""}};
  tune();
  EXPECT_EQ(promised("security.audit"), "false r.yaml:6:1\n");
}

const std::string kUnits = "usr/lib/systemd/system/", kLinks = "etc/systemd/system/";

TEST_F(Tune, UnitsAreEnabledAsTheirInstallSectionSays) {
  recipe_.systemd.enable = {said("a.service"), said("tty@x.service")};
  tune({{kUnits + "a.service",
         "[Unit]\nWantedBy=no\n[Install]\nWantedBy=m.target n.target\n# WantedBy=no\n"
         "RequiredBy=r.target\nAlias=other.service\nAlso=a.socket\n"},
        {kUnits + "a.socket", "[Install]\nWantedBy = sockets.target\n"},
        {kUnits + "tty@.service", "[Install]\nWantedBy=%p-%i.target\n"}});
  for (const char* link :
       {"m.target.wants/a.service", "n.target.wants/a.service", "r.target.requires/a.service", "other.service"})
    EXPECT_EQ(text(kLinks + link), "-> /usr/lib/systemd/system/a.service") << link;
  EXPECT_EQ(text(kLinks + "sockets.target.wants/a.socket"), "-> /usr/lib/systemd/system/a.socket");
  EXPECT_EQ(text(kLinks + "tty-x.target.wants/tty@x.service"), "-> /usr/lib/systemd/system/tty@.service");
  EXPECT_FALSE(tree_.exists(kLinks + "no.wants"));
  EXPECT_EQ(promised("system.enabled"), "\"a.service\" r.yaml:1:1\n\"tty@x.service\" r.yaml:1:1\n");
}

TEST_F(Tune, UnitsThatCannotBeEnabledAreRefused) {
  recipe_.systemd.enable = {said("a.service", 4)};
  EXPECT_NE(refusal().find("the image has no systemd unit `a.service`\n   ┌─ r.yaml:4:1"), std::string::npos);
  EXPECT_NE(refusal({{kUnits + "a.service", "[Service]\n"}}).find("has no [Install] section"), std::string::npos);
  EXPECT_NE(refusal({{kUnits + "a.service", "[Install]\nWantedBy=%j.target\n"}}).find("says `%j.target`"),
            std::string::npos);
  recipe_.systemd.enable = {said("t@.service", 4)};
  EXPECT_NE(
      refusal({{kUnits + "t@.service", "[Install]\nWantedBy=m.target\n"}}).find("name an instance: t@NAME.service"),
      std::string::npos);
}

TEST_F(Tune, UnitsAreMaskedUnlessTheyAreFiles) {
  recipe_.systemd.mask = {said("a.timer", 4)};
  tune({{kUnits + "a.timer", ""}});
  EXPECT_EQ(text(kLinks + "a.timer"), "-> /dev/null");
  EXPECT_NE(refusal({{kLinks + "a.timer", ""}}).find("is a file of its own"), std::string::npos);
}

PlacedFile placed(const std::string& path, const std::string& owner = "") {
  PlacedFile file;
  file.path = {path, {"r.yaml", 9, 1, 1, ""}};
  file.mode.value = "0640";
  file.owner = {owner, {"r.yaml", 9, 1, 1, ""}};
  file.content = "kept\n";
  return file;
}

TEST_F(Tune, FilesHaveTheirModeAndOwner) {
  recipe_.files = {placed("/etc/x/y", "node")};
  tune({{"etc/passwd", "root:x:0:0::/root:/bin/sh\nnode:x:950:951::/:/bin/sh\n"}});
  const Ownership ownership = store_.read_metadata(tree_.file("etc/x/y")->checksum).ownership;
  EXPECT_EQ(ownership, (Ownership{950, 951, 0640, {}}));
  EXPECT_EQ(tree_.file("etc/x/y")->owner, "`files` at r.yaml:9:1");
  EXPECT_EQ(promised("image.files"),
            R"({"path":"/etc/x/y","sha256":"78051faade059d70866df6a3fb83ef348721fd74a87e93ef95c493f87d0d236b",)"
            R"("mode":"0640","uid":950,"gid":951} r.yaml:9:1)"
            "\n");
}

TEST_F(Tune, FilesNeedAPlaceAndAnOwner) {
  recipe_.files = {placed("/etc/x/y", "nobody-knows")};
  EXPECT_NE(refusal({{"etc/passwd", ""}}).find("the image has no user `nobody-knows`"), std::string::npos);
  recipe_.files = {placed("/etc/x/y")};
  EXPECT_NE(refusal({{"etc/x", ""}}).find("/etc/x is not a directory in the image"), std::string::npos);
  EXPECT_NE(refusal({{"etc/x/y/z", ""}}).find("/etc/x/y is a directory in the image"), std::string::npos);
}

TEST_F(Tune, AContainerRuntimeMustBeThere) {
  recipe_.container_runtime = said("podman", 9);
  EXPECT_NE(refusal().find("the image has no /usr/bin/podman\n"), std::string::npos) << refusal();
  EXPECT_NE(refusal({{"usr/bin/podman", ""}}).find("podman finds neither crun nor runc in the image"),
            std::string::npos);
  tune({{"usr/bin/podman", ""}, {"usr/bin/crun", ""}});
  EXPECT_EQ(promised("containers.runs"), "{\"runtime\":\"podman\"} r.yaml:9:1\n");
}

TEST_F(Tune, TheTickRateIsTheConfigurationsIfThatSaysOne) {
  tune();
  EXPECT_EQ(promised("kernel.timer"), "250 \n");
  for (const char* config : {"", "CONFIG_HZ=fast\n", "CONFIG_HZ=99999999999\n"}) {
    tune({{"usr/lib/modules/6/config", config}});
    EXPECT_EQ(promised("kernel.timer"), "") << config;
  }
}

TEST_F(Tune, TheListOfSetuidFilesIsWhole) {
  modes_ = {{"usr/bin/su", 04755}, {"usr/bin/wall", 02755}, {"usr/bin/true", 0755}};
  tune();  // nothing is said, nothing is promised
  EXPECT_EQ(promised("security.setuid-list"), "");
  recipe_.security.setuid = {said("/usr/bin/su")};
  recipe_.security.setuid_place = {"r.yaml", 8, 1, 1, ""};
  EXPECT_NE(refusal().find("`security.setuid` does not list 1 file that has more rights than who starts them: "
                           "/usr/bin/wall (sudo, 2755)\n   ┌─ r.yaml:8:1"),
            std::string::npos)
      << refusal();
  recipe_.security.setuid->push_back(said("/usr/bin/wall"));
  tune();
  EXPECT_EQ(promised("security.setuid-list"), "[\"/usr/bin/su\",\"/usr/bin/wall\"] r.yaml:8:1\n");
  recipe_.security.setuid->push_back(said("/usr/bin/gone", 10));
  EXPECT_NE(refusal().find("the image has no file /usr/bin/gone\n    ┌─ r.yaml:10:1"), std::string::npos);
}

}  // namespace
}  // namespace ainode
