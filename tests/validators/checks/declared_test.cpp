// SPDX-License-Identifier: Apache-2.0
// Each statement's check on a node that keeps it, and on nodes that do not: a row is a node, a statement, a verdict.
#include <ostream>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

struct Row {
  const char* name;
  const char* check;
  Json statement;
  Files files;
  Json probes;
  std::string said;
};

void PrintTo(const Row& row, std::ostream* stream) {
  *stream << row.name;
}

Json runs(const std::map<std::string, std::string>& outputs) {
  Json answers = Json::object();
  for (const auto& [command, output] : outputs) answers[command] = {{"status", 0}, {"output", output}};
  return {{"run", answers}};
}

Json unit(const std::string& name, const std::string& properties) {
  return runs({{"systemctl show " + name, properties}});
}

const Json kNone = Json::object();
const Json kSwap = {{"name", "vm.swappiness"}, {"path", "/proc/sys/vm/swappiness"}, {"value", "7"}};
const Json kPorts = {{"name", "a.b"}, {"path", "/proc/sys/a/b"}, {"value", "1024  60999"}};
const Json kLoop = {{"module", "loop-x"}, {"parameter", "max"}, {"value", "4"}};
const Json kPool = {{"size", "2M"}, {"count", 64}, {"even", true}};
const Json kDisks = {{"devices", "vd*"}, {"scheduler", "none"}, {"read_ahead_kib", 128}};
const Json kLimit = {{"property", "DefaultLimitNOFILE"}, {"value", "65536"}};
const Json kUser = {{"user", "node"}, {"id", 950}, {"groups", {"kvm"}}};
Json stated_user(const Json& fields) {
  Json user = kUser;
  user.update(fields);
  return user;
}
// printf 'kept\n' | sha256sum
const char* const kKeptSum = "78051faade059d70866df6a3fb83ef348721fd74a87e93ef95c493f87d0d236b";
const Json kFile = {{"path", "/etc/x"}, {"sha256", kKeptSum}, {"mode", "0640"}, {"uid", 950}, {"gid", 950}};

Json status_of_x(int mode, int uid, bool is_regular = true) {
  return {{"status", {{"/etc/x", {{"mode", mode}, {"uid", uid}, {"gid", 950}, {"is_regular", is_regular}}}}}};
}

Files pool_of(const std::string& all, const std::string& first, const std::string& second) {
  const std::string pool = "/hugepages/hugepages-2048kB/nr_hugepages", nodes = "/sys/devices/system/node/";
  return {{"/sys/kernel/mm" + pool, all}, {nodes + "node0" + pool, first}, {nodes + "node1" + pool, second}};
}

Files disk_of(const std::string& scheduler, const std::string& read_ahead) {
  return {{"/sys/block/vda/queue/scheduler", scheduler}, {"/sys/block/vda/queue/read_ahead_kb", read_ahead}};
}

const Json kRoot = {{"id", "root"}, {"fs", "ext4"}, {"bytes", 3145728}, {"mount", "/"}};
// As /proc/net/{tcp,udp6} show them: 22 open to all, 631 on the loopback, a connection; 4789 open, 323 on the loopback.
const char* const kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    "   1: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1\n"
    "   2: 0F02000A:9C40 0202000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3 1\n";
const char* const kUdpTitle =
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
    "tm->when "
    "retrnsmt   uid  timeout inode ref pointer drops\n";

/// A row of /proc/net/udp6: a socket that waits for whoever comes.
std::string udp6(const std::string& address, const std::string& inode) {
  return "   0: " + address + " 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0" +
         "        0 " + inode + " 2 0 0\n";
}
const std::string kVxlan = kUdpTitle + udp6("00000000000000000000000000000000:12B5", "71");
const std::string kUdp6 =
    kVxlan + udp6("00000000000000000000000001000000:0143", "72") + udp6("0000000000000000FFFF00000100007F:0144", "73");
const Files kClientPort = {{"/proc/net/tcp", ""},
                           {"/proc/net/udp", ""},
                           {"/proc/net/udp6", kUdp6},
                           {"/proc/sys/net/ipv4/ip_local_port_range", "4000\t60999\n"}};

/// The answers of a node at which these sockets are seen later.
Json later(const std::string& sockets) {
  return {{"run",
           {{"sh -c sleep 11; cat /proc/net/udp /proc/net/udp6 2>/dev/null", {{"status", 0}, {"output", sockets}}}}}};
}

