// SPDX-License-Identifier: Apache-2.0
// Each kernel check once on a tree that is right, and on trees with one planted fault.
#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

Expected quiet_image() {
  Expected expected;
  expected.kernel_cmdline = {"root=LABEL=ainode", "quiet", "panic=10"};
  expected.harness_cmdline = {"console=ttyS0", "panic=-1"};
  expected.declared = {{"kernel.cmdline", "quiet", "qemu-base.yaml:14:3"},
                       {"kernel.cmdline", "panic=10", "node.yaml:7:9"}};
  return expected;
}

CheckResult cmdline(const std::string& text) {
  return judge("kernel.cmdline", RecordedWorld(Files{{"/proc/cmdline", text + "\n"}}), quiet_image());
}

TEST(KernelCmdline, PassesWithTheHarnessesArgumentsSubtracted) {
  const CheckResult result =
      cmdline("root=LABEL=ainode quiet panic=10 ostree=/ostree/boot.1/x/0 console=ttyS0 panic=-1");
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"(["root=LABEL=ainode","quiet","panic=10"])");
  EXPECT_EQ(result.expected, result.measured);
  EXPECT_EQ(result.evidence, "/proc/cmdline");
  EXPECT_EQ(result.place, "qemu-base.yaml:14:3");
}

TEST(KernelCmdline, FailsForMissingRepeatedAndUnknownArguments) {
  EXPECT_EQ(said(cmdline("root=LABEL=ainode quiet quiet mitigations=off console=ttyS0 panic=-1")),
            "fail: `quiet` stands 2 times (qemu-base.yaml:14:3); `panic=10` is missing (node.yaml:7:9); "
            "`mitigations=off` is not declared");
  EXPECT_EQ(cmdline("root=LABEL=ainode quiet console=ttyS0 panic=-1").place, "node.yaml:7:9");
}

TEST(KernelCmdline, KeepsAQuotedValueTogether) {
  EXPECT_EQ(said(cmdline("root=LABEL=ainode quiet panic=10 dyndbg=\"file a +p\" console=ttyS0 panic=-1")),
            "fail: `dyndbg=\"file a +p\"` is not declared");
}

TEST(KernelCmdline, BlamesTheHarnessForItsOwnLostArgument) {
  EXPECT_EQ(said(cmdline("root=LABEL=ainode quiet panic=10 console=ttyS0")),
            "infra: the harness's own `panic=-1` did not reach the kernel");
}

TEST(KernelCmdline, CountsAnArgumentThatImageAndHarnessBothGive) {
  Expected expected = quiet_image();
  expected.harness_cmdline = {"quiet"};
  const RecordedWorld twice(Files{{"/proc/cmdline", "root=LABEL=ainode quiet panic=10 quiet\n"}});
  EXPECT_EQ(said(judge("kernel.cmdline", twice, expected)), "pass");
  const RecordedWorld once(Files{{"/proc/cmdline", "root=LABEL=ainode panic=10 quiet\n"}});
  EXPECT_EQ(said(judge("kernel.cmdline", once, expected)), "fail: `quiet` is missing (qemu-base.yaml:14:3)");
}

Expected with_options(const Json& options) {
  Expected expected;
  expected.declared = {{"kernel.config", options, "node.yaml:20:5"}};
  return expected;
}

const Json kRelease = {{"kernel_release", "6.12.1-cloud"}};

TEST(KernelConfig, PassesForOptionsOfEveryKind) {
  const RecordedWorld world(
      {{"/usr/lib/modules/6.12.1-cloud/config",
        "# CONFIG_KASAN is not set\nCONFIG_NUMA=y\nCONFIG_HZ=250\nCONFIG_LSM=\"lockdown,bpf\"\n"}},
      kRelease);
  const CheckResult result = judge("kernel.config", world,
                                   with_options({{"NUMA", "y"}, {"HZ", 250}, {"KASAN", "n"}, {"LSM", "lockdown,bpf"}}));
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"NUMA":"y","HZ":"250","KASAN":"n","LSM":"lockdown,bpf"})");
  EXPECT_EQ(result.evidence, "/usr/lib/modules/6.12.1-cloud/config");
  EXPECT_EQ(result.place, "node.yaml:20:5");
}

