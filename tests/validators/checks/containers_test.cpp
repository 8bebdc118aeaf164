// SPDX-License-Identifier: Apache-2.0
// Containers and the CDI files that bring devices into them: what is there, what is claimed, what a container shows.
#include "tests/validators/checks/recorded_world.h"
#include "validators/checks/cdi.h"

namespace ainode::checks {
namespace {

const char* const kGpu = R"({"cdiVersion": "0.6.0", "kind": "vendor.com/gpu",
  "containerEdits": {"mounts": [{"hostPath": "/usr/lib/gpu.so", "containerPath": "/usr/lib/gpu.so"}]},
  "devices": [{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu0"}]}},
              {"name": "all", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu1", "hostPath": "/dev/real1"},
                                                                 {"path": "/dev/gpu0"}]}}]})";
const Files kWhole = {{"/etc/cdi/gpu.json", kGpu}, {"/dev/gpu0", ""}, {"/dev/real1", ""}, {"/usr/lib/gpu.so", ""}};

TEST(CdiFiles, AreReadWithWhatAllDevicesShare) {
  const CdiFiles files = read_cdi_files(RecordedWorld(kWhole).node());
  ASSERT_EQ(files.devices.size(), 2U);
  EXPECT_TRUE(files.problems.empty());
  EXPECT_EQ(files.devices[1].name, "vendor.com/gpu=all");
  EXPECT_EQ(files.devices[1].nodes, (std::vector<std::string>{"/dev/gpu0", "/dev/gpu1"}));
  EXPECT_EQ(files.devices[1].needs, (std::vector<std::string>{"/usr/lib/gpu.so", "/dev/real1", "/dev/gpu0"}));
}

std::string valid(const std::string& content, const std::string& name = "x.json") {
  return said(judge("containers.cdi-valid", RecordedWorld(Files{{"/run/cdi/" + name, content}}), {}));
}

TEST(CdiValid, WantsWhatTheFilesNameToBeThere) {
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(kWhole), {})), "pass");
  Files stale = kWhole;
  stale.erase("/dev/real1");
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(stale), {})),
            "fail: vendor.com/gpu=all: /dev/real1 does not exist");
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld({}), {})), "skip: no CDI file is in /etc/cdi or /run/cdi");
}

TEST(CdiValid, WantsWhatTheRecipeDeclares) {
  const auto declared = [](const std::string& device, const Json& nodes) {
    Expected expected;
    expected.declared = {{"containers.cdi", {{"device", device}, {"nodes", nodes}}, "r.yaml:4:2"}};
    return expected;
  };
  const Json gpu0 = {{{"path", "/dev/gpu0"}, {"hostPath", "/dev/gpu0"}}};
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(kWhole), declared("vendor.com/gpu=0", gpu0))), "pass");
  const std::string lost = "fail: no file gives vendor.com/gpu=9 the nodes /dev/gpu0 (r.yaml:4:2)";
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(kWhole), declared("vendor.com/gpu=9", gpu0))), lost);
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld({}), declared("vendor.com/gpu=9", gpu0))), lost);
  EXPECT_NE(said(judge("containers.cdi-valid", RecordedWorld(kWhole), declared("vendor.com/gpu=all", gpu0))), "pass");
}

TEST(CdiValid, RefusesWhatIsNoSpecification) {
  const std::string who = "fail: /run/cdi/x.json: ";
  EXPECT_EQ(valid("{"), who + "it is no JSON object");
  EXPECT_EQ(valid("[]"), who + "it is no JSON object");
  EXPECT_EQ(valid("{}"), who + "`cdiVersion` is missing or no text");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "gpu"})"), who + "`kind` is `gpu` and not like vendor.com/class");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "a/b/c"})"),
            who + "`kind` is `a/b/c` and not like vendor.com/class");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "a/b"})"), who + "it defines no device");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": {}})"), who + "`devices` is no list");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": [{"name": "0", "containerEdits":
                     {"deviceNodes": [{"path": 7}]}}]})"),
            who + "`path` is missing or no text");
  EXPECT_EQ(valid(R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": [{"name": "0;reboot"}]})"),
            who + "a device cannot be named `0;reboot`");
}

/// As nvidia-ctk(1) writes it.
const char* const kYaml = R"(---
cdiVersion: 0.5.0
kind: vendor.com/gpu
containerEdits:
  mounts:
  - containerPath: /usr/lib/gpu.so
    hostPath: /usr/lib/gpu.so
    options: [ro, nosuid]
devices:
- name: 0
  containerEdits:
    deviceNodes:
    - path: /dev/gpu0
- name: "all"
  containerEdits:
    hooks:
    deviceNodes: [{path: /dev/gpu0}, {path: /dev/gpu1, hostPath: /dev/real1}]
)";

