// SPDX-License-Identifier: Apache-2.0
// The table of defects that are planted in a guest. Where Linux can be told to do otherwise, it is told; where it
// cannot, another file stands in the place of what it shows. What a defect needs of an image is read from what the
// image declares, so the controls hold for any.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/text.h"
#include "validators/controls/control.h"

namespace ainode::controls {

namespace {

using checks::Expected;
using Text = std::function<std::string(const Expected&)>;

Text always(std::string_view text) {
  return [text](const Expected&) { return std::string(text); };
}

/// Of the first statement of a subject.
Text of_statement(std::string_view subject, std::string (*text)(const Json& statement)) {
  return [subject, text](const Expected& expected) {
    const Declaration* declaration = expected.declaration(subject);
    return declaration ? text(declaration->expected) : "";
  };
}

std::string member(const Json& statement, const char* key) {
  return statement.at(key).get<std::string>();
}

std::string translate_otherwise(const Expected& expected) {
  const auto& arguments = expected.kernel_cmdline;
  return std::find(arguments.begin(), arguments.end(), "iommu=pt") == arguments.end() ? "iommu=pt" : "iommu=nopt";
}

std::string ignore_nodes(const Expected& expected) {
  return expected.topology.nodes.size() > 1 ? "numa=off" : "";
}

/// More than the kernel may keep for itself, less than the last node has.
std::string lose_memory(const Expected& expected) {
  double bytes = 0;
  for (const checks::ExpectedNumaNode& node : expected.topology.nodes) bytes += static_cast<double>(node.memory_bytes);
  const double left = bytes * (0.95 - expected.topology.memory_tolerance);
  return bytes == 0 ? "" : fmt::format("mem={:.0f}M", left / (1 << 20));
}

bool has_peer_memory(const Expected& expected) {
  const auto& devices = expected.topology.devices;
  return std::any_of(devices.begin(), devices.end(),
                     [](const checks::ExpectedDevice& device) { return device.peer_memory_bytes > 0; });
}

std::string unbind_peers(const Expected& expected) {
  return has_peer_memory(expected)
             ? "udevadm settle; for p in /sys/bus/pci/devices/*/p2pmem; do d=${p%/*}; echo ${d##*/} "
               ">$d/driver/unbind; done"
             : "";
}

/// The nvme driver still resets its devices when udev has nothing more to do.
std::string use_up_peers(const Expected& expected) {
  return has_peer_memory(expected)
             ? "for i in $(seq 60); do ls /sys/bus/pci/devices/*/p2pmem/available >/dev/null 2>&1 && break; sleep 1; "
               "done; for f in /sys/bus/pci/devices/*/p2pmem/available; do show 0 $f; done"
             : "";
}

std::string rename_disks(const Expected& expected) {
  return has_peer_memory(expected)
             ? "udevadm settle; for f in /sys/bus/pci/devices/*/nvme/nvme*/serial; do show somebody $f; done"
             : "";
}

/// "6.12.90+deb13-amd64" is before 6.16.
bool is_since(const std::string& release, std::pair<std::int64_t, std::int64_t> version) {
  const std::size_t dot = std::min(release.find('.'), release.size());
  const std::string rest = release.substr(std::min(dot + 1, release.size()));
  const auto major = checks::to_number(release.substr(0, dot));
  const auto minor = checks::to_number(rest.substr(0, rest.find_first_not_of("0123456789")));
  return major && minor && std::pair(*major, *minor) >= version;
}

/// A weight that nobody declared, where the kernel weighs the nodes by itself.
std::string weigh_by_hand(const Expected& expected) {
  return is_since(expected.kernel_release, {6, 16}) && !expected.topology.accesses.empty()
             ? "echo 1 >/sys/kernel/mm/mempolicy/weighted_interleave/node0"
             : "";
}

/// Where the recipe compiles the kernel's test device.
std::string hide_mirror(const Expected& expected) {
  const auto is_mirror = [](const Declaration& each) {
    return each.subject == "driver.extra-modules" && member(each.expected, "module") == "test_hmm";
  };
  return std::any_of(expected.declared.begin(), expected.declared.end(), is_mirror)
             ? "modprobe test_hmm; udevadm settle; mount --bind /dev/null /dev/hmm_dmirror0"
             : "";
}

std::string stray_device(const Expected& expected) {
  const auto& devices = expected.topology.devices;
  const auto is_on_a_node = [](const checks::ExpectedDevice& device) { return device.numa_node.has_value(); };
  return std::any_of(devices.begin(), devices.end(), is_on_a_node)
             ? "for f in /sys/bus/pci/devices/*/numa_node; do [ $(cat $f) = -1 ] || show -1 $f; done"
             : "";
}

/// The file systems come first: what drives a device in use stays, or udev brings it back.
std::string unload_module(const Expected& expected) {
  std::vector<std::string> names;
  for (const std::string& name : expected.initrd_modules)
    if (name == "erofs" || name == "overlay") names.push_back(name);
  for (const Declaration& declaration : expected.declared)
    if (declaration.subject == "kernel.modules" && declaration.expected.contains("load"))
      names.push_back(member(declaration.expected, "load"));
  return names.empty() ? "" : fmt::format("for m in {}; do rmmod $m && exit 0; done; exit 1", fmt::join(names, " "));
}

/// Of an option that no check needs.
std::string configure_otherwise(const Json& options) {
  return fmt::format(
      "c=/usr/lib/modules/$(uname -r)/config; f=/run/defect.config; grep -v 'CONFIG_{0}[= ]' $c >$f; "
      "echo CONFIG_{0}=defect >>$f; mount --bind $f $c",
      options.items().begin().key());
}

std::string set_module_parameter(const Json& statement) {
  std::string module = member(statement, "module");
  std::replace(module.begin(), module.end(), '-', '_');
  return fmt::format(
      "p=/sys/module/{}/parameters/{}; if [ -e $p ]; then show defect $p; else show '' "
      "/usr/lib/modprobe.d/zz-ainode.conf; fi",
      module, member(statement, "parameter"));
}

std::string shrink_pool(const Json& statement) {
  const std::int64_t kibibytes = checks::kibibytes(member(statement, "size")).value_or(0);
  const auto count = statement.at("count").get<std::int64_t>();
  return fmt::format("echo {} >/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages", count > 0 ? count - 1 : 1,
                     kibibytes);
}

std::string lose_signatures(const Expected& expected) {
  return expected.declaration("image.deployed")
             ? fmt::format("mount --bind /dev/null /sysroot/ostree/repo/objects/{}/{}.commitmeta",
                           expected.commit.substr(0, 2), expected.commit.substr(2))
             : "";
}

std::string change_account(const Expected& expected) {
  std::string script;
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != "system.accounts") continue;
    const bool is_user = declaration.expected.contains("user");
    script = fmt::format("sed -i 's/^{0}:x:[0-9]*:/{0}:x:64999:/' /etc/{1}",
                         member(declaration.expected, is_user ? "user" : "group"), is_user ? "passwd" : "group");
  }
  return script;  // the last one: the first are those of the system's own services
}

