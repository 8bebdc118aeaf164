// SPDX-License-Identifier: Apache-2.0
// The expected document: what the host side knows of an image, its machine and the run, as the node's checks read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/manifest.h"

namespace ainode::checks {

struct ExpectedNumaNode {
  std::vector<int> cpus;           ///< empty: a node of memory only
  std::uint64_t memory_bytes = 0;  ///< as the machine was given it; 0: a node without memory
};

/// What the HMAT says of a node's processors and one node's memory, for reads as for writes.
struct ExpectedAccess {
  int initiator = 0, target = 0;
  int latency_ns = 0, bandwidth_mib = 0;  ///< MiB a second
};

/// How much time a run may take: a level holds the checks of those below it.
enum class Level {
  quick,     ///< reading alone: seconds in all, even under emulation
  standard,  ///< what walks through all files of an image, too
  full,      ///< what loads the machine or takes minutes, too
};
std::string_view to_string(Level level);
std::optional<Level> level_named(std::string_view name);
std::vector<std::string_view> level_names();

/// One row a device: two rows of one vendor:device mean two devices.
struct ExpectedDevice {
  std::string vendor, device;           ///< four lower-case hexadecimal digits: "1af4"
  std::string driver;                   ///< name below /sys/bus/pci/drivers; empty: no driver may be bound
  std::uint64_t peer_memory_bytes = 0;  ///< memory of its own that other devices may reach (an NVMe's CMB)
  std::optional<int> numa_node = {};    ///< that it is on; nothing: not declared
};

/// What a machine gives, and so what its kernel must show. A node's place in `nodes` is its number.
struct ExpectedTopology {
  std::vector<ExpectedNumaNode> nodes;
  std::vector<std::vector<int>> distances;  ///< a row a node
  std::vector<ExpectedAccess> accesses;     ///< each node with processors to each node; empty: no HMAT
  std::vector<std::vector<int>> tiers;      ///< the nodes of each memory tier, fastest tier first; empty: not declared
  std::string iommu = "none";               ///< none, intel or amd
  std::vector<ExpectedDevice> devices;
  double memory_tolerance = 0.1;  ///< the share of the memory that the kernel may keep for itself

  /// How the processors nearest to a node reach its memory: what Linux shows of an HMAT. Throws std::out_of_range where
  /// no processor is said to reach it.
  const ExpectedAccess& local_access(int target) const;
};

/// Subjects of `declared` that the checks read, with the shape of Declaration::expected. Those marked * stand once a
/// statement of the recipe:
///   kernel.config             {"NUMA": "y", "HZ": "250", "KASAN": "n", "OVERLAY_FS": ["y", "m"]}: option without
///                             CONFIG_ → y, m, n or its value; a list allows any of its values
///   kernel.sysctl *           {"name": "vm.swappiness", "path": "/proc/sys/vm/swappiness", "value": "1"}
///   kernel.modules *          {"load": "nvidia_uvm"} or {"deny": "nouveau"}
///   kernel.module-parameters * {"module": "vfio", "parameter": "…", "value": "…"}
///   kernel.release            "6.12.118+deb13-cloud-amd64"
///   kernel.timer              ticks a second (250); without it the image's own CONFIG_HZ is what must hold
///   mem.hugepages *           {"size": "2M", "count": 512, "even": true}
///   mem.thp                   "madvise"
///   numa.balancing, numa.reclaim   true or false
///   cpu.governor              "performance"
///   cpu.isolated, cpu.tickless, cpu.interrupts   "2-15"
///   storage.scheduler *       {"devices": "nvme*", "scheduler": "none", "read_ahead_kib": 128}, either may be missing
///   storage.mounts *          {"id": "root", "fs": "ext4", "bytes": 3221225472, "mount": "/"}
///   driver.taint              the taint bits that are allowed (4096); without it none is
///   driver.extra-modules *    {"module": "test_hmm", "file": "/usr/lib/modules/…/extra/test_hmm.ko"}
///   systemd.default-target    "multi-user.target"
///   system.enabled *, system.masked *   "containerd.service"
///   system.limits *           {"property": "DefaultLimitNOFILE", "value": "1048576"}
///   system.accounts *         {"user": "node", "id": 900, "group": "node", "groups": ["video"], "home": "/srv/node",
///                             "shell": "/bin/sh"}, of which those after the number may be missing;
///                             or {"group": "render", "id": 901}
///   image.deployed            {"signatures_sha256": "…"}, of the commit's detached metadata; missing where unsigned
///   image.files *             {"path": "/etc/x", "sha256": "…", "mode": "0644", "uid": 0, "gid": 0}
///   containers.runs           {"runtime": "podman"}
///   containers.cdi *          {"device": "vendor.com/class=0", "nodes": [{"path": "/dev/y", "hostPath": "/dev/x"}]}
///   net.settings *            {"driver": "mlx5_core", "mtu": 9000, "queue_length": 10000}, either may be missing
///   security.audit            true or false
///   security.setuid-list      ["/usr/bin/su", …]
///   security.listening-ports  ["22/tcp"]
///   security.lsm              ["lockdown", "apparmor"]
///   security.lockdown         "integrity"
/// The place of `kernel.cmdline` is reported by the check of that name; its arguments come from Manifest.
struct Expected {
  std::string commit, kernel_release;
  std::vector<std::string> kernel_cmdline;  ///< as the BLS entry has it, without `ostree=`
  std::vector<std::string> initrd_modules;
  std::vector<Declaration> declared;
  ExpectedTopology topology;
  std::vector<std::string> harness_cmdline;  ///< the arguments that the harness added, subtracted by kernel.cmdline
  std::vector<std::string> profiles;
  Level level = Level::standard;
  std::vector<std::string> only;       ///< ids; not empty: these checks and no others, whatever the image states
  std::vector<std::string> elsewhere;  ///< ids: another machine of the same run is asked
  std::string nonce;                   ///< fresh for every run; keys the protocol's line codes; empty in a recording
  bool emulated = true;                ///< figures of speed mean nothing here
  int instruction_ns = 0;              ///< of the node's time, that each instruction takes; 0: nobody counts them

  const Declaration* declaration(std::string_view subject) const;
};

/// The part of the document that an image's manifest gives; topology, harness and nonce are the caller's to add.
Expected expected_of(const Manifest& manifest);

/// expected.json: {"image": {commit, kernel_release, kernel_cmdline, initrd_modules, declared}, "topology": {…},
/// "harness": {"cmdline": […]}, "profiles": […], "level": "…", "only": […], "elsewhere": […] and
/// "nonce": "…" unless empty, "emulated": true}.
std::string write_expected(const Expected& expected);

struct ReadExpected {
  std::optional<Expected> value;
  std::string problem;  ///< why there is no value, naming the key
};
/// Reads what write_expected wrote. Throws nothing: a node without base's errors uses it.
ReadExpected read_expected(std::string_view text);

}  // namespace ainode::checks