TEST(CdiValid, ReadsYamlAsJson) {
  const CdiFiles files = read_cdi_files(RecordedWorld(Files{{"/etc/cdi/nvidia.yaml", kYaml}}).node());
  EXPECT_TRUE(files.problems.empty() && files.unread.empty());
  ASSERT_EQ(files.devices.size(), 2U);
  EXPECT_EQ(files.devices[0].name, "vendor.com/gpu=0");
  EXPECT_EQ(files.devices[1].nodes, (std::vector<std::string>{"/dev/gpu0", "/dev/gpu1"}));
  EXPECT_EQ(files.devices[1].needs, (std::vector<std::string>{"/usr/lib/gpu.so", "/dev/gpu0", "/dev/real1"}));
  Files world = {{"/etc/cdi/nvidia.yaml", kYaml}, {"/dev/gpu0", ""}, {"/dev/real1", ""}, {"/usr/lib/gpu.so", ""}};
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(world), {})), "pass");
  world.erase("/dev/gpu0");
  EXPECT_EQ(said(judge("containers.cdi-valid", RecordedWorld(world), {})),
            "fail: vendor.com/gpu=0: /dev/gpu0 does not exist; vendor.com/gpu=all: /dev/gpu0 does not exist");
}

TEST(CdiValid, RefusesYamlThatIsNoSpecification) {
  const std::string who = "fail: /run/cdi/x.yaml: ";
  EXPECT_EQ(valid("kind: [a/b\n", "x.yaml"), who + "it is not valid YAML: end of sequence flow not found (line 2)");
  EXPECT_EQ(valid("kind: a/b\nkind: a/c\n", "x.yaml"), who + "duplicate key `kind` (line 2)");
  EXPECT_EQ(valid("kind: \xff\n", "x.yaml"), who + "it is not UTF-8 (line 1)");
  EXPECT_EQ(valid("", "x.yaml"), who + "it is no mapping");
  EXPECT_EQ(valid("- a/b\n", "x.yaml"), who + "it is no mapping");
  EXPECT_EQ(valid("cdiVersion: 0.6.0\nkind: gpu\n", "x.yaml"), who + "`kind` is `gpu` and not like vendor.com/class");
  EXPECT_EQ(valid("cdiVersion: 0.6.0\nkind: a/b\ndevices:\n", "x.yaml"), who + "it defines no device");
}

const std::string kNotRead = "unmeasurable: not read, for anchors, tags, several documents or their size: ";

TEST(CdiValid, SaysNothingOfWhatItDoesNotRead) {
  EXPECT_EQ(valid("kind: &k a/b\nother: *k\n", "x.yaml"), kNotRead + "/run/cdi/x.yaml");
  EXPECT_EQ(valid("kind: a/b\n---\nkind: a/b\n", "x.yaml"), kNotRead + "/run/cdi/x.yaml");
}

/// A node whose shell answers each run of a container by the devices that it was given.
class ContainerNode : public RecordedNode {
 public:
  using RecordedNode::RecordedNode;
  std::map<std::string, CommandOutcome> answers;  ///< by the device's name, "" without one

  CommandOutcome run(const std::vector<std::string>& argv) const override {
    const std::string option = "--device=";
    const std::string& last = argv.back();
    const bool has_device = last.compare(0, option.size(), option) == 0;
    const auto found = answers.find(has_device ? last.substr(option.size()) : "");
    return found == answers.end() ? CommandOutcome{125, "Error: unresolvable CDI devices\n", ""} : found->second;
  }
};

CommandOutcome saw(const std::string& devices, int status = 7) {
  return {status, "pid 1\nprocesses 1\ndevice /dev/null\n" + devices, ""};
}

CheckResult contained(const std::string& check, std::map<std::string, CommandOutcome> answers,
                      const Files& files = {{"/etc/cdi/gpu.json", kGpu}}) {
  Recording recording;
  recording.files = files;
  ContainerNode node(std::move(recording), Unrecorded::is_absent);
  node.answers = std::move(answers);
  Expected expected;
  expected.declared = {{"containers.runs", {{"runtime", "podman"}}, "r.yaml:9:3"}};
  return run_check(check_named(check), node, expected);
}

TEST(ContainersRun, AloneWithThemselvesAndGiveTheirStatusBack) {
  EXPECT_EQ(said(contained("containers.runs", {{"", saw("")}})), "pass");
  EXPECT_EQ(said(contained("containers.runs", {{"", saw("", 0)}})),
            "fail: a container ended with status 0 instead of 7:  (r.yaml:9:3)");
  EXPECT_EQ(said(contained("containers.runs", {{"", {127, "sh: podman: not found\n", ""}}})),
            "fail: a container ended with status 127 instead of 7: sh: podman: not found (r.yaml:9:3)");
  EXPECT_EQ(said(contained("containers.runs", {{"", {7, "pid 812\nprocesses 60\n", ""}}})),
            "fail: its process has number 812 and sees 60 processes, instead of itself alone (r.yaml:9:3)");
}

