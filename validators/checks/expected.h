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

/// One row a device: two rows of one vendor:device mean two devices.
struct ExpectedDevice {
  std::string vendor, device;  ///< four lower-case hexadecimal digits: "1af4"
  std::string driver;          ///< name below /sys/bus/pci/drivers; empty: no driver may be bound
};

/// What a machine gives, and so what its kernel must show. A node's place in `nodes` is its number.
struct ExpectedTopology {
  std::vector<ExpectedNumaNode> nodes;
  std::vector<std::vector<int>> distances;  ///< a row a node
  std::string iommu = "none";               ///< none, intel or amd
  std::vector<ExpectedDevice> devices;
  double memory_tolerance = 0.1;  ///< the share of the memory that the kernel may keep for itself
};

/// Subjects of `declared` that the checks read, with the shape of Declaration::expected:
///   kernel.config           {"NUMA": "y", "HZ": "250", "KASAN": "n", "OVERLAY_FS": ["y", "m"]}: option without CONFIG_
///   →
///                           y, m, n or its value; a list allows any of its values
///   kernel.modules          {"load": ["nvidia_uvm"], "deny": ["nouveau"]}, either key may be missing
///   kernel.timer            ticks a second (250); without it the image's own CONFIG_HZ is what must hold
///   driver.taint            the taint bits that are allowed (4096); without it none is
///   systemd.default-target  "multi-user.target"
///   systemd.active          ["containerd.service", …]
/// The place of `kernel.cmdline` is reported by the check of that name; its arguments come from Manifest.
struct Expected {
  std::string commit, kernel_release;
  std::vector<std::string> kernel_cmdline;  ///< as the BLS entry has it, without `ostree=`
  std::vector<std::string> initrd_modules;
  std::vector<Declaration> declared;
  ExpectedTopology topology;
  std::vector<std::string> harness_cmdline;  ///< the arguments that the harness added, subtracted by kernel.cmdline
  std::vector<std::string> profiles;
  std::string nonce;                 ///< fresh for every run; keys the protocol's line codes
  bool emulated = true;              ///< figures of speed mean nothing here
  std::vector<std::string> command;  ///< for --run-command: argv; empty otherwise

  const Declaration* declaration(std::string_view subject) const;
};

/// The part of the document that an image's manifest gives; topology, harness and nonce are the caller's to add.
Expected expected_of(const Manifest& manifest);

/// expected.json: {"image": {commit, kernel_release, kernel_cmdline, initrd_modules, declared}, "topology": {…},
/// "harness": {"cmdline": […]}, "profiles": […], "nonce": "…", "emulated": true, "command": […]}.
std::string write_expected(const Expected& expected);

struct ReadExpected {
  std::optional<Expected> value;
  std::string problem;  ///< why there is no value, naming the key
};
/// Reads what write_expected wrote. Throws nothing: a node without base's errors uses it.
ReadExpected read_expected(std::string_view text);

}  // namespace ainode::checks
