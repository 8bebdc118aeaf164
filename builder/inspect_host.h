// SPDX-License-Identifier: Apache-2.0
// What this host can do: every check really tries what a build or a validation will do, and each lack has its cure.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "builder/packages/repositories.h"
#include "builder/probe_accelerator.h"

namespace ainode {

struct HostOptions {
  std::filesystem::path store;  ///< where builds keep their cache: its disk is looked at
  std::string qemu = "qemu-system-x86_64";
  MirrorOptions mirrors;
  std::vector<Repository> repositories;  ///< of a recipe: each one's metadata is fetched and held to its dates
  std::string only;                      ///< only the checks whose ids start with it
  bool show_hosts = false;               ///< name the mirrors' hosts

  // What tests replace.
  std::filesystem::path kvm_device = "/dev/kvm";
  std::filesystem::path apt_lists = "/var/lib/apt/lists";
  std::filesystem::path keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  std::chrono::milliseconds kvm_deadline{5'000};
  std::chrono::milliseconds emulation_deadline{60'000};
  std::int64_t now = 0;  ///< seconds since 1970; 0: this machine's clock
  std::uintmax_t needed_bytes = std::uintmax_t{6} << 30;
  std::uintmax_t needed_inodes = 120'000;
};

/// What a check's answer is needed for.
struct Need {
  bool build = false, validate = false;
};

struct HostCheck {
  std::string id;     ///< stable, for --json: "tool.gpgv", "kvm", "metadata.debian.trixie"
  std::string title;  ///< for people
  Need need;
  bool is_good = false;
  std::string found;  ///< what is there
  std::string cure;   ///< of a lack
  std::string code;   ///< of a lack that is one of ainode's errors: what a build would end with
};

struct HostReport {
  std::vector<HostCheck> checks;  ///< in the table's order
  bool can_build() const;
  bool can_validate() const;
  Json to_json() const;  ///< schema ainode.doctor/1
};

/// Needs a single-threaded process (user namespaces). A lack is a value; throws only interrupted.
HostReport inspect_host(const HostOptions& options);

}  // namespace ainode
