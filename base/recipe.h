// SPDX-License-Identifier: Apache-2.0
// The effective recipe: what a user declared, typed, each value with the place that set it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace ainode {

template <class T>
struct Located {
  T value{};
  Place place;
};
using Text = Located<std::string>;

struct Repository {
  Text id, distribution, suite;
  std::vector<Text> components;
  std::optional<Located<int>> priority;  ///< as apt's preferences have it; absent: what the archive's Release asks for
  std::vector<Text> allow;               ///< globs of the package names that may come from here; empty: all
  Text keyring;                          ///< a file of OpenPGP keys; empty: the distribution's own
  std::optional<Located<std::int64_t>> max_age;   ///< seconds; older signed metadata is refused
  std::optional<Located<std::int64_t>> snapshot;  ///< seconds since 1970: the archive as it was then
  Located<bool> required{true, {}};               ///< false: the build goes on without it when it cannot be read
};

struct PackageWishes {
  Located<bool> recommends{false, {}};
  std::vector<Text> include, exclude;
  std::map<std::string, Text> pin;  ///< package name → version glob
};

/// A file that the recipe puts into the image.
struct PlacedFile {
  Text path;
  Text source;       ///< the file beside the recipe that holds the content; empty: the recipe holds it
  Text mode, owner;  ///< empty: 0644, root
  std::optional<std::string> content;
};

/// A kernel module that is compiled for the image's kernel.
struct ExtraModule {
  Text name;                        ///< the module's, as modprobe knows it
  Text package;                     ///< holds the source; empty: it lies beside the recipe
  std::vector<PlacedFile> sources;  ///< by `source` alone: paths in the package, or files beside the recipe
};

struct KernelWishes {
  Text package;                        ///< for the chosen architecture
  std::vector<Text> cmdline;           ///< one argument each, in order
  std::map<std::string, Text> sysctl;  ///< name as written → value
  std::vector<Text> load_modules, deny_modules;
  std::map<std::string, std::map<std::string, Text>> module_parameters;  ///< module → parameter → value
  std::vector<ExtraModule> extra_modules;
};

struct HugePages {
  Located<int> count;
  Text per_node;  ///< "even": as many on each node; empty: however they come
};

/// Devices of a name: "nvme*". One of the two is said.
struct BlockWishes {
  Place place;
  Text scheduler;                          ///< empty: as it comes
  std::optional<Located<int>> read_ahead;  ///< KiB
};

/// Network interfaces of a driver: "mlx5_core". One of the two is said.
struct NetWishes {
  Place place;
  std::optional<Located<int>> mtu;           ///< bytes
  std::optional<Located<int>> queue_length;  ///< packets that wait to be sent
};

/// What is empty stays as the kernel has it. A profile's own statements stand among the others, with its place.
struct TuningWishes {
  Text profile;                                ///< latency or throughput
  std::map<std::string, HugePages> hugepages;  ///< by page size: 2M, 1G
  Text thp;                                    ///< always, madvise or never
  std::optional<Located<bool>> numa_balancing, zone_reclaim;
  Text governor, isolate, nohz_full;         ///< the latter two are lists of processors: "2-15"
  Text irq_affinity;                         ///< the processors that take interrupts, unless a driver says otherwise
  std::map<std::string, Text> limits;        ///< nofile, memlock, nproc → a number or unlimited, of every service
  std::map<std::string, BlockWishes> block;  ///< by device glob
  std::map<std::string, NetWishes> net;      ///< by driver glob
};

struct SystemdWishes {
  Text default_target;
  std::vector<Text> enable, mask;
  std::vector<PlacedFile> units;  ///< by `source` alone
};

struct SecurityWishes {
  std::vector<Text> lsm;
  Text lockdown;                            ///< none, integrity or confidentiality
  std::optional<Located<bool>> audit;       ///< whether the kernel audits
  std::optional<std::vector<Text>> setuid;  ///< all files that may have more rights than who starts them
  Place setuid_place;
  std::optional<std::vector<Text>> ports;  ///< all that may be open to other machines: "22/tcp"
  Place ports_place;
};

/// A device that containers are given by name (CDI).
struct ContainerDevice {
  Text name;                ///< "vendor.com/class=name"
  std::vector<Text> nodes;  ///< "/dev/x", or "/dev/x:/dev/y" where the container is to see another path
};

/// An account with a fixed number, so that the order in which packages make theirs never decides it.
struct User {
  Text name;
  std::optional<Located<int>> uid;
  Text group;                ///< its first group; empty: one of its own name, with the user's number
  std::vector<Text> groups;  ///< further ones
  Text home, shell;          ///< empty: /nonexistent, /usr/sbin/nologin
};
struct Group {
  Text name;
  std::optional<Located<int>> gid;
};

struct Partition {
  Text id, type, filesystem, mount;  ///< type: esp, root; filesystem: vfat, ext4; mount may be empty
  Located<std::uint64_t> size;       ///< bytes, a multiple of 1 MiB
};

struct SigningWishes {
  Text openpgp,
      ed25519;  ///< key names for the commit; empty: unsigned by that kind is not possible, the development key is used
  Text attestations;
};

/// What is asked for when the documents up to one are laid over each other: images that have them in common share the
/// layers of these packages.
struct PackageLevel {
  std::string name;  ///< the document's file name without its ending; the last one also says the variant
  std::vector<std::string> packages;  ///< the kernel's among them
  bool recommends = false;
};

struct Recipe {
  std::string file;     ///< as the user named it
  std::string variant;  ///< the overlays chosen behind `@`, as named; empty: the recipe itself
  Text name, summary;
  std::string architecture;         ///< amd64 or arm64: the one this build is for
  std::vector<Text> architectures;  ///< all that the recipe allows
  std::vector<Repository> repositories;
  PackageWishes packages;
  KernelWishes kernel;
  std::vector<PackageLevel> package_levels;  ///< one a document from the bottom of `extends`, then one for the overlays
  std::vector<User> users;
  std::vector<Group> groups;
  TuningWishes tuning;
  SystemdWishes systemd;
  std::vector<PlacedFile> files;
  SecurityWishes security;
  Text container_runtime;  ///< podman; empty: none is asked for
  std::vector<ContainerDevice> container_devices;
  std::vector<Partition> partitions;
  SigningWishes signing;
  Text ostree_ref;                 ///< with {arch}, {name} filled in
  std::vector<Text> disk_formats;  ///< qcow2
  std::vector<Text> profiles;      ///< validation.profile
  /// The effective values as canonical JSON: keys sorted, nothing empty, no places. A comment changes nothing here.
  std::string values;
  std::string digest;  ///< SHA-256 of `values`

  const Repository* repository(const std::string& id) const;
};

}  // namespace ainode
