// SPDX-License-Identifier: Apache-2.0
// QEMU's command line for one image on one topology: an unmodified disk under a throw-away overlay, started with the
// kernel, initrd and options of the boot entry inside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/steps.h"
#include "validators/machines/disk_image.h"
#include "validators/machines/topology.h"

namespace ainode {

/// What a boot needs on disk; all lie in a directory that vanishes with the run.
struct GuestFiles {
  std::filesystem::path kernel, initrd, overlay;
  std::filesystem::path agent_disk;  ///< empty: no agent
};

/// Writes kernel, initrd and overlay into `directory`. The overlay's base is opened by QEMU for reading only.
/// Throws image_malformed, tool_missing, process_failed, disk_full.
GuestFiles prepare_guest_files(const BootEntry& entry, const std::filesystem::path& disk,
                               const std::filesystem::path& directory);

/// The arguments that the harness adds to the image's own: the console, what the topology needs, `extra`.
std::vector<std::string> harness_arguments(const Topology& topology, const std::vector<std::string>& extra);

/// Everything but the channels. TCG only (machine_arguments): /dev/kvm may exist and hang every guest.
std::vector<std::string> qemu_command(const std::string& qemu, const Topology& topology, const GuestFiles& files,
                                      const std::string& command_line);

}  // namespace ainode
