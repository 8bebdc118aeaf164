// SPDX-License-Identifier: Apache-2.0
// The small families: DMA, memory, system, image; and what holds for every row of the catalogue.
#include <fmt/format.h>

#include <set>

#include "tests/validators/checks/recorded_world.h"
#include "validators/checks/text.h"

namespace ainode::checks {
namespace {

Json heap_probe(const Json& answer) {
  return {{"kernel_release", "6.12"}, {"try_heap", {{"/dev/dma_heap/system", answer}}}};
}

const std::string kSystemHeap = "fail: /dev/dma_heap/system: ";

const Files kWithHeaps = {{"/boot/config-6.12", "CONFIG_DMABUF_HEAPS_SYSTEM=y\n"}};
const Json kGoodHeap = {{"is_present", true},
                        {"bytes", 1048576},
                        {"is_zeroed", true},
                        {"is_shared", true},
                        {"wrong_flags_error", "EINVAL"}};

std::string heap_with(const char* field, const Json& value) {
  Json answer = kGoodHeap;
  answer[field] = value;
  return said(judge("dmabuf.heap", RecordedWorld(kWithHeaps, heap_probe(answer)), {}));
}

TEST(DmabufHeap, PassesForAGoodBuffer) {
  const CheckResult result = judge("dmabuf.heap", RecordedWorld(kWithHeaps, heap_probe(kGoodHeap)), {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(),
            R"({"system":{"bytes":1048576,"zeroed":true,"shared":true,"wrong_flags":"EINVAL"}})");
}

TEST(DmabufHeap, FailsForEachBrokenPromise) {
  EXPECT_EQ(heap_with("is_zeroed", false), kSystemHeap + "a fresh buffer is not zeroed");
  EXPECT_EQ(heap_with("is_shared", false), kSystemHeap + "two mappings of a buffer do not agree");
  EXPECT_EQ(heap_with("wrong_flags_error", "none"), kSystemHeap + "wrong sync flags give none instead of EINVAL");
  EXPECT_EQ(heap_with("problem", "DMA_HEAP_IOCTL_ALLOC: Cannot allocate memory"),
            kSystemHeap + "DMA_HEAP_IOCTL_ALLOC: Cannot allocate memory");
}

TEST(DmabufHeap, TriesEachHeapButThoseThatNoProcessorMayMap) {
  Files files = kWithHeaps;
  for (const char* name : {"system", "default_cma_region", "protected,secure-video"})
    files[fmt::format("/sys/class/dma_heap/{}/uevent", name)] = "";
  Json probes = heap_probe(kGoodHeap);
  probes["try_heap"]["/dev/dma_heap/default_cma_region"] = kGoodHeap;
  EXPECT_EQ(said(judge("dmabuf.heap", RecordedWorld(files, probes), {})), "pass");
  probes["try_heap"]["/dev/dma_heap/default_cma_region"]["is_zeroed"] = false;
  EXPECT_EQ(said(judge("dmabuf.heap", RecordedWorld(files, probes), {})),
            "fail: /dev/dma_heap/default_cma_region: a fresh buffer is not zeroed");
}

TEST(DmabufHeap, FailsWithoutTheDeviceButSkipsWithoutTheOption) {
  const RecordedWorld gone(kWithHeaps, {{"kernel_release", "6.12"}});
  EXPECT_EQ(said(judge("dmabuf.heap", gone, {})), kSystemHeap + "it does not exist");
  const RecordedWorld off(Files{{"/boot/config-6.12", "CONFIG_NUMA=y\n"}}, {{"kernel_release", "6.12"}});
  EXPECT_EQ(said(judge("dmabuf.heap", off, {})), "skip: kernel 6.12 has CONFIG_DMABUF_HEAPS_SYSTEM off");
}

std::string file_buffer_with(const char* field, const Json& value) {
  Json answer = {{"is_present", true}, {"bytes", 65536}, {"is_shared", true}, {"unsealed_error", "EINVAL"}};
  answer[field] = value;
  const RecordedWorld world(Files{{"/boot/config-6.12", "CONFIG_UDMABUF=y\n"}},
                            {{"kernel_release", "6.12"}, {"try_file_buffer", {{"/dev/udmabuf", answer}}}});
  return said(judge("dmabuf.udmabuf", world, {}));
}

TEST(DmabufUdmabuf, PassesForAGoodBufferAndFailsForEachBrokenPromise) {
  EXPECT_EQ(file_buffer_with("bytes", 65536), "pass");
  EXPECT_EQ(file_buffer_with("is_shared", false), "fail: file and buffer do not agree");
  EXPECT_EQ(file_buffer_with("unsealed_error", "none"), "fail: a file that may shrink gives none instead of EINVAL");
  EXPECT_EQ(file_buffer_with("problem", "F_ADD_SEALS: Invalid argument"), "fail: F_ADD_SEALS: Invalid argument");
  const RecordedWorld gone(Files{{"/boot/config-6.12", "CONFIG_UDMABUF=y\n"}}, {{"kernel_release", "6.12"}});
  EXPECT_EQ(said(judge("dmabuf.udmabuf", gone, {})), "fail: /dev/udmabuf does not exist");
}

TEST(IommuOn, PassesWithAUnitAndGroups) {
  const RecordedWorld world(Files{{"/sys/class/iommu/dmar0/", ""}, {"/sys/kernel/iommu_groups/0/", ""}});
  const CheckResult result = judge("iommu.on", world, two_nodes());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"units":["dmar0"],"groups":1})");
}

TEST(IommuOn, FailsWhenOffOrOfAnotherKind) {
  EXPECT_EQ(said(judge("iommu.on", RecordedWorld({}), two_nodes())),
            "fail: no IOMMU is active; no device is in an IOMMU group");
  const RecordedWorld amd(Files{{"/sys/class/iommu/ivhd0/", ""}, {"/sys/kernel/iommu_groups/0/", ""}});
  EXPECT_EQ(said(judge("iommu.on", amd, two_nodes())), "fail: ivhd0 is no intel IOMMU");
}

TEST(IommuOn, SkipsOnAMachineWithoutOneAndForAKernelWithoutItsDriver) {
  Expected none = two_nodes();
  none.topology.iommu = "none";
  EXPECT_EQ(said(judge("iommu.on", RecordedWorld({}), none)), "skip: the machine has no IOMMU");
  EXPECT_EQ(said(judge("iommu.on", RecordedWorld({}), {})), "skip: the machine's topology is not known");
  const RecordedWorld cloud(Files{{"/boot/config-6.12", "CONFIG_INTEL_IOMMU=y\n"}}, {{"kernel_release", "6.12"}});
  Expected amd = two_nodes();
  amd.topology.iommu = "amd";
  EXPECT_EQ(said(judge("iommu.on", cloud, amd)), "skip: kernel 6.12 has CONFIG_AMD_IOMMU off");
  EXPECT_EQ(said(judge("iommu.on", cloud, two_nodes())), "fail: no IOMMU is active; no device is in an IOMMU group");
}

/// A teaching device and a disk below a bridge, each in its group; the chipset's devices share one.
Files grouped_devices(const std::string& type = "DMA-FQ") {
  Files files;
  const auto add = [&](const std::string& address, const std::string& vendor, const std::string& device,
                       const std::string& kind, const std::string& group) {
    const std::string path = "/sys/bus/pci/devices/" + address;
    files[path + "/vendor"] = "0x" + vendor + "\n";
    files[path + "/device"] = "0x" + device + "\n";
    files[path + "/class"] = "0x" + kind + "\n";
    files[path + "/iommu_group"] = "-> ../../../kernel/iommu_groups/" + group;
    files["/sys/kernel/iommu_groups/" + group + "/type"] = type + "\n";
  };
  add("0000:00:01.0", "1b36", "000c", "060400", "1");
  add("0000:01:00.0", "1af4", "1042", "010000", "1");
  add("0000:00:04.0", "1234", "11e8", "00ff00", "4");
  add("0000:00:1f.0", "8086", "2918", "060100", "5");
  add("0000:00:1f.2", "8086", "2922", "010601", "5");
  return files;
}

Expected with_devices() {
  Expected expected = two_nodes();
  expected.topology.devices = {{"1af4", "1042", "virtio-pci"}, {"1234", "11e8", ""}};
  return expected;
}

TEST(IommuGroups, PassWhereADeviceSharesWithBridgesOnly) {
  const CheckResult result = judge("iommu.groups", RecordedWorld(grouped_devices()), with_devices());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"_({"0000:00:04.0 (1234:11e8)":"4","0000:01:00.0 (1af4:1042)":"1"})_");
}