TEST(KernelConfig, FailsNamingEachOptionThatDiffers) {
  const RecordedWorld world(Files{{"/boot/config-6.12.1-cloud", "CONFIG_NUMA=m\n"}}, kRelease);
  EXPECT_EQ(said(judge("kernel.config", world, with_options({{"NUMA", "y"}, {"PCI_P2PDMA", "y"}}))),
            "fail: CONFIG_NUMA is m instead of y; CONFIG_PCI_P2PDMA is n instead of y");
}

TEST(KernelConfig, AllowsAnyValueOfAList) {
  const Json options = {{"OVERLAY_FS", {"y", "m"}}};
  const RecordedWorld as_module(Files{{"/boot/config-6.12.1-cloud", "CONFIG_OVERLAY_FS=m\n"}}, kRelease);
  EXPECT_EQ(said(judge("kernel.config", as_module, with_options(options))), "pass");
  const RecordedWorld off(Files{{"/boot/config-6.12.1-cloud", "CONFIG_NUMA=y\n"}}, kRelease);
  EXPECT_EQ(said(judge("kernel.config", off, with_options(options))), "fail: CONFIG_OVERLAY_FS is n instead of y or m");
}

TEST(KernelConfig, FailsWhenTheImageHasNoConfiguration) {
  EXPECT_EQ(said(judge("kernel.config", RecordedWorld({}, kRelease), with_options({{"NUMA", "y"}}))),
            "fail: no configuration of kernel 6.12.1-cloud is in the image");
}

TEST(KernelConfig, SkipsWhenNothingIsDeclared) {
  EXPECT_EQ(said(judge("kernel.config", RecordedWorld({}, kRelease), {})),
            "skip: the manifest declares no kernel.config");
}

TEST(KernelConfig, ReadsTheRunningKernelsOwn) {
  // printf 'CONFIG_NUMA=y\n' | gzip -9n
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x73\xf6\xf7\x73\xf3\x74\x8f\xf7\x0b\xf5\x75\xb4\xad\xe4\x02\x00\x5d\x92"
      "\x4c\x3c\x0e\x00\x00\x00",
      34);
  const RecordedWorld world(Files{{"/proc/config.gz", packed}, {"/boot/config-6.12.1-cloud", "CONFIG_NUMA=n\n"}},
                            kRelease);
  const CheckResult result = judge("kernel.config", world, with_options({{"NUMA", "y"}}));
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.evidence, "/proc/config.gz");
}

constexpr const char* kFirstLine = "<5>[    0.000000] Linux version 6.12.1-cloud (gcc)\n";

std::string console(const std::string& line, const Files& files = {}) {
  const RecordedWorld world(files, {{"kernel_log", kFirstLine + line}});
  return said(judge("kernel.console", world, {}));
}

TEST(KernelConsole, PassesOnAQuietLog) {
  const RecordedWorld world(
      {{"/sys/kernel/oops_count", "0\n"}, {"/sys/kernel/warn_count", "0\n"}},
      {{"kernel_log", std::string(kFirstLine) + "<6>[    1.0] Spectre V2 : WARNING: see the docs\n"}});
  const CheckResult result = judge("kernel.console", world, {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"complaints":[],"oops_count":0,"warn_count":0})");
}