std::string change_file(const Json& statement) {
  return fmt::format("f=/run/defect.file; cp -p '{0}' $f; echo >>$f; mount --bind $f '{0}'", member(statement, "path"));
}

std::string limit_otherwise(const Json& statement) {
  return fmt::format(
      "mkdir -p /run/systemd/system.conf.d; printf '[Manager]\\n{}={}\\n' >/run/systemd/system.conf.d/zzz-defect.conf; "
      "systemctl daemon-reload",
      member(statement, "property"), member(statement, "value") == "1024" ? 2048 : 1024);
}

std::string schedule_otherwise(const Json& statement) {
  const bool is_scheduler = statement.contains("scheduler");
  return fmt::format("for q in /sys/block/{}/queue; do show {} $q/{}; done", member(statement, "devices"),
                     is_scheduler ? "[defect]" : "1", is_scheduler ? "scheduler" : "read_ahead_kb");
}

// The device seems to be in the group of the system's disk; it is one that no topology names.
constexpr std::string_view kShareGroup =
    "cd /sys/bus/pci/devices; mkdir /run/defect.device; cp 0000:00:1f.2/vendor 0000:00:1f.2/device 0000:00:1f.2/class "
    "/run/defect.device; d=$(ls -d 0000:*/virtio*/block/*/*/partition | head -n 1); cp -d ${d%%/*}/iommu_group "
    "/run/defect.device; mount --bind /run/defect.device 0000:00:1f.2";