TEST(IommuGroups, FailForASharedGroupAndForNone) {
  Files files = grouped_devices();
  files["/sys/bus/pci/devices/0000:00:1f.2/iommu_group"] = "-> ../../../kernel/iommu_groups/4";
  EXPECT_EQ(said(judge("iommu.groups", RecordedWorld(files), with_devices())),
            "fail: 0000:00:04.0 (1234:11e8) shares group 4 with 0000:00:1f.2 (8086:2922)");
  files.erase("/sys/bus/pci/devices/0000:00:04.0/iommu_group");
  EXPECT_EQ(said(judge("iommu.groups", RecordedWorld(files), with_devices())),
            "fail: 0000:00:04.0 (1234:11e8) is in no group");
  EXPECT_EQ(said(judge("iommu.groups", RecordedWorld({}), with_devices())),
            "fail: none of the expected devices is there");
}

const char* const kIntelFault =
    "<3>[   71.7] DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0x9000000 [fault reason 0x05] PTE "
    "Write";

/// What two checks say of a device whose DMA went like this.
std::string driven(const std::string& check, const Json& changes, const std::string& iommu = "intel") {
  Json answer = {{"bytes", 2048},
                 {"is_copied", true},
                 {"is_read_only_kept", true},
                 {"is_unmapped_kept", true},
                 {"unmapped_address", "0x9000000"},
                 {"kernel_says", {"<6>[   70.0] vfio-pci 0000:00:04.0: enabling", kIntelFault}}};
  answer.update(changes);
  Files files = grouped_devices();
  files["/boot/config-6.12"] =
      "CONFIG_INTEL_IOMMU=y\nCONFIG_AMD_IOMMU=y\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_IOMMU_TYPE1=m\n";
  Expected expected = with_devices();
  expected.topology.iommu = iommu;
  const Json probes = {{"kernel_release", "6.12"}, {"try_device_dma", {{"0000:00:04.0", answer}}}};
  return said(judge(check, RecordedWorld(files, probes), expected));
}

const std::string kDriven = "fail: 0000:00:04.0 (1234:11e8): ";

TEST(DmaCopy, WantsBackWhatWasSent) {
  EXPECT_EQ(driven("dma.copy", Json::object()), "pass");
  EXPECT_EQ(driven("dma.copy", {{"is_copied", false}}), kDriven + "what came back is not what was sent");
  EXPECT_EQ(driven("dma.copy", {{"problem", "/dev/vfio/4: No such file"}}), kDriven + "/dev/vfio/4: No such file");
}

TEST(DmaIsolation, WantsMemoryKeptAndTheFaultNamed) {
  EXPECT_EQ(driven("dma.isolation", Json::object()), "pass");
  EXPECT_EQ(driven("dma.isolation", {{"is_unmapped_kept", false}, {"is_read_only_kept", false}}),
            kDriven + "memory that it may only read was written; memory that is no longer mapped was written");
  const std::string untold = kDriven + "the kernel's log names no fault of it at 0x9000000";
  EXPECT_EQ(driven("dma.isolation", {{"kernel_says", Json::array()}}), untold);
  std::string other_address = kIntelFault, other_device = kIntelFault;
  other_address.replace(other_address.find("0x9"), 3, "0x8");
  other_device.replace(other_device.find("00:04"), 5, "00:05");
  EXPECT_EQ(driven("dma.isolation", {{"kernel_says", {other_address, other_device}}}), untold);
}