const std::string kFirst = "vendor.com/gpu=0", kAll = "vendor.com/gpu=all";
const CommandOutcome kBothGpus = saw("device /dev/gpu0\ndevice /dev/gpu1\n");

TEST(CdiIsolates, GivesEachContainerItsDevicesAndNoOther) {
  const CheckResult result =
      contained("containers.cdi-isolates", {{"", saw("")}, {kFirst, saw("device /dev/gpu0\n")}, {kAll, kBothGpus}});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.place, "r.yaml:9:3");
  EXPECT_EQ(said(contained("containers.cdi-isolates", {{"", saw("")}, {kFirst, kBothGpus}, {kAll, kBothGpus}})),
            "fail: vendor.com/gpu=0 brings /dev/gpu0, /dev/gpu1 instead of /dev/gpu0");
  EXPECT_EQ(said(contained("containers.cdi-isolates",
                           {{"", saw("device /dev/gpu0\n")}, {kFirst, saw("device /dev/gpu0\n")}, {kAll, kBothGpus}})),
            "fail: a container that asked for none has /dev/gpu0; vendor.com/gpu=0 brings no node instead of "
            "/dev/gpu0; vendor.com/gpu=all brings /dev/gpu1 instead of /dev/gpu0, /dev/gpu1");
}

TEST(CdiIsolates, GivesNoContainerADeviceThatNobodyAskedFor) {
  EXPECT_EQ(said(contained("containers.cdi-isolates",
                           {{"", saw("device /dev/kmsg\n")},
                            {kFirst, saw("device /dev/gpu0\ndevice /dev/kmsg\n")},
                            {kAll, saw("device /dev/gpu0\ndevice /dev/gpu1\ndevice /dev/kmsg\n")}})),
            "fail: a container that asked for none has /dev/kmsg");
}

TEST(CdiIsolates, GivesDevicesOfYamlToo) {
  const Files yaml = {{"/etc/cdi/gpu.yaml", kYaml}};
  const auto given = [&](const Files& files, const CommandOutcome& first) {
    return said(contained("containers.cdi-isolates", {{"", saw("")}, {kFirst, first}, {kAll, kBothGpus}}, files));
  };
  EXPECT_EQ(given(yaml, saw("device /dev/gpu0\n")), "pass");
  EXPECT_EQ(given(yaml, kBothGpus), "fail: vendor.com/gpu=0 brings /dev/gpu0, /dev/gpu1 instead of /dev/gpu0");
  Files unread = yaml;
  unread["/etc/cdi/y.yaml"] = "kind: &k a/b\n";
  EXPECT_EQ(given(unread, saw("device /dev/gpu0\n")), kNotRead + "/etc/cdi/y.yaml");
}

TEST(CdiIsolates, JudgesNothingByFilesThatNameNoDevice) {
  EXPECT_EQ(said(contained("containers.cdi-isolates", {{"", saw("")}}, {{"/etc/cdi/x.yaml", "kind: !x a/b"}})),
            kNotRead + "/etc/cdi/x.yaml");
  EXPECT_EQ(said(contained("containers.cdi-isolates", {{"", saw("")}}, {{"/etc/cdi/x.json", "[]"}})),
            "fail: /etc/cdi/x.json: it is no JSON object");
}

TEST(ContainersRun, NeedsRoot) {
  EXPECT_EQ(
      said(contained("containers.runs", {{"", {1, "only root may do this: run a container of the system\n", ""}}})),
      "unmeasurable: a container ended with status 1 instead of 7: only root may do this: run a container of the "
      "system (r.yaml:9:3)");
}

TEST(CdiIsolates, FailsWhereADeviceIsRefusedOrAnUnknownOneIsNot) {
  EXPECT_EQ(said(contained("containers.cdi-isolates", {{"", saw("")}, {kAll, kBothGpus}})),
            "fail: vendor.com/gpu=0: a container ended with status 125 instead of 7: Error: unresolvable CDI devices");
  EXPECT_EQ(
      said(contained(
          "containers.cdi-isolates",
          {{"", saw("")}, {kFirst, saw("device /dev/gpu0\n")}, {kAll, kBothGpus}, {"ainode.dev/unknown=0", saw("")}})),
      "fail: a container starts with ainode.dev/unknown=0, which nobody defined");
}

}  // namespace
}  // namespace ainode::checks
