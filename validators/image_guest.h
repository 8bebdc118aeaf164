// SPDX-License-Identifier: Apache-2.0
// From an image directory to a guest that can be started: the disk that the manifest names, its boot entry, the files
// beside it. What validate_image and boot_console share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/manifest.h"
#include "validators/controls/control.h"
#include "validators/machines/guest_run.h"
#include "validators/machines/qemu_command.h"
#include "validators/machines/topology.h"

namespace ainode {

/// One prepared guest; its files vanish with it.
struct ImageGuest {
  Manifest manifest;
  Topology topology;
  std::vector<std::string> harness_arguments;
  std::string command_line;  ///< the boot entry's options and the harness's arguments
  GuestFiles files;
  TemporaryDirectory work;
  FileLock lock;  ///< of `work`: what nobody holds was left by a killed run, and goes with the next one
};

/// What find_topology is to find for `qemu`, `qemu:TOPOLOGY` or `qemu:FILE.yaml`. Throws target_unknown.
std::string topology_of(const std::string& target);

/// Reads the image and prepares kernel, initrd and overlay in a directory below `work_parent`.
/// Throws image_not_found, image_malformed, target_unknown, memory_needed, tool_missing, disk_full.
ImageGuest prepare_guest(const std::filesystem::path& image, Topology machine,
                         const std::vector<std::string>& extra_arguments, const std::filesystem::path& work_parent);

/// Throws where there was no last word of an agent: the failure with the guest's last lines, or what require_start
/// throws.
void require_end(const GuestOutcome& outcome, const Topology& topology);
/// Throws machine_refused with QEMU's words where there was no guest yet; as a usage error for a user's own topology.
void require_start(const GuestOutcome& outcome, const Topology& topology);

/// What the agent is sent for.
struct AgentTask {
  std::string nonce;
  std::vector<std::string> profiles;
  bool listens = false;  ///< answers what it is asked; else it runs the checks once
  checks::Level level = checks::Level::standard;
  std::vector<std::string> only = {};        ///< as Expected::only
  bool records = false;                      ///< and send what the checks saw
  std::vector<std::string> elsewhere = {};   ///< as Expected::elsewhere
  controls::Planting planting = {};          ///< defects; their kernel arguments are prepare_guest's
  std::vector<std::string> companions = {};  ///< names of programs that checks run
};

/// What the agent is given to judge by.
checks::Expected expected_in(const ImageGuest& guest, const AgentTask& task);

/// Writes the agent's disk and returns QEMU's whole command line but for the channels.
std::vector<std::string> inject_agent(ImageGuest& guest, const AgentTask& task, const std::string& qemu);

}  // namespace ainode