TEST(DmaIsolation, CannotBeToldOfByQemusAmdIommu) {
  const std::string mute =
      "unmeasurable: devices are kept out, but QEMU's AMD IOMMU reports no fault that the kernel could name";
  EXPECT_EQ(driven("dma.isolation", {{"kernel_says", Json::array()}}, "amd"), mute);
  EXPECT_EQ(driven("dma.isolation", {{"is_unmapped_kept", false}}, "amd"),
            kDriven + "memory that is no longer mapped was written");
}

TEST(DmaChecks, NeedADeviceThatCanBeDriven) {
  EXPECT_EQ(said(judge("dma.copy", RecordedWorld({}), two_nodes())),
            "skip: the topology names no device whose DMA a check can drive (QEMU's edu)");
}

/// Two NVMe disks, the first with memory for the second; `transfer` is what went between them.
std::string peers(const std::string& check, const Json& transfer, const std::string& size = "16777216\n",
                  const std::string& published = "1\n", const std::string& available = "16711680\n",
                  const std::string& serial = "ainode-storage0     \n", bool is_emulated = true) {
  Files files = {{"/boot/config-6.12", "CONFIG_PCI_P2PDMA=y\n"}};
  for (const std::string name : {"0000:03:00.0", "0000:04:00.0"}) {
    const std::string path = "/sys/bus/pci/devices/" + name, disk = name == "0000:03:00.0" ? "nvme1" : "nvme0";
    files[path + "/vendor"] = "0x1b36\n";
    files[path + "/device"] = "0x0010\n";
    files[path + "/nvme/" + disk + "/serial"] = serial;
    files[path + "/nvme/" + disk + "/" + disk + "n1/size"] = "131072\n";
    files["/sys/block/" + disk + "n1/queue/rotational"] = "0\n";
  }
  files["/sys/bus/pci/devices/0000:03:00.0/p2pmem/size"] = size;
  files["/sys/bus/pci/devices/0000:03:00.0/p2pmem/published"] = published;
  files["/sys/bus/pci/devices/0000:03:00.0/p2pmem/available"] = available;
  Expected expected = two_nodes();
  expected.emulated = is_emulated;
  expected.topology.devices = {{"1b36", "0010", "nvme", 16777216}, {"1b36", "0010", "nvme"}};
  const Json probes = {{"kernel_release", "6.12"}, {"transfer_to_peer", {{"0000:03:00.0 and /dev/nvme0n1", transfer}}}};
  return said(judge(check, RecordedWorld(files, probes), expected));
}

const Json kTransferred = {{"bytes", 65536}, {"is_read", true}, {"is_written", true}};

TEST(PeerMemory, IsThereAsLargeAsTheMachinesAndPublished) {
  EXPECT_EQ(peers("p2p.provider", kTransferred), "pass");
  EXPECT_EQ(
      peers("p2p.provider", kTransferred, "4096\n", "0\n", "4096\n"),
      "fail: 0000:03:00.0 keeps its memory to itself; devices with memory for peers are 1b36:0010 4096 instead of "
      "1b36:0010 16777216");
  EXPECT_EQ(peers("p2p.provider", kTransferred, ""),
            "fail: devices with memory for peers are none instead of 1b36:0010 16777216");
}

TEST(PeerMemory, IsNotAllInUse) {
  const std::string size = "16777216\n";
  EXPECT_EQ(peers("p2p.provider", kTransferred, size, "1\n", size), "pass");
  EXPECT_EQ(peers("p2p.provider", kTransferred, size, "1\n", "0\n"),
            "fail: 0 of the 16777216 bytes of 0000:03:00.0 are available");
  EXPECT_EQ(peers("p2p.provider", kTransferred, size, "1\n", "16777217\n"),
            "fail: 16777217 of the 16777216 bytes of 0000:03:00.0 are available");
  EXPECT_EQ(peers("p2p.provider", kTransferred, size, "1\n", ""),
            "fail: 0000:03:00.0 does not say how much of its memory is available");
}

TEST(PeerTransfers, AreComparedBothWays) {
  EXPECT_EQ(peers("p2p.transfer", kTransferred), "pass");
  const std::string who = "fail: 0000:04:00.0 and the memory of 0000:03:00.0: ";
  Json changed = kTransferred;
  changed["is_read"] = false;
  EXPECT_EQ(peers("p2p.transfer", changed), who + "what arrived in the peer's memory is not what the disk holds");
  changed["is_written"] = false;
  EXPECT_EQ(peers("p2p.transfer", changed),
            who +
                "what arrived in the peer's memory is not what the disk holds; what the disk took from the peer's "
                "memory is something else");
  EXPECT_EQ(peers("p2p.transfer", {{"problem", "/dev/nvme0n1: Permission denied"}}),
            who + "/dev/nvme0n1: Permission denied");
  EXPECT_EQ(peers("p2p.transfer", {{"is_without_path", true}, {"problem", "writing: Remote I/O error"}}),
            "fail: no device has memory that another disk could reach");
  EXPECT_EQ(peers("p2p.transfer", kTransferred, ""), "fail: no device has memory that another disk could reach");
}

TEST(PeerTransfers, OfSomebodysDiskAreReadAlone) {
  const Json read = {{"bytes", 65536}, {"is_read", true}};
  const auto on_hardware = [&](const std::string& serial, bool is_emulated) {
    return peers("p2p.transfer", read, "16777216\n", "1\n", "16777216\n", serial, is_emulated);
  };
  EXPECT_EQ(on_hardware("S64DNE0R123456\n", false), "pass");
  EXPECT_EQ(on_hardware("ainode-storage0\n", false), "pass");
  const std::string disk = "fail: 0000:04:00.0 and the memory of 0000:03:00.0: /dev/nvme0n1 ";
  EXPECT_EQ(on_hardware("S64DNE0R123456\n", true), disk + "is not known as a scratch disk, and so was not written");
  EXPECT_EQ(on_hardware("ainode-storage0\n", true), disk + "was not written");
}