// A disk without partitions is none of the system's: the agent's own, which it has read by then.
constexpr std::string_view kUnbindDisk =
    "for d in /sys/bus/pci/drivers/virtio-pci/0000:*; do if ls -d $d/virtio*/block/* && ! ls "
    "$d/virtio*/block/*/*/partition; then echo ${d##*/} >$d/driver/unbind; fi; done >/dev/null 2>&1";

constexpr std::string_view kSwitchPreemption =
    "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; p=/sys/kernel/debug/sched/preempt; "
    "for m in none voluntary lazy full; do grep -q \"($m)\" $p 2>/dev/null || { echo $m >$p && exit 0; } 2>/dev/null; "
    "done; show '(defect)' $p";

constexpr std::string_view kForbidPolicies =
    "d=/run/systemd/system/ainode-agent.service.d; mkdir -p $d; printf '[Service]\\nSystemCallFilter=~mbind:ENOSYS\\n' "
    ">$d/defect.conf; systemctl daemon-reload";

constexpr std::string_view kForbidLog =
    "d=/run/systemd/system/ainode-agent.service.d; mkdir -p $d; printf '[Service]\\nSystemCallFilter=~syslog:EPERM\\n' "
    ">$d/defect-log.conf; systemctl daemon-reload";

constexpr std::string_view kStaleCdi =
    "for f in /etc/cdi/*.json; do mkdir -p /run/cdi; sed 's,\"/dev/[^\"]*\",\"/dev/gone\",g; "
    "s,\"kind\": *\"[^.\"]*,&-defect,' $f >/run/cdi/defect.json; done";

// The harness's program computes from a model whose weights were written over.
constexpr std::string_view kOtherWeights =
    R"sh(p=/run/ainode-agent/ainode-llm; mv $p $p.sound && cat >$p <<'END' && chmod 755 $p
#!/bin/sh
p=$0.sound; m=/run/defect.gguf
[ "$1" = golden ] || exec $p "$@"
$p write --shape 3m --type q8_0 -o $m && head -c 65536 /dev/zero | dd of=$m bs=65536 seek=20 conv=notrunc 2>/dev/null
shift 5; exec $p golden $m "$@"
END
)sh";