TEST(KernelConsole, FailsForEachKindOfComplaint) {
  for (const std::string message :
       {"Kernel panic - not syncing: x", "Oops: 0002 [#1] SMP", "BUG: kernel NULL pointer dereference",
        "kernel BUG at mm/slub.c:1!", "WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2", "BUG: KASAN: use-after-free",
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s!", "watchdog: Watchdog detected hard LOCKUP on cpu 0",
        "INFO: task a:1 blocked for more than 120 seconds.", "Out of memory: Killed process 7 (a)",
        "systemd[1]: basic.target: Found ordering cycle on a.service/start"}) {
    const std::string line = "<4>[    2.5] " + message;
    EXPECT_EQ(console(line + "\n"), "fail: the kernel says: " + line);
  }
}

TEST(KernelConsole, FailsForACounterThatMoved) {
  EXPECT_EQ(console("", {{"/sys/kernel/warn_count", "1\n"}}), "fail: /sys/kernel/warn_count is 1");
  EXPECT_EQ(console("", {{"/sys/kernel/oops_count", "many\n"}}), "fail: /sys/kernel/oops_count is many");
}

TEST(KernelConsole, MeasuresNoCounterThatTheKernelHasNot) {
  const RecordedWorld world(Files{{"/sys/kernel/warn_count", "0\n"}}, {{"kernel_log", kFirstLine}});
  const CheckResult result = judge("kernel.console", world, {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"complaints":[],"oops_count":null,"warn_count":0})");
}

TEST(KernelConsole, DoesNotPassOnHalfALog) {
  const RecordedWorld world({}, {{"kernel_log", "<6>[   90.0] late\n"}});
  EXPECT_EQ(said(judge("kernel.console", world, {})), "unmeasurable: the start of the kernel's log is lost");
}

TEST(KernelRelease, IsTheImages) {
  Expected expected;
  expected.kernel_release = "6.12.1-cloud";
  EXPECT_EQ(said(judge("kernel.release", RecordedWorld({}, kRelease), expected)), "pass");
  expected.kernel_release = "6.13";
  EXPECT_EQ(said(judge("kernel.release", RecordedWorld({}, kRelease), expected)),
            "fail: the kernel is 6.12.1-cloud instead of 6.13");
  expected.kernel_release = "6.12.1-cloud";
  const CheckResult torn =
      judge("kernel.release", RecordedWorld(Files{{"/proc/sys/kernel/osrelease", "6.1-other\n"}}, kRelease), expected);
  EXPECT_EQ(said(torn), "fail: the kernel is 6.1-other instead of 6.12.1-cloud");
  EXPECT_EQ(torn.measured.dump(), R"(["6.12.1-cloud","6.1-other"])");
}

TEST(KernelTimer, PassesWhenTheClockTicksAsConfigured) {
  Json probes = kRelease;
  probes["coarse_clock_nanoseconds"] = 4000000;
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12.1-cloud/config", "CONFIG_HZ=250\n"}}, probes);
  const CheckResult result = judge("kernel.timer", world, {});
  EXPECT_EQ(said(result), "pass");
  EXPECT_EQ(result.measured.dump(), R"({"hz":250})");
  EXPECT_EQ(result.evidence, "the smallest step of CLOCK_MONOTONIC_COARSE: 4000000 ns");
}

TEST(KernelTimer, FailsAgainstTheDeclaredFrequency) {
  Expected expected;
  expected.declared = {{"kernel.timer", 1000, "node.yaml:30:7"}};
  const RecordedWorld world({}, {{"coarse_clock_nanoseconds", 3333333}});
  const CheckResult result = judge("kernel.timer", world, expected);
  EXPECT_EQ(said(result), "fail: the kernel ticks 300 times a second instead of 1000");
  EXPECT_EQ(result.place, "node.yaml:30:7");
}

TEST(KernelTimer, FailsForAnImageThatIsConfiguredOtherwise) {
  Expected expected;
  expected.declared = {{"kernel.timer", 250, ""}};
  Json probes = kRelease;
  probes["coarse_clock_nanoseconds"] = 4000000;
  const RecordedWorld world(Files{{"/usr/lib/modules/6.12.1-cloud/config", "CONFIG_HZ=1000\n"}}, probes);
  EXPECT_EQ(said(judge("kernel.timer", world, expected)),
            "fail: /usr/lib/modules/6.12.1-cloud/config says CONFIG_HZ=1000 instead of 250");
}