TEST(PeerMemory, NeedsADeviceThatHasSome) {
  EXPECT_EQ(said(judge("p2p.provider", RecordedWorld({}), two_nodes())),
            "skip: the topology names no device with memory for its peers");
}

TEST(Vulnerabilities, AreNotAffectedOrMitigatedUnlessTheImageWantsNone) {
  const std::string root = "/sys/devices/system/cpu/vulnerabilities/";
  Files files = {{root + "mds", "Not affected\n"}, {root + "spectre_v2", "Mitigation: Retpolines\n"}};
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld(files), {})), "pass");
  files[root + "itlb_multihit"] = "KVM: Mitigation: VMX disabled\n";
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld(files), {})), "pass");
  files[root + "srbds"] = "Unknown: Dependent on hypervisor status\n";
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld(files), {})),
            "unmeasurable: srbds: Unknown: Dependent on hypervisor status");
  files[root + "spectre_v2"] = "Vulnerable; STIBP: disabled\n";
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld(files), {})),
            "fail: spectre_v2: Vulnerable; STIBP: disabled");
  Expected expected;
  expected.kernel_cmdline = {"mitigations=off"};
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld(files), expected)),
            "skip: the image wants no mitigation: `mitigations=off`");
  EXPECT_EQ(said(judge("security.vulnerabilities", RecordedWorld({}), {})),
            "unmeasurable: the kernel says nothing of its processor's vulnerabilities");
}

/// The answer where the groups are of this type, the kernel has this option and the image this argument.
std::string typed(const std::string& type, const std::string& option, const std::string& argument,
                  const std::string& iommu = "intel", const std::string& capabilities = "d2008c22260206\n") {
  Files files = grouped_devices(type);
  files["/boot/config-6.12"] = "CONFIG_INTEL_IOMMU=y\nCONFIG_AMD_IOMMU=y\nCONFIG_" + option + "=y\n";
  files[fmt::format("/sys/class/iommu/unit0/{}-iommu/cap", iommu)] = capabilities;
  Expected expected = with_devices();
  expected.topology.iommu = iommu;
  expected.topology.devices = {{"1234", "11e8", ""}};
  expected.kernel_cmdline = split_words("quiet " + argument);
  return said(judge("iommu.type", RecordedWorld(files, {{"kernel_release", "6.12"}}), expected));
}

TEST(IommuType, FollowsTheKernelsConfigurationAndTheImagesArguments) {
  const std::string lazy = "IOMMU_DEFAULT_DMA_LAZY", strict = "IOMMU_DEFAULT_DMA_STRICT";
  EXPECT_EQ(typed("DMA-FQ", lazy, "panic=10"), "pass");
  EXPECT_EQ(typed("DMA", strict, "panic=10"), "pass");
  EXPECT_EQ(typed("DMA-FQ", strict, "iommu.strict=0"), "pass");
  EXPECT_EQ(typed("identity", lazy, "iommu=pt"), "pass");
  EXPECT_EQ(typed("DMA-FQ", "IOMMU_DEFAULT_PASSTHROUGH", "iommu.passthrough=0"), "pass");
}

/// "pass", or what it has.
std::string held(const std::string& answer) {
  const std::string device = "fail: 0000:00:04.0 (1234:11e8) has ";
  return answer.compare(0, device.size(), device) == 0 ? answer.substr(device.size()) : answer;
}

TEST(IommuType, ReadsEachWayOfSayingIt) {
  const auto lazy = [](const std::string& type, const std::string& argument) {
    return held(typed(type, "IOMMU_DEFAULT_DMA_LAZY", argument));
  };
  for (const char* argument : {"iommu.strict=1", "iommu.strict=on", "iommu.strict=Y", "intel_iommu=on,strict",
                               "amd_iommu=fullflush", "iommu=noforce,nopt iommu.strict=1"}) {
    EXPECT_EQ(lazy("DMA", argument), "pass") << argument;
    EXPECT_EQ(lazy("DMA-FQ", argument), "DMA-FQ instead of DMA") << argument;
  }
  for (const char* argument : {"iommu.strict=perhaps", "intel_iommu=strictly", "iommu=", "iommu", "strict"})
    EXPECT_EQ(lazy("DMA", argument), "DMA instead of DMA-FQ") << argument;
  EXPECT_EQ(lazy("identity", "iommu=noforce,pt"), "pass");
  EXPECT_EQ(lazy("DMA-FQ", "iommu=pt iommu.passthrough=off"), "pass");
  EXPECT_EQ(lazy("DMA", "intel_iommu=strict iommu.strict=0"), "pass") << "the driver's own is read last";
}

TEST(IommuType, IsStrictBehindAnIommuThatIsEmulatedAndSaysSo) {
  const std::string lazy = "IOMMU_DEFAULT_DMA_LAZY";
  EXPECT_EQ(held(typed("DMA", lazy, "quiet", "intel", "d2008c22260206\n")), "DMA instead of DMA-FQ");
  EXPECT_EQ(held(typed("DMA", lazy, "quiet", "intel", "d2008c22260286\n")), "pass");
  EXPECT_EQ(held(typed("DMA-FQ", lazy, "quiet", "intel", "d2008c22260286\n")), "pass");
  EXPECT_EQ(held(typed("DMA-FQ", lazy, "quiet", "amd", "1f03000f\n")), "DMA-FQ instead of DMA");
  EXPECT_EQ(held(typed("DMA", lazy, "quiet", "amd", "1f03000f\n")), "pass");
  EXPECT_EQ(held(typed("DMA", lazy, "quiet", "amd", "1b03000f\n")), "DMA instead of DMA-FQ");
  EXPECT_EQ(held(typed("DMA", lazy, "quiet", "intel", "?\n")), "pass") << "nobody knows";
  EXPECT_EQ(held(typed("identity", lazy, "quiet", "intel", "\n")), "identity instead of DMA-FQ or DMA");
}