std::vector<GuestControl> table() {
  const auto show = [](std::string_view content, std::string_view path) {
    return [=](const Expected&) { return fmt::format("show '{}' {}", content, path); };
  };
  return {
      {{"no-iommu", "the IOMMU is off", {"iommu.on", "iommu.type", "iommu.groups", "dma.copy", "dma.isolation"}},
       Plant::argument,
       always("intel_iommu=off amd_iommu=off")},
      {{"mute-kernel",
        "the kernel's log tells of no fault",
        {"dma.isolation"},
        {"kernel.console", "kernel.preempt", "dma.engine"}},
       Plant::early,
       always(kForbidLog)},
      {{"other-translation", "DMA is translated where it should pass, or the other way around", {"iommu.type"}},
       Plant::argument,
       translate_otherwise},
      {{"shared-group", "a device is in the IOMMU group of the system's disk", {"iommu.groups"}},
       Plant::early,
       always(kShareGroup)},
      {{"one-node",
        "the kernel ignores the nodes of the machine",
        {"numa.nodes", "numa.distances-symmetric", "numa.cpus-partition", "numa.placement", "numa.migration",
         "numa.interleave", "numa.weighted", "numa.hugepages", "numa.device-node"},
        {"numa.hmat", "numa.tiers", "mem.hugepages", "numa.balancing"}},
       Plant::argument,
       ignore_nodes},
      {{"other-memory-nodes", "a node shows memory that it has not", {"numa.nodes"}},
       Plant::early,
       show("0-63", "/sys/devices/system/node/has_memory")},
      {{"other-distances", "a node is far from itself", {"numa.distances-symmetric"}},
       Plant::early,
       show("99 99 99 99", "/sys/devices/system/node/node0/distance")},
      {{"stray-device", "a device belongs to no node", {"numa.device-node"}}, Plant::early, stray_device},
      {{"lost-processors", "the processors of a node belong to none", {"numa.cpus-partition"}},
       Plant::early,
       show("", "/sys/devices/system/node/node0/cpulist")},
      {{"no-memory-policy",
        "the kernel has no call to bind memory",
        {"numa.placement", "numa.interleave", "numa.weighted", "numa.hugepages"},
        {"numa.migration"}},
       Plant::early,
       always(kForbidPolicies)},
      {{"stiff-pool", "a node's pool of huge pages does not grow", {"numa.hugepages"}, {"mem.hugepages"}},
       Plant::early,
       always("mount --bind /dev/null /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages")},
      {{"no-hmat", "the kernel ignores the HMAT", {"numa.hmat", "numa.tiers"}, {"numa.weighted"}},
       Plant::argument,
       always("numa=nohmat")},
      {{"other-weight", "a node has a weight that is not its bandwidth's", {"numa.weighted"}},
       Plant::early,
       weigh_by_hand},
      {{"small-memory", "a part of the memory is lost", {"mem.size"}, {"mem.hugepages"}}, Plant::argument, lose_memory},
      {{"other-balancing", "the kernel moves pages as it should not", {"numa.balancing"}},
       Plant::early,
       of_statement("numa.balancing",
                    [](const Json& on) {
                      return fmt::format("echo {} >/proc/sys/kernel/numa_balancing", on.get<bool>() ? 0 : 1);
                    })},
      {{"other-reclaim", "a full node reclaims as it should not", {"numa.reclaim"}},
       Plant::early,
       of_statement("numa.reclaim",
                    [](const Json& on) {
                      return fmt::format("echo {} >/proc/sys/vm/zone_reclaim_mode", on.get<bool>() ? 0 : 1);
                    })},
      {{"small-pool", "a huge page is missing", {"mem.hugepages"}},
       Plant::early,
       of_statement("mem.hugepages", shrink_pool)},
      {{"other-thp", "transparent huge pages are used otherwise", {"mem.thp"}},
       Plant::early,
       of_statement("mem.thp",
                    [](const Json& use) {
                      return fmt::format("echo {} >/sys/kernel/mm/transparent_hugepage/enabled",
                                         use == "never" ? "always" : "never");
                    })},
      {{"busy-processors", "no processor is isolated", {"cpu.isolated"}},
       Plant::early,
       of_statement("cpu.isolated",
                    [](const Json&) { return std::string("show '' /sys/devices/system/cpu/isolated"); })},
      {{"ticking-processors", "no processor stops its tick", {"cpu.tickless"}},
       Plant::early,
       of_statement("cpu.tickless",
                    [](const Json&) { return std::string("show '' /sys/devices/system/cpu/nohz_full"); })},
      {{"other-interrupts", "interrupts go elsewhere", {"cpu.interrupts"}},
       Plant::early,
       of_statement("cpu.interrupts",
                    [](const Json&) { return std::string("show 0 /proc/irq/default_smp_affinity"); })},
      {{"useless-heap", "the heap for DMA buffers allocates none", {"dmabuf.heap"}},
       Plant::early,
       always("mount --bind /dev/null /dev/dma_heap/system")},
      {{"useless-udmabuf", "no buffer is made of a file", {"dmabuf.udmabuf"}},
       Plant::early,
       always("mount --bind /dev/null /dev/udmabuf")},
      {{"lost-peer",
        "the device with memory for its peers has no driver",
        {"p2p.provider", "p2p.transfer", "driver.bound"}},
       Plant::early,
       unbind_peers},
      {{"used-peer", "nothing is left of a device's memory for its peers", {"p2p.provider"}},
       Plant::early,
       use_up_peers},
      {{"unknown-disk", "the scratch disk is not known as one", {"p2p.transfer"}}, Plant::early, rename_disks},
      {{"unbound-device", "a device has lost its driver", {"driver.bound"}}, Plant::late, always(kUnbindDisk)},
      {{"foreign-module", "a module's file is none", {"driver.vermagic"}},
       Plant::early,
       always("f=$(find /usr/lib/modules/$(uname -r)/kernel -name '*.ko*' | sort | head -n 1); show defect $f")},
      {{"unlisted-module", "modprobe does not find a module of the recipe's", {"driver.extra-modules"}},
       Plant::early,
       of_statement("driver.extra-modules",
                    [](const Json& it) {
                      return fmt::format(
                          "d=/usr/lib/modules/$(uname -r)/modules.dep; f=/run/defect.dep; "
                          "grep -v '/{}.ko:' $d >$f; mount --bind $f $d",
                          member(it, "module"));
                    })},
      {{"tainted-kernel", "the kernel was tainted", {"driver.taint"}},
       Plant::early,
       always("echo 512 >/proc/sys/kernel/tainted")},
      {{"tainting-module", "a module that nobody declared taints the kernel", {"driver.taint"}},
       Plant::early,
       always("f=$(ls /sys/module/*/taint | head -n 1); show O $f")},
      {{"other-release", "another kernel runs", {"kernel.release"}},
       Plant::early,
       always("show \"$(uname -r)-defect\" /proc/sys/kernel/osrelease")},
      {{"other-tick-rate", "the kernel was configured to tick otherwise", {"kernel.timer"}, {"kernel.config"}},
       Plant::early,
       always("c=/usr/lib/modules/$(uname -r)/config; f=/run/defect.ticks; sed 's/^CONFIG_HZ=.*/&0/' $c >$f; "
              "if cmp -s $f $c; then exit 1; fi; mount --bind $f $c")},
      {{"other-argument", "the kernel was given an argument that nobody declared", {"kernel.cmdline"}},
       Plant::early,
       always("show \"$(cat /proc/cmdline) undeclared\" /proc/cmdline")},
      {{"other-config", "the kernel was configured otherwise", {"kernel.config"}},
       Plant::early,
       of_statement("kernel.config", configure_otherwise)},
      {{"other-preemption", "the kernel preempts otherwise", {"kernel.preempt"}},
       Plant::early,
       always(kSwitchPreemption)},
      {{"kernel-complaint", "the kernel reports a bug", {"kernel.console"}},
       Plant::early,
       always("echo 'BUG: unable to handle a planted defect' >/dev/kmsg")},
      {{"other-sysctl", "a sysctl has another value", {"kernel.sysctl"}},
       Plant::early,
       of_statement("kernel.sysctl", [](const Json& it) { return fmt::format("show defect {}", member(it, "path")); })},
      {{"missing-module", "a module was unloaded", {"kernel.modules"}, {"mem.hmm"}}, Plant::early, unload_module},
      {{"other-parameter", "a module has another parameter", {"kernel.module-parameters"}},
       Plant::early,
       of_statement("kernel.module-parameters", set_module_parameter)},
      {{"other-scheduler", "a block device is scheduled otherwise", {"storage.scheduler"}},
       Plant::late,
       of_statement("storage.scheduler", schedule_otherwise)},
      {{"lost-partition", "a partition's name leads nowhere", {"storage.mounts"}},
       Plant::late,
       of_statement("storage.mounts",
                    [](const Json& it) {
                      return fmt::format("ln -sfn ../../gone /dev/disk/by-partlabel/{}", member(it, "id"));
                    })},
      {{"failed-unit", "a unit failed", {"system.units"}},
       Plant::early,
       always("systemd-run --no-block --quiet --unit=defect /bin/false")},
      {{"disabled-unit", "an enabled unit is disabled", {"system.enabled"}},
       Plant::early,
       of_statement("system.enabled",
                    [](const Json& unit) { return fmt::format("systemctl disable {}", unit.get<std::string>()); })},
      {{"unmasked-unit", "a masked unit may start", {"system.masked"}},
       Plant::early,
       of_statement("system.masked",
                    [](const Json& unit) { return fmt::format("systemctl unmask {}", unit.get<std::string>()); })},
      {{"other-limit", "services may use less", {"system.limits"}},
       Plant::early,
       of_statement("system.limits", limit_otherwise)},
      {{"other-account", "an account has another number", {"system.accounts"}}, Plant::early, change_account},
      {{"writable-usr", "/usr can be written", {"image.deployed"}},
       Plant::early,
       always("mount -o remount,bind,rw /usr")},
      {{"other-deployment", "the system was started from another deployment", {"image.deployed"}},
       Plant::early,
       always("show \"$(sed 's,ostree=[^ ]*,ostree=/ostree/defect,' /proc/cmdline)\" /proc/cmdline")},
      {{"unsigned-commit", "the commit has lost its signatures", {"image.deployed"}}, Plant::early, lose_signatures},
      {{"changed-file", "a file of the recipe has another content", {"image.files"}},
       Plant::early,
       of_statement("image.files", change_file)},
      {{"new-setuid-file", "a file more runs with its owner's rights", {"security.setuid-list"}},
       Plant::early,
       of_statement("security.setuid-list",
                    [](const Json&) { return std::string("cp /usr/bin/true /etc/defect; chmod u+s /etc/defect"); })},
      {{"other-modules", "the kernel has other security modules", {"security.lsm"}},
       Plant::early,
       of_statement("security.lsm", [](const Json&) { return std::string("show defect /sys/kernel/security/lsm"); })},
      {{"no-lockdown", "the kernel is locked down otherwise", {"security.lockdown"}},
       Plant::early,
       of_statement("security.lockdown",
                    [](const Json&) { return std::string("show defect /sys/kernel/security/lockdown"); })},
      {{"unmitigated", "the kernel mitigates no vulnerability", {"security.vulnerabilities"}},
       Plant::argument,
       always("mitigations=off")},
      {{"open-port", "an undeclared port is open", {"security.listening-ports"}},
       Plant::early,
       of_statement("security.listening-ports",
                    [](const Json&) {
                      return std::string(
                          "systemd-run --quiet --unit=defect-port --socket-property=ListenStream=64999 cat");
                    })},
      {{"open-client-port", "an undeclared port is open among those of clients", {"security.listening-ports"}},
       Plant::early,
       of_statement("security.listening-ports",
                    [](const Json&) {
                      return std::string(
                          "systemd-run --quiet --unit=defect-udp-port --socket-property=ListenDatagram=40000 cat");
                    })},
      {{"no-runtime", "the container runtime's program is none", {"containers.runs", "containers.cdi-isolates"}},
       Plant::early,
       of_statement("containers.runs",
                    [](const Json&) {
                      return std::string(
                          "for p in crun runc; do p=/usr/bin/$p; [ ! -e $p ] || mount --bind /dev/null $p; done");
                    })},
      {{"leaking-runtime", "containers get a device that they did not ask for", {"containers.cdi-isolates"}},
       Plant::early,
       of_statement("containers.runs",
                    [](const Json&) {
                      return std::string(
                          "d=/etc/containers/containers.conf.d; mkdir -p $d; "
                          "printf '[containers]\\ndevices = [\"/dev/kmsg\"]\\n' >$d/defect.conf");
                    })},
      {{"no-device-memory", "the kernel has no memory of devices", {"mem.hmm"}},
       Plant::early,
       always("mount --bind /dev/null /proc/kallsyms")},
      {{"useless-mirror", "the device that mirrors memory does nothing", {"mem.hmm"}}, Plant::early, hide_mirror},
      {{"other-weights", "a weight of the language model is another one", {"llm.golden"}},
       Plant::late,
       always(kOtherWeights)},
      {{"swap", "the node swaps", {"containers.kube-node"}},
       Plant::early,
       show("Filename\n/dev/zram0 partition 1 0 1", "/proc/swaps")},
      {{"no-forwarding", "the node forwards no packets", {"containers.kube-node"}, {"kernel.sysctl"}},
       Plant::early,
       show("0", "/proc/sys/net/ipv4/ip_forward")},
      {{"no-audit", "the kernel audits where it should not, or does not where it should", {"security.audit"}},
       Plant::argument,
       of_statement("security.audit", [](const Json& on) { return fmt::format("audit={}", on.get<bool>() ? 0 : 1); })},
      {{"other-interfaces", "network interfaces have another MTU and another queue", {"net.settings"}},
       Plant::late,
       of_statement(
           "net.settings",
           [](const Json&) {
             return std::string(
                 "for d in /sys/class/net/*/device; do echo 1300 >${d%/*}/mtu; echo 17 >${d%/*}/tx_queue_len; done");
           })},
      {{"lost-cdi", "the recipe's CDI files are gone", {"containers.cdi-valid"}, {"containers.cdi-isolates"}},
       Plant::early,
       of_statement("containers.cdi", [](const Json&) { return std::string("rm /etc/cdi/*.json"); })},
      {{"stale-cdi",
        "a CDI file names a device node that is gone",
        {"containers.cdi-valid", "containers.cdi-isolates"}},
       Plant::early,
       always(kStaleCdi)},
  };
}

