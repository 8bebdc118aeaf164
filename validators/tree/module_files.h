// SPDX-License-Identifier: Apache-2.0
// Where an image's kernel modules lie, what is in their files, and where the kernel looks for their firmware.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/node.h"

namespace ainode::tree {

inline constexpr const char* kModules = "/usr/lib/modules";

/// Where the one kernel of the tree lies: /usr/lib/modules/RELEASE/vmlinuz. Nothing where there is none, or several.
std::optional<std::string> find_kernel(const checks::Node& node);

/// Paths of all modules below kModules, folder by folder, sorted within each.
std::vector<std::string> find_modules(const checks::Node& node);

/// A module's file, unpacked where it is compressed. Throws Error image_malformed, or what decompress() throws.
std::string read_unpacked(const checks::Node& node, const std::string& path);

/// A signed module: what was signed, and the CMS message that signs it (Linux's include/linux/module_signature.h).
struct SignedModule {
  std::string_view content;
  std::string_view message;  ///< empty where what stands at the end is broken
};
/// Nothing where the module, unpacked, is not signed. The parts are of `module`.
std::optional<SignedModule> split_signature(std::string_view module);

/// "kernel/sound/snd-hda-intel.ko.xz" → "snd_hda_intel", as the kernel calls it.
std::string module_name(std::string_view path);

/// Folders in the kernel's order, each with a slash at its end: drivers/base/firmware_loader/main.c.
std::vector<std::string> firmware_folders(const std::string& kernel_release);

}  // namespace ainode::tree