TEST(IommuType, MayBeEitherWhereNobodyKnowsTheKernelsConfiguration) {
  Expected expected = with_devices();
  expected.topology.devices = {{"1234", "11e8", ""}};
  for (const char* type : {"DMA", "DMA-FQ"})
    EXPECT_EQ(said(judge("iommu.type", RecordedWorld(grouped_devices(type)), expected)), "pass");
  expected.kernel_cmdline = {"iommu.strict=1"};
  EXPECT_EQ(held(said(judge("iommu.type", RecordedWorld(grouped_devices("DMA-FQ")), expected))),
            "DMA-FQ instead of DMA");
}

TEST(IommuType, FailsForAnother) {
  const std::string device = "fail: 0000:00:04.0 (1234:11e8) has ";
  EXPECT_EQ(typed("identity", "IOMMU_DEFAULT_DMA_LAZY", "panic=10"), device + "identity instead of DMA-FQ");
  EXPECT_EQ(typed("DMA-FQ", "IOMMU_DEFAULT_DMA_LAZY", "iommu.strict=1"), device + "DMA-FQ instead of DMA");
  EXPECT_EQ(typed("DMA-FQ", "IOMMU_DEFAULT_PASSTHROUGH", "panic=10"), device + "DMA-FQ instead of identity");
  EXPECT_EQ(said(judge("iommu.type", RecordedWorld({}), with_devices())),
            "fail: none of the expected devices is there");
}

std::string sized(const std::string& meminfo) {
  return said(judge("mem.size", RecordedWorld(Files{{"/proc/meminfo", meminfo}}), two_nodes()));
}

const Files kWithTest = {{"/usr/lib/modules/6.12/config", "CONFIG_DMATEST=m\n"}, {"/sys/class/dma/dma0chan0/", ""}};

/// Of a kernel whose log says this, where dmatest ended with the status.
std::string engine_answer(const Files& files, const std::string& log, int status = 0) {
  const Check check = check_named("dma.engine");
  class EngineNode : public RecordedNode {
   public:
    EngineNode(Recording recording, CommandOutcome outcome)
        : RecordedNode(std::move(recording), Unrecorded::is_absent), outcome_(std::move(outcome)) {}
    CommandOutcome run(const std::vector<std::string>&) const override { return outcome_; }

   private:
    CommandOutcome outcome_;
  };
  Recording recording;
  for (const auto& [path, content] : files) recording.files[path] = content;
  recording.answers.single = {{"kernel_release", "6.12"}, {"kernel_log", log}};
  return said(run_check(check, EngineNode(std::move(recording), {status, "modprobe: gone\n", ""}), {}));
}

TEST(DmaEngine, WantsNoFailureOnAnyChannel) {
  const std::string good = "<6>[    9.1] dmatest: dma0chan0-copy0: summary 100 tests, 0 failures 32 iops 9 KB/s (0)\n";
  const std::string bad = "<6>[    9.2] dmatest: dma0chan1-copy0: summary 100 tests, 3 failures 32 iops 9 KB/s (0)\n";
  EXPECT_EQ(engine_answer(kWithTest, good), "pass");
  EXPECT_EQ(engine_answer(kWithTest, good + bad),
            "fail: dmatest: dma0chan1-copy0: summary 100 tests, 3 failures 32 iops 9 KB/s (0)");
  EXPECT_EQ(engine_answer(kWithTest, ""), "fail: the kernel's log has no summary of dmatest's");
  EXPECT_EQ(engine_answer(kWithTest, good, 1), "fail: dmatest did not run: modprobe: gone");
  const std::string begins = "<14>[    9.3] ainode: dmatest begins\n";
  EXPECT_EQ(engine_answer(kWithTest, begins + bad + begins + good), "pass") << "an earlier run is not this one";
  EXPECT_EQ(engine_answer(kWithTest, good + begins), "fail: the kernel's log has no summary of dmatest's");
}

TEST(DmaEngine, NeedsTheTestAndAnEngine) {
  EXPECT_EQ(engine_answer({{"/usr/lib/modules/6.12/config", "CONFIG_NUMA=y\n"}}, ""),
            "skip: kernel 6.12 has CONFIG_DMATEST off");
  EXPECT_EQ(engine_answer({{"/usr/lib/modules/6.12/config", "CONFIG_DMATEST=m\n"}}, ""),
            "skip: no DMA engine is in /sys/class/dma");
}

std::string wake_up_answer(const Json& found, bool is_emulated) {
  Expected expected;
  expected.emulated = is_emulated;
  const RecordedWorld world({{"/sys/devices/system/cpu/online", "0-1\n"}}, {{"measure_wakeups", found}});
  return said(judge("rt.latency", world, expected));
}

TEST(RtLatency, IsMeasuredAndHeldAgainstNothingWithoutALimit) {
  const Json found = {
      {"wakeups", 4}, {"median_us", 2.5}, {"p9999_us", 9}, {"max_us", 9}, {"histogram", {{"2", 3}, {"4", 1}}}};
  EXPECT_EQ(wake_up_answer(found, false), "skip: no limit is declared: its figures are held against nothing");
  EXPECT_EQ(wake_up_answer(found, true), "unmeasurable: an emulated machine's processors wait for the host's");
  EXPECT_EQ(wake_up_answer({{"problem", "sched_setscheduler with SCHED_FIFO: Invalid argument"}}, true),
            "fail: sched_setscheduler with SCHED_FIFO: Invalid argument");
  const RecordedWorld world({{"/sys/devices/system/cpu/online", "0-1\n"}}, {{"measure_wakeups", found}});
  const Json measured = judge("rt.latency", world, {}).measured;
  EXPECT_EQ(measured["p99.99_us"], 9);
  EXPECT_EQ(measured["histogram"], (Json{{"below 4 us", 3}, {"below 16 us", 1}}));
}

CheckResult booted_in(const std::string& moments, bool is_emulated = false) {
  Expected expected;
  expected.emulated = is_emulated;
  const std::string command =
      "systemctl show --property=InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic";
  const RecordedWorld world(Files{}, {{"run", {{command, {{"status", 0}, {"output", moments}}}}}});
  return judge("system.boot-time", world, expected);
}

