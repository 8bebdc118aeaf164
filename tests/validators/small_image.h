// SPDX-License-Identifier: Apache-2.0
// An image that is just large enough to be booted by a stand-in for QEMU.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/files.h"
#include "tests/validators/machines/test_disk.h"
#include "validators/checks/catalog.h"
#include "validators/validate.h"

namespace ainode {

/// Its manifest asks for the profile `numa`. `work` takes what it is made of.
inline void make_small_image(const fs::path& work, const fs::path& image) {
  const fs::path disk = make_qcow2(make_raw_disk(work, ostree_boot("root=LABEL=x quiet")));
  make_directories(image);
  fs::rename(disk, image / "img.qcow2");
  Manifest manifest;
  manifest.name = "img";
  manifest.architecture = "amd64";
  manifest.commit = manifest.lock_sha256 = std::string(64, 'a');
  manifest.lock = "img.lock";
  manifest.kernel_release = "6.12.0-test";
  manifest.profiles = {"numa"};
  manifest.outputs = {{"img.qcow2", "qcow2", 1, std::string(64, 'b')}};
  write_manifest(manifest, image);
}

/// A program that plays QEMU: a scenario of stand_in_qemu.py with its options.
inline std::string stand_in_qemu(const fs::path& program, const std::string& scenario) {
  write_file(program,
             fmt::format("#!/bin/sh\nexec python3 {} {} \"$@\"\n",
                         AINODE_SOURCE_DIR "/tests/validators/machines/stand_in_qemu.py", scenario),
             0755);
  return program.string();
}

inline std::vector<checks::Check> numa_checks_asked() {
  checks::Expected expected;
  expected.profiles = {"numa"};
  return checks::checks_for(expected);
}

/// "numa.nodes,numa.placement,…": for `checks=` of a scenario.
inline std::string ids_of(const std::vector<checks::Check>& checks) {
  std::string ids;
  for (const checks::Check& check : checks) ids += (ids.empty() ? "" : ",") + std::string(check.id);
  return ids;
}

}  // namespace ainode