Files root_of(const std::string& sectors, const std::string& filesystem) {
  return {{"/dev/disk/by-partlabel/root", "-> ../../vda2"},
          {"/sys/class/block/vda2/size", sectors},
          {"/proc/self/mountinfo", "36 35 254:2 / /sysroot ro - " + filesystem + " /dev/vda2 rw\n"}};
}

const std::string kGroups = "kvm:x:107:a,node\nnode:x:950:\n", kUsers = "node:x:950:950::/:/bin/sh\n";
const std::string kThp = "/sys/kernel/mm/transparent_hugepage/enabled", kCpus = "/sys/devices/system/cpu/";
const std::string kModprobe = "modprobe --dry-run --show-depends nouveau";
const std::string kPolicy = kCpus + "cpufreq/policy0/scaling_governor";

const Json kCards = {{"driver", "mlx5_*"}, {"mtu", 9000}, {"queue_length", 5000}};
Files card_of(const std::string& driver, const std::string& mtu) {
  return {{"/sys/class/net/eth0/device/driver", "-> ../../../bus/pci/drivers/" + driver},
          {"/sys/class/net/eth0/mtu", mtu},
          {"/sys/class/net/eth0/tx_queue_len", "5000\n"},
          {"/sys/class/net/lo/mtu", "65536\n"}};
}
Json auditing(const Json& answer) {
  return {{"is_auditing", answer}};
}