TEST(BootTime, IsWhatSystemdSays) {
  const CheckResult result = booted_in(
      "UserspaceTimestampMonotonic=3000000\nFinishTimestampMonotonic=7500000\nInitRDTimestampMonotonic=1000000\n");
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured, (Json{{"kernel_s", 1.0}, {"initrd_s", 2.0}, {"userspace_s", 4.5}, {"all_s", 7.5}}));
  const CheckResult without_initrd =
      booted_in("UserspaceTimestampMonotonic=3000000\nFinishTimestampMonotonic=7500000\nInitRDTimestampMonotonic=0\n");
  EXPECT_EQ(without_initrd.measured["kernel_s"], 3.0);
  EXPECT_EQ(without_initrd.measured["initrd_s"], nullptr);
}

TEST(BootTime, FailsForABootThatDoesNotEndAndMeansNothingUnderEmulation) {
  EXPECT_EQ(said(booted_in("UserspaceTimestampMonotonic=3000000\nFinishTimestampMonotonic=0\n", true)),
            "fail: systemd has not finished the boot");
  EXPECT_EQ(said(booted_in("")), "fail: systemd does not say when it started");
  EXPECT_EQ(said(booted_in("UserspaceTimestampMonotonic=3000000\nFinishTimestampMonotonic=7500000\n", true)),
            "unmeasurable: an emulated machine's seconds are the host's");
}

const Json kMirrored = {{"is_present", true}, {"bytes", 65536}, {"is_read", true},
                        {"is_written", true}, {"moved", 65536}, {"is_brought_back", true}};

const std::string kHmmFunctions = " T hmm_range_fault\nff T migrate_vma_setup\n";

/// Of an image whose recipe compiles this module.
Expected with_module(const std::string& name) {
  Expected expected;
  expected.declared = {{"driver.extra-modules", {{"module", name}}, "node.yaml:9:7"}};
  return expected;
}

std::string mirror_answer(const Json& trial, const std::string& functions = kHmmFunctions,
                          const Expected& expected = {}) {
  const Json command = {
      {"grep -E  (hmm_range_fault|migrate_vma_setup)$ /proc/kallsyms", {{"status", 0}, {"output", functions}}}};
  const RecordedWorld world(
      Files{{"/usr/lib/modules/6.12/config", "CONFIG_HMM_MIRROR=y\nCONFIG_DEVICE_PRIVATE=y\n"},
            {"/proc/version", "Linux version 6.12\n"}},
      {{"kernel_release", "6.12"}, {"run", command}, {"try_mirror", {{"/dev/hmm_dmirror0", trial}}}});
  return said(judge("mem.hmm", world, expected));
}

TEST(MemHmm, WantsTheKernelsFunctionsAndWhatATestDeviceDoes) {
  EXPECT_EQ(mirror_answer(Json::object()), "pass");
  EXPECT_EQ(mirror_answer(kMirrored), "pass");
  EXPECT_EQ(mirror_answer(Json::object(), " T hmm_range_fault\n"), "fail: the kernel has no migrate_vma_setup");
}

TEST(MemHmm, WantsTheDeviceWhereTheRecipeCompilesIt) {
  for (const char* name : {"test_hmm", "test-hmm"}) {
    EXPECT_EQ(mirror_answer(kMirrored, kHmmFunctions, with_module(name)), "pass");
    EXPECT_EQ(mirror_answer(Json::object(), kHmmFunctions, with_module(name)),
              "fail: the recipe compiles test_hmm, and there is no /dev/hmm_dmirror0");
  }
  EXPECT_EQ(mirror_answer(Json::object(), kHmmFunctions, with_module("own")), "pass");
}

/// Of the files of an image that does not run.
CheckResult configured(const std::string& config, const Expected& expected) {
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12/config", config}}, {{"kernel_release", "6.12"}});
  return judge("mem.hmm", world, expected);
}

TEST(MemHmm, ReadsTheConfigurationAloneOfAnImageThatDoesNotRun) {
  EXPECT_EQ(check_named("mem.hmm").where, Where::tree_in_part);
  const CheckResult result = configured("CONFIG_HMM_MIRROR=y\nCONFIG_DEVICE_PRIVATE=y\n", with_module("test_hmm"));
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"HMM_MIRROR":"y","DEVICE_PRIVATE":"y"})");
  EXPECT_EQ(said(configured("CONFIG_HMM_MIRROR=y\n", with_module("test_hmm"))),
            "fail: kernel 6.12 has CONFIG_DEVICE_PRIVATE off, and the recipe compiles test_hmm");
  const CheckResult skip = configured("CONFIG_HMM_MIRROR=y\n", with_module("own"));
  EXPECT_EQ(said(skip), "skip: kernel 6.12 has CONFIG_DEVICE_PRIVATE off");
  EXPECT_EQ(skip.lacks, "config:DEVICE_PRIVATE");
  EXPECT_EQ(said(judge("mem.hmm", RecordedWorld({}, {{"kernel_release", "6.12"}}), with_module("test_hmm"))),
            "skip: no configuration of kernel 6.12 is in the image");
}

TEST(MemHmm, FailsForEachPromiseThatADeviceBreaks) {
  const std::pair<Json, std::string> cases[] = {
      {{{"is_read", false}}, "the device reads something else than the process wrote"},
      {{{"is_written", false}}, "the process reads something else than the device wrote"},
      {{{"moved", 4096}}, "4096 of 65536 bytes went into the device's memory"},
      {{{"is_brought_back", false}}, "they did not come back whole when the process read them"},
      {{{"problem", "open: No such device"}}, "open: No such device"}};
  for (const auto& [broken, reason] : cases) {
    Json trial = kMirrored;
    trial.update(broken);
    EXPECT_EQ(mirror_answer(trial), "fail: " + reason);
  }
}