/// For what cannot be written: a file of the defect's own in the place of what the kernel or the image shows.
constexpr std::string_view kPrelude =
    "show() { [ -e \"$2\" ] && f=$(mktemp /run/defect.XXXXXX) && chmod 644 $f && printf '%s\\n' \"$1\" >$f && "
    "mount --bind $f \"$2\" && mount -o remount,bind,ro \"$2\"; }\n";

}  // namespace

const std::vector<GuestControl>& guest_controls() {
  static const std::vector<GuestControl> all = table();
  return all;
}

bool has_place(const GuestControl& control, const Expected& expected) {
  return !control.text(expected).empty();
}

std::span<const std::string_view> without_control() {
  static constexpr std::string_view kNeverPassing[] = {
      "cpu.governor", "dma.engine",       "driver.pcie-link", "numa.bandwidth", "numa.latency",
      "rt.latency",   "system.boot-time", "llm.prefill",      "llm.decode",
  };
  return kNeverPassing;
}

Planting planting_of(const std::vector<std::string>& names, const Expected& expected) {
  Planting planting;
  for (const GuestControl& control : guest_controls()) {
    if (std::find(names.begin(), names.end(), control.name) == names.end()) continue;
    const std::string text = control.text(expected);
    if (text.empty()) continue;
    if (control.how == Plant::argument) {
      for (std::string& argument : checks::split_words(text)) planting.arguments.push_back(std::move(argument));
      continue;
    }
    std::string& script = control.how == Plant::early ? planting.early : planting.late;
    if (script.empty()) script = kPrelude;
    script += fmt::format("(set -e; {}\n)\n[ $? = 0 ] || echo '{}{}'\n", text, kNotPlanted, control.name);
  }
  return planting;
}

}  // namespace ainode::controls