const std::vector<Row> kRows = {
    {"net_kept", "net.settings", kCards, card_of("mlx5_core", "9000\n"), kNone, "pass"},
    {"net_other", "net.settings", kCards, card_of("mlx5_core", "1500\n"), kNone,
     "fail: the MTU of eth0 is 1500 instead of 9000 (r.yaml:3:1)"},
    {"net_of_another_driver", "net.settings", kCards, card_of("ice", "9000\n"), kNone,
     "unmeasurable: the machine has no network interface of driver `mlx5_*` (r.yaml:3:1)"},
    {"audit_on", "security.audit", true, {}, auditing(true), "pass"},
    {"audit_off", "security.audit", true, {}, auditing(false), "fail: the kernel does not audit (r.yaml:3:1)"},
    {"audit_unwanted", "security.audit", false, {}, auditing(true), "fail: the kernel audits (r.yaml:3:1)"},
    {"audit_untold",
     "security.audit",
     false,
     {},
     auditing(nullptr),
     "unmeasurable: the kernel does not say whether it audits (r.yaml:3:1)"},
    {"sysctl_kept", "kernel.sysctl", kSwap, {{"/proc/sys/vm/swappiness", "7\n"}}, kNone, "pass"},
    {"sysctl_of_words", "kernel.sysctl", kPorts, {{"/proc/sys/a/b", "1024\t60999\n"}}, kNone, "pass"},
    {"sysctl_other",
     "kernel.sysctl",
     kSwap,
     {{"/proc/sys/vm/swappiness", "60\n"}},
     kNone,
     "fail: `vm.swappiness` is 60 instead of 7 (r.yaml:3:1)"},
    {"sysctl_missing", "kernel.sysctl", kSwap, {}, kNone, "fail: `vm.swappiness` does not exist (r.yaml:3:1)"},

    {"module_loaded", "kernel.modules", {{"load", "loop-x"}}, {{"/sys/module/loop_x/", ""}}, kNone, "pass"},
    {"module_missing", "kernel.modules", {{"load", "loop"}}, {}, kNone, "fail: loop is not loaded (r.yaml:3:1)"},
    {"module_denied",
     "kernel.modules",
     {{"deny", "nouveau"}},
     {},
     runs({{kModprobe, "install /usr/bin/false \n"}}),
     "pass"},
    {"module_denied_and_loaded",
     "kernel.modules",
     {{"deny", "nouveau"}},
     {{"/sys/module/nouveau/", ""}},
     kNone,
     "fail: nouveau is loaded though it is denied (r.yaml:3:1)"},
    {"module_denied_in_vain",
     "kernel.modules",
     {{"deny", "nouveau"}},
     {},
     runs({{kModprobe, "insmod /lib/drm.ko\ninsmod /lib/nouveau.ko\n"}}),
     "fail: nouveau is denied, but modprobe would load it (r.yaml:3:1)"},

    {"parameter_kept",
     "kernel.module-parameters",
     kLoop,
     {{"/sys/module/loop_x/parameters/max", "4\n"}},
     kNone,
     "pass"},
    {"parameter_other",
     "kernel.module-parameters",
     kLoop,
     {{"/sys/module/loop_x/parameters/max", "8\n"}},
     kNone,
     "fail: loop-x.max is 8 instead of 4 (r.yaml:3:1)"},
    {"parameter_unknown",
     "kernel.module-parameters",
     kLoop,
     {},
     runs({{"modinfo --parameters loop-x", "min:least (int)\n"}}),
     "fail: module loop-x has no parameter max (r.yaml:3:1)"},
    {"parameter_not_loaded",
     "kernel.module-parameters",
     kLoop,
     {},
     runs({{"modinfo --parameters loop-x", "max:most (int)\n"}, {"modprobe --showconfig", "options loop_x max=4\n"}}),
     "pass"},
    {"parameter_not_set",
     "kernel.module-parameters",
     kLoop,
     {},
     runs({{"modinfo --parameters loop-x", "max:most (int)\n"}, {"modprobe --showconfig", "options loop_x max=44\n"}}),
     "fail: modprobe does not set loop-x.max (r.yaml:3:1)"},
    {"parameter_hidden",
     "kernel.module-parameters",
     kLoop,
     {{"/sys/module/loop_x/", ""}},
     runs({{"modinfo --parameters loop-x", "max:most (int)\n"}, {"modprobe --showconfig", "options loop_x max=4\n"}}),
     "unmeasurable: the kernel does not show loop-x.max (r.yaml:3:1)"},

    {"pool_even", "mem.hugepages", kPool, pool_of("64\n", "32\n", "32\n"), kNone, "pass"},
    {"pool_small", "mem.hugepages", kPool, pool_of("9\n", "5\n", "4\n"), kNone,
     "fail: 9 of 64 huge pages of 2M are there (r.yaml:3:1)"},
    {"pool_uneven", "mem.hugepages", kPool, pool_of("64\n", "60\n", "4\n"), kNone,
     "fail: huge pages of 2M are spread unevenly: 4 to 60 a node (r.yaml:3:1)"},
    {"pool_unknown", "mem.hugepages", kPool, {}, kNone, "fail: the kernel has no huge pages of 2M (r.yaml:3:1)"},

    {"thp_kept", "mem.thp", "madvise", {{kThp, "always [madvise] never\n"}}, kNone, "pass"},
    {"thp_other",
     "mem.thp",
     "never",
     {{kThp, "always [madvise] never\n"}},
     kNone,
     "fail: the use of transparent huge pages is madvise instead of never (r.yaml:3:1)"},
    {"balancing_off", "numa.balancing", false, {{"/proc/sys/kernel/numa_balancing", "0\n"}}, kNone, "pass"},
    {"balancing_on",
     "numa.balancing",
     false,
     {{"/proc/sys/kernel/numa_balancing", "1\n"}},
     kNone,
     "fail: /proc/sys/kernel/numa_balancing is 1 (r.yaml:3:1)"},
    {"reclaim_on", "numa.reclaim", true, {{"/proc/sys/vm/zone_reclaim_mode", "1\n"}}, kNone, "pass"},
    {"reclaim_unknown",
     "numa.reclaim",
     true,
     {},
     kNone,
     "fail: /proc/sys/vm/zone_reclaim_mode does not exist (r.yaml:3:1)"},

    {"governor_kept", "cpu.governor", "performance", {{kPolicy, "performance\n"}}, kNone, "pass"},
    {"governor_other",
     "cpu.governor",
     "performance",
     {{kPolicy, "powersave\n"}},
     kNone,
     "fail: the governor of policy0 is powersave instead of performance (r.yaml:3:1)"},
    {"governor_none",
     "cpu.governor",
     "performance",
     {},
     kNone,
     "unmeasurable: the machine does not scale its processors' frequency (r.yaml:3:1)"},
    {"isolated", "cpu.isolated", "1,2,3", {{kCpus + "isolated", "1-3\n"}}, kNone, "pass"},
    {"isolated_too_many",
     "cpu.isolated",
     "8-15",
     {{kCpus + "isolated", "\n"}, {kCpus + "present", "0-1\n"}},
     kNone,
     "fail: the isolated processors are none instead of 8-15; the machine has 0-1 (r.yaml:3:1)"},
    {"tickless_none",
     "cpu.tickless",
     "1",
     {{kCpus + "nohz_full", "(null)\n"}, {kCpus + "present", "0-1\n"}},
     kNone,
     "fail: the tickless processors are none instead of 1; the machine has 0-1 (r.yaml:3:1)"},

    {"interrupts_kept",
     "cpu.interrupts",
     "0,33",
     {{"/proc/irq/default_smp_affinity", "00000002,00000001\n"}},
     kNone,
     "pass"},
    {"interrupts_elsewhere",
     "cpu.interrupts",
     "0",
     {{"/proc/irq/default_smp_affinity", "3\n"}},
     kNone,
     "fail: interrupts go to the processors of mask 3 instead of 0 (r.yaml:3:1)"},
    {"limit_kept",
     "system.limits",
     kLimit,
     {},
     runs({{"systemctl show --value --property DefaultLimitNOFILE", "65536\n"}}),
     "pass"},
    {"limit_other",
     "system.limits",
     kLimit,
     {},
     runs({{"systemctl show --value --property DefaultLimitNOFILE", "1024\n"}}),
     "fail: DefaultLimitNOFILE is 1024 instead of 65536 (r.yaml:3:1)"},

    {"disk_kept", "storage.scheduler", kDisks, disk_of("[none] mq-deadline\n", "128\n"), kNone, "pass"},
    {"disk_other", "storage.scheduler", kDisks, disk_of("none [mq-deadline]\n", "64\n"), kNone,
     "fail: the scheduler of vda is mq-deadline instead of none; the read-ahead of vda is 64 instead of 128 "
     "(r.yaml:3:1)"},
    {"disk_absent",
     "storage.scheduler",
     {{"devices", "nvme*"}, {"scheduler", "none"}},
     disk_of("[none]\n", "128\n"),
     kNone,
     "unmeasurable: the machine has no block device `nvme*` (r.yaml:3:1)"},

    {"partition_kept", "storage.mounts", kRoot, root_of("6144\n", "ext4"), kNone, "pass"},
    {"partition_small", "storage.mounts", kRoot, root_of("2048\n", "ext4"), kNone,
     "fail: partition `root` has 1048576 bytes instead of 3145728 (r.yaml:3:1)"},
    {"partition_otherwise", "storage.mounts", kRoot, root_of("6144\n", "tmpfs"), kNone,
     "fail: / of partition `root` is not mounted as ext4 (r.yaml:3:1)"},
    {"partition_missing", "storage.mounts", kRoot, {}, kNone, "fail: there is no partition `root` (r.yaml:3:1)"},

    {"unit_active",
     "system.enabled",
     "a.service",
     {},
     unit("a.service", "UnitFileState=enabled\nActiveState=active\n"),
     "pass"},
    {"unit_done",
     "system.enabled",
     "a.service",
     {},
     unit("a.service", "UnitFileState=enabled\nActiveState=inactive\nInactiveExitTimestampMonotonic=77\n"),
     "pass"},
    {"unit_need_not",
     "system.enabled",
     "a.service",
     {},
     unit("a.service",
          "UnitFileState=enabled\nActiveState=inactive\nConditionResult=no\nConditionTimestampMonotonic=9\n"),
     "pass"},
    {"unit_never_started",
     "system.enabled",
     "a.service",
     {},
     unit("a.service",
          "UnitFileState=enabled\nActiveState=inactive\nInactiveExitTimestampMonotonic=0\n"
          "ConditionResult=no\nConditionTimestampMonotonic=0\n"),
     "fail: a.service was never started (r.yaml:3:1)"},
    {"unit_disabled",
     "system.enabled",
     "a.service",
     {},
     unit("a.service", "UnitFileState=disabled\nActiveState=active\n"),
     "fail: a.service is disabled (r.yaml:3:1)"},
    {"unit_failed",
     "system.enabled",
     "a.service",
     {},
     unit("a.service", "UnitFileState=enabled\nActiveState=failed\nResult=exit-code\n"),
     "fail: a.service failed (exit-code) (r.yaml:3:1)"},
    {"unit_masked", "system.masked", "a.timer", {}, unit("a.timer", "LoadState=masked\n"), "pass"},
    {"unit_not_masked",
     "system.masked",
     "a.timer",
     {},
     unit("a.timer", "LoadState=loaded\n"),
     "fail: a.timer is loaded (r.yaml:3:1)"},

    {"user_kept", "system.accounts", kUser, {{"/etc/passwd", kUsers}, {"/etc/group", kGroups}}, kNone, "pass"},
    {"user_missing",
     "system.accounts",
     kUser,
     {{"/etc/group", kGroups}},
     kNone,
     "fail: there is no user node (r.yaml:3:1)"},
    {"user_of_another_number",
     "system.accounts",
     kUser,
     {{"/etc/passwd", "node:x:7:7::/:/bin/sh\n"}, {"/etc/group", kGroups}},
     kNone,
     "fail: user node has the number 7 instead of 950 (r.yaml:3:1)"},
    {"user_in_no_group",
     "system.accounts",
     kUser,
     {{"/etc/passwd", kUsers}, {"/etc/group", "kvm:x:107:anode\n"}},
     kNone,
     "fail: user node is not in group kvm (r.yaml:3:1)"},
    {"user_as_stated",
     "system.accounts",
     stated_user({{"group", "node"}, {"home", "/"}, {"shell", "/bin/sh"}}),
     {{"/etc/passwd", kUsers}, {"/etc/group", kGroups}},
     kNone,
     "pass"},
    {"user_of_another_first_group",
     "system.accounts",
     stated_user({{"group", "kvm"}}),
     {{"/etc/passwd", kUsers}, {"/etc/group", kGroups}},
     kNone,
     "fail: user node has the group node instead of kvm (r.yaml:3:1)"},
    {"user_of_another_home",
     "system.accounts",
     stated_user({{"home", "/srv/node"}}),
     {{"/etc/passwd", kUsers}, {"/etc/group", kGroups}},
     kNone,
     "fail: user node has the home / instead of /srv/node (r.yaml:3:1)"},
    {"user_of_another_shell",
     "system.accounts",
     stated_user({{"shell", "/bin/false"}}),
     {{"/etc/passwd", "node:x:950:950:::\n"}, {"/etc/group", kGroups}},
     kNone,
     "fail: user node has the shell  instead of /bin/false (r.yaml:3:1)"},
    {"group_kept", "system.accounts", {{"group", "kvm"}, {"id", 107}}, {{"/etc/group", kGroups}}, kNone, "pass"},

    {"file_kept", "image.files", kFile, {{"/etc/x", "kept\n"}}, status_of_x(0640, 950), "pass"},
    {"file_missing", "image.files", kFile, {}, kNone, "fail: /etc/x is missing (r.yaml:3:1)"},
    {"file_changed",
     "image.files",
     kFile,
     {{"/etc/x", "other\n"}},
     status_of_x(0644, 0),
     "fail: /etc/x has another content; /etc/x has mode 0644 instead of 0640; /etc/x has uid 0 instead of 950 "
     "(r.yaml:3:1)"},
    {"file_is_a_link",
     "image.files",
     kFile,
     {{"/etc/x", "kept\n"}},
     status_of_x(0640, 950, false),
     "fail: /etc/x is not a regular file (r.yaml:3:1)"},

    {"rights_kept", "security.setuid-list", {"/usr/bin/su"}, {}, {{"privileged_files", {"/usr/bin/su"}}}, "pass"},
    {"rights_too_many",
     "security.setuid-list",
     {"/usr/bin/su"},
     {},
     {{"privileged_files", {"/usr/bin/su", "/usr/bin/x"}}},
     "fail: /usr/bin/x has more rights than it may (r.yaml:3:1)"},
    {"rights_lost",
     "security.setuid-list",
     {"/usr/bin/su"},
     {},
     kNone,
     "fail: /usr/bin/su has lost its rights (r.yaml:3:1)"},
    {"modules_kept",
     "security.lsm",
     {"lockdown", "yama"},
     {{"/sys/kernel/security/lsm", "lockdown,capability,yama,ima,evm"}},
     kNone,
     "pass"},
    {"modules_in_another_order",
     "security.lsm",
     {"yama", "lockdown"},
     {{"/sys/kernel/security/lsm", "lockdown,capability,yama"}},
     kNone,
     "fail: the kernel's security modules are lockdown, capability, yama instead of yama, lockdown (r.yaml:3:1)"},
    {"ports_kept",
     "security.listening-ports",
     {"22/tcp", "4789/udp"},
     {{"/proc/net/tcp", kTcp}, {"/proc/net/udp", ""}, {"/proc/net/udp6", kUdp6}},
     kNone,
     "pass"},
    {"ports_opened_and_closed",
     "security.listening-ports",
     {"23/tcp"},
     {{"/proc/net/tcp", kTcp}, {"/proc/net/udp", ""}},
     kNone,
     "fail: 22/tcp is open; nobody listens at 23/tcp (r.yaml:3:1)"},
    {"no_port_and_none_open",
     "security.listening-ports",
     Json::array(),
     {{"/proc/net/tcp", ""}, {"/proc/net/udp", ""}},
     kNone,
     "pass"},
    {"a_port_that_a_client_had", "security.listening-ports", Json::array(), kClientPort, later(kUdpTitle), "pass"},
    {"a_port_that_another_client_has", "security.listening-ports", Json::array(), kClientPort,
     later(kUdpTitle + udp6("00000000000000000000000000000000:12B5", "99")), "pass"},
    {"a_port_that_no_client_keeps", "security.listening-ports", Json::array(), kClientPort, later(kVxlan),
     "fail: 4789/udp is open (r.yaml:3:1)"},
    {"a_port_among_those_of_clients_declared", "security.listening-ports", {"4789/udp"}, kClientPort, kNone, "pass"},
    {"a_port_that_is_not_looked_at_again", "security.listening-ports", Json::array(), kClientPort, kNone,
     "unmeasurable: 4789/udp may be a client's (r.yaml:3:1)"},
    {"ports_that_cannot_be_read",
     "security.listening-ports",
     Json::array(),
     {},
     kNone,
     "unmeasurable: the kernel's tables of sockets cannot be read (r.yaml:3:1)"},
    {"locked_down",
     "security.lockdown",
     "integrity",
     {{"/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"}},
     kNone,
     "pass"},
    {"not_locked_down",
     "security.lockdown",
     "integrity",
     {{"/sys/kernel/security/lockdown", "[none] integrity confidentiality\n"}},
     kNone,
     "fail: lockdown is `[none] integrity confidentiality` instead of integrity (r.yaml:3:1)"},
};