TEST(MemSize, PassesWithinTheTolerance) {
  const RecordedWorld world(Files{{"/proc/meminfo", "MemTotal:        2014236 kB\nMemFree: 1 kB\n"}});
  const CheckResult result = judge("mem.size", world, two_nodes());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"bytes":2062577664})");
  EXPECT_EQ(result.expected.dump(), R"({"least_bytes":1932735283,"most_bytes":2147483648})");
}

TEST(MemSize, FailsForTooLittleAndForTooMuch) {
  EXPECT_EQ(sized("MemTotal: 1048576 kB\n"), "fail: 819 MiB are missing");
  EXPECT_EQ(sized("MemTotal: 3145728 kB\n"), "fail: 1024 MiB more than the machine has");
  EXPECT_EQ(sized("MemFree: 1 kB\n"), "fail: /proc/meminfo has no MemTotal");
}

Expected with_target() {
  Expected expected;
  expected.declared = {{"systemd.default-target", "multi-user.target", "qemu-base.yaml:15:12"}};
  return expected;
}

Json systemctl(const std::string& state, const std::string& failed, const std::string& target,
               const std::string& active) {
  return {{"run",
           {{"systemctl is-system-running", {{"status", 0}, {"output", state + "\n"}}},
            {"systemctl list-units --failed --plain --no-legend --no-pager", {{"status", 0}, {"output", failed}}},
            {"systemctl get-default", {{"status", 0}, {"output", target + "\n"}}},
            {"systemctl is-active multi-user.target", {{"status", 0}, {"output", active + "\n"}}}}}};
}

std::string units(const Json& probes) {
  return said(judge("system.units", RecordedWorld({}, probes), with_target()));
}

TEST(SystemUnits, PassesWhenNothingFailedAndTheTargetIsReached) {
  const RecordedWorld world({}, systemctl("running", "", "multi-user.target", "active"));
  const CheckResult result = judge("system.units", world, with_target());
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(),
            R"({"state":"running","failed":[],"default_target":"multi-user.target","active":["multi-user.target"]})");
  EXPECT_EQ(result.place, "qemu-base.yaml:15:12");
}

TEST(SystemUnits, FailsWithTheLastWordsOfFailedUnits) {
  Json probes = systemctl("degraded", "a.service loaded failed failed A\n", "multi-user.target", "active");
  probes["run"]["journalctl --boot --unit a.service --lines 8 --output cat --no-pager"] = {
      {"status", 0}, {"output", "Starting A...\nno such device\n"}};
  const CheckResult result = judge("system.units", RecordedWorld({}, probes), with_target());
  EXPECT_EQ(said(result), "fail: a.service failed");
  EXPECT_EQ(result.measured["journal"].dump(), R"({"a.service":["Starting A...","no such device"]})");
}

TEST(SystemUnits, FailsNamingTheFailedUnits) {
  EXPECT_EQ(units(systemctl("degraded", "a.service loaded failed failed A\nb.mount loaded failed failed B\n",
                            "multi-user.target", "active")),
            "fail: a.service, b.mount failed");
}

TEST(SystemUnits, FailsForAnotherTargetAndForABootThatDoesNotEnd) {
  EXPECT_EQ(units(systemctl("starting", "", "graphical.target", "inactive")),
            "fail: the system is starting; the default target is `graphical.target` instead of multi-user.target; "
            "multi-user.target is inactive");
}

TEST(SystemUnits, FailsWithoutSystemctl) {
  EXPECT_EQ(units({}), "fail: systemctl could not be started");
}

const std::string kCommit(64, 'a');

Json image_probes(bool read_only, const std::string& usr) {
  return {{"is_read_only", {{"/usr", read_only}}}, {"is_same_directory", {{"/usr and " + usr, true}}}};
}

/// The deployment link leads to `commit`.
Files deployment(const std::string& commit) {
  return {{"/proc/cmdline", "quiet ostree=/ostree/boot.1/ainode/f00/0\n"},
          {"/sysroot/ostree/boot.1/ainode/f00/0", "-> ../../../deploy/ainode/deploy/" + commit + ".0"}};
}

std::string usr_of(const std::string& commit) {
  return "/sysroot/ostree/boot.1/ainode/f00/../../../deploy/ainode/deploy/" + commit + ".0/usr";
}

CheckResult deployed(const Files& files, const Json& probes) {
  Expected expected;
  expected.commit = kCommit;
  return judge("image.deployed", RecordedWorld(files, probes), expected);
}

TEST(ImageDeployed, PassesForTheManifestsCommit) {
  const CheckResult result = deployed(deployment(kCommit), image_probes(true, usr_of(kCommit)));
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured, result.expected);
  EXPECT_EQ(result.measured.dump(), R"({"commit":")" + kCommit + R"(","runs_from_it":true,"usr_read_only":true})");
}

TEST(ImageDeployed, FailsForAnotherCommit) {
  const std::string other(64, 'b');
  EXPECT_EQ(said(deployed(deployment(other), image_probes(true, usr_of(other)))),
            "fail: the deployment is commit " + other);
}

TEST(ImageDeployed, HoldsTheCommitsSignatures) {
  const std::string path = "/sysroot/ostree/repo/objects/aa/" + kCommit.substr(2) + ".commitmeta";
  // printf signed | sha256sum
  const Json sum = {{"signatures_sha256", "4a3cdfae6f291c8f544daea5b72905cf9e74c1ed427d831ad0d7ca00c73c794d"}};
  Expected expected;
  expected.commit = kCommit;
  expected.declared = {{"image.deployed", sum, ""}};
  const auto said_with = [&](const std::optional<std::string>& signatures) {
    Files files = deployment(kCommit);
    if (signatures) files[path] = *signatures;
    return said(judge("image.deployed", RecordedWorld(files, image_probes(true, usr_of(kCommit))), expected));
  };
  EXPECT_EQ(said_with("signed"), "pass");
  EXPECT_EQ(said_with("forged"), "fail: the commit's signatures are not those that it was published with");
  EXPECT_EQ(said_with(std::nullopt), "fail: the commit's signatures are not there");
}