TEST(KernelTimer, IsUnmeasurableWhereNoTickWasOnTime) {
  const auto said_of = [](std::int64_t step, const Expected& expected) {
    Json probes = kRelease;
    probes["coarse_clock_nanoseconds"] = step;
    return said(judge("kernel.timer",
                      RecordedWorld(Files{{"/usr/lib/modules/6.12.1-cloud/config", "CONFIG_HZ=250\n"}}, probes),
                      expected));
  };
  const std::string late = "unmeasurable: no tick was on time: each step of the clock is several of them";
  EXPECT_EQ(said_of(8000000, {}), late);
  EXPECT_EQ(said_of(12000010, {}), late);
  EXPECT_EQ(said_of(10000000, {}), "fail: the kernel ticks 100 times a second instead of 250");
  EXPECT_EQ(said_of(2000000, {}), "fail: the kernel ticks 500 times a second instead of 250");
  Expected real;
  real.emulated = false;
  EXPECT_EQ(said_of(8000000, real), "fail: the kernel ticks 125 times a second instead of 250");
  Expected faster;
  faster.declared = {{"kernel.timer", 1000, ""}};
  EXPECT_EQ(said_of(4000000, faster).substr(0, 55), "fail: the kernel ticks 250 times a second instead of 10");
}

/// What is said where the kernel is configured like this, told this, and shows this.
std::string preempts(const std::string& config, const std::string& argument, Files shown, const std::string& log = "") {
  shown["/usr/lib/modules/6.12.1-cloud/config"] = config;
  Json probes = kRelease;
  probes["kernel_log"] = log;
  Expected expected;
  expected.kernel_cmdline = {"quiet", argument};
  return said(judge("kernel.preempt", RecordedWorld(shown, probes), expected));
}

TEST(KernelPreempt, FollowsConfigurationAndArgument) {
  const std::string dynamic = "CONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_PREEMPT_DYNAMIC=y\n";
  const Files voluntary = {{"/sys/kernel/debug/sched/preempt", "none (voluntary) full \n"}};
  EXPECT_EQ(preempts(dynamic, "panic=1", voluntary), "pass");
  EXPECT_EQ(preempts(dynamic, "preempt=full", voluntary), "fail: preemption is `voluntary` instead of `full`");
  EXPECT_EQ(preempts("CONFIG_PREEMPT_VOLUNTARY=y\n", "preempt=full", voluntary), "pass");
  EXPECT_EQ(preempts("CONFIG_PREEMPT_LAZY=y\nCONFIG_PREEMPT_DYNAMIC=y\n", "panic=1",
                     {{"/sys/kernel/debug/sched/preempt", "full (lazy)"}}),
            "pass");
  EXPECT_EQ(preempts("CONFIG_PREEMPT_RT=y\nCONFIG_PREEMPT=y\n", "panic=1", {{"/sys/kernel/realtime", "1\n"}}), "pass");
}

TEST(KernelPreempt, ReadsTheLogWhereDebugfsIsClosed) {
  const std::string dynamic = "CONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_PREEMPT_DYNAMIC=y\n";
  EXPECT_EQ(preempts(dynamic, "panic=1", {}, "<6>[    0.1] Dynamic Preempt: voluntary\n"), "pass");
  EXPECT_EQ(preempts(dynamic, "panic=1", {}, "<6>[    0.1] Dynamic Preempt: full\n"),
            "fail: preemption is `full` instead of `voluntary`");
  EXPECT_EQ(preempts(dynamic, "panic=1", {}), "unmeasurable: the kernel does not say how it preempts");
}

}  // namespace
}  // namespace ainode::checks