class Statement : public testing::TestWithParam<Row> {};

TEST_P(Statement, IsHeldTo) {
  const Row& row = GetParam();
  Expected expected;
  expected.declared = {{row.check, row.statement, "r.yaml:3:1"}};
  const CheckResult result = judge(row.check, RecordedWorld(row.files, row.probes), expected);
  EXPECT_EQ(said(result), row.said);
  EXPECT_EQ(result.place, "r.yaml:3:1");
}

INSTANTIATE_TEST_SUITE_P(Settings, Statement, testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

TEST(Statements, OfOneSubjectAreJudgedEachByItself) {
  Expected expected;
  expected.declared = {
      {"kernel.sysctl", kSwap, "a.yaml:1:1"}, {"mem.thp", "never", ""}, {"kernel.sysctl", kPorts, "b.yaml:2:2"}};
  const CheckResult result = judge(
      "kernel.sysctl", RecordedWorld(Files{{"/proc/sys/vm/swappiness", "7\n"}, {"/proc/sys/a/b", "1 2\n"}}), expected);
  EXPECT_EQ(said(result), "fail: `a.b` is 1 2 instead of 1024 60999 (b.yaml:2:2)");
  EXPECT_EQ(result.measured.dump(), R"(["7","1 2"])");
  EXPECT_EQ(result.expected.size(), 2u);
}

TEST(Statements, TheInitrdsModulesCountToo) {
  Expected expected;
  expected.initrd_modules = {"virtio-net"};
  EXPECT_EQ(said(judge("kernel.modules", RecordedWorld({}), expected)), "fail: virtio-net of the initrd is not loaded");
  EXPECT_EQ(said(judge("kernel.modules", RecordedWorld(Files{{"/sys/module/virtio_net/", ""}}), expected)), "pass");
  EXPECT_EQ(said(judge("kernel.modules", RecordedWorld({}), {})),
            "skip: neither the initrd nor the recipe names a module");
}

}  // namespace
}  // namespace ainode::checks