TEST(ImageDeployed, FailsForAWritableOrForeignUsr) {
  EXPECT_EQ(said(deployed(deployment(kCommit), image_probes(false, "/elsewhere"))),
            "fail: /usr is not the deployment's; /usr can be written");
}

TEST(ImageDeployed, FailsOnASystemThatIsNoDeployment) {
  EXPECT_EQ(said(deployed({{"/proc/cmdline", "quiet\n"}}, {})), "fail: the kernel's command line has no `ostree=`");
  EXPECT_EQ(said(deployed({{"/proc/cmdline", "ostree=/ostree/boot.1/x/0\n"}}, {})),
            "fail: /sysroot/ostree/boot.1/x/0 is not a link to a deployment");
}

std::string ids_of(const std::vector<Check>& chosen) {
  std::string ids;
  for (const Check& check : chosen) ids += (ids.empty() ? "" : " ") + std::string(check.id);
  return ids;
}

TEST(Catalogue, AsksAnImageForWhatItDeclaresInRunningOrder) {
  Expected image;
  image.profiles = {"boot"};
  EXPECT_EQ(ids_of(checks_for(image)),
            "kernel.release kernel.cmdline kernel.timer numa.nodes numa.distances-symmetric numa.cpus-partition "
            "numa.hmat numa.tiers numa.device-node numa.placement numa.migration numa.interleave numa.weighted "
            "iommu.on iommu.type iommu.groups mem.size image.deployed security.vulnerabilities driver.vermagic "
            "kernel.preempt kernel.modules driver.bound driver.pcie-link numa.hugepages dmabuf.heap dmabuf.udmabuf "
            "dma.copy dma.isolation p2p.provider p2p.transfer mem.hmm system.units containers.cdi-valid "
            "kernel.console driver.taint");
  image.declared = {{"mem.thp", "madvise", ""}, {"security.lockdown", "none", ""}};
  const std::string with_more = ids_of(checks_for(image));
  EXPECT_NE(with_more.find("mem.size mem.thp image.deployed"), std::string::npos) << with_more;
  EXPECT_NE(with_more.find("system.units security.lockdown containers.cdi-valid kernel.console"), std::string::npos)
      << with_more;
  image.profiles = {"memory"};
  EXPECT_EQ(ids_of(checks_for(image)), "mem.size mem.thp mem.hmm");
}

TEST(Catalogue, NamesAndDescribesEachCheckOnce) {
  std::set<std::string_view> ids, sentences;
  for (const Check& check : all_checks()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
    EXPECT_TRUE(sentences.insert(check.sentence).second) << check.id;
    EXPECT_TRUE(check.function) << check.id;
  }
}

TEST(Catalogue, ChoosesByProfile) {
  EXPECT_EQ(ids_of(checks_of({"numa", "memory", "no-such"})),
            "numa.nodes numa.distances-symmetric numa.cpus-partition numa.hmat numa.tiers numa.device-node "
            "numa.placement numa.migration numa.interleave numa.weighted mem.size "
            "mem.hugepages mem.thp "
            "numa.balancing numa.reclaim numa.hugepages numa.bandwidth numa.latency mem.hmm");
}

TEST(Catalogue, ALevelHoldsTheChecksOfThoseBelowIt) {
  Expected image;
  image.profiles = {"driver"};
  image.level = Level::quick;
  EXPECT_EQ(ids_of(checks_for(image)), "driver.bound driver.pcie-link driver.taint");
  image.level = Level::standard;
  EXPECT_EQ(ids_of(checks_for(image)), "driver.vermagic driver.bound driver.pcie-link driver.taint");
  image.profiles = {"cpu", "dma"};
  EXPECT_EQ(ids_of(checks_for(image)).find("rt.latency"), std::string::npos);
  image.level = Level::full;
  EXPECT_NE(ids_of(checks_for(image)).find("dma.engine p2p.provider p2p.transfer rt.latency"), std::string::npos);
  EXPECT_EQ(level_named("full"), Level::full);
  EXPECT_EQ(level_named("fast"), std::nullopt);
}

TEST(Catalogue, RunsSingleChecksWhateverTheImageStates) {
  Expected image;
  image.profiles = {"boot"};
  image.only = {"cpu.governor", "numa.nodes"};
  EXPECT_EQ(ids_of(checks_for(image)), "numa.nodes cpu.governor");
  const CheckResult result = judge("cpu.governor", RecordedWorld(Files{}), image);
  EXPECT_EQ(said(result), "skip: the manifest declares no cpu.governor");
  EXPECT_EQ(result.lacks, "declared:cpu.governor");
}

TEST(RunCheck, SaysWhichNeedASkipLacks) {
  Expected machine = two_nodes();
  EXPECT_EQ(judge("numa.hmat", RecordedWorld(Files{}), machine).lacks, "hmat");
  machine.topology.iommu = "amd";
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12/config", "CONFIG_NUMA=y\n"}}, {{"kernel_release", "6.12"}});
  const CheckResult result = judge("iommu.on", world, machine);
  EXPECT_EQ(said(result), "skip: kernel 6.12 has CONFIG_AMD_IOMMU off");
  EXPECT_EQ(result.lacks, "config:AMD_IOMMU");
}

Finding breaks(const Node&, const Expected&) {
  throw std::runtime_error("no such luck");
}

TEST(RunCheck, BlamesTheHarnessForACheckThatBreaks) {
  const Check check{"x.y", "breaks", {}, When::early, breaks};
  EXPECT_EQ(said(run_check(check, RecordedWorld({}).node(), {})), "infra: the check itself failed: no such luck");
}

TEST(RunCheck, DoesNotPassOverAnUnknownNeed) {
  const Check check{"x.y", "needs", {"luck"}, When::early, breaks};
  EXPECT_EQ(said(run_check(check, RecordedWorld({}).node(), {})), "skip: nobody knows the need `luck`");
}

}  // namespace
}  // namespace ainode::checks
