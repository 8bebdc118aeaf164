// SPDX-License-Identifier: Apache-2.0
// The version magic of kernel module files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "validators/checks/check.h"

namespace ainode::checks {

bool is_module_file(std::string_view name);  ///< .ko or .ko.xz

/// The value of `vermagic=` in .modinfo; nothing when the file is malformed or has none. The section lies near a
/// module's start, so a packed module is unpacked only as far as needed: a quarter of the work, which counts under
/// emulation.
std::optional<std::string> version_magic(std::string_view name, std::string_view content);

/// Path of a module → its version magic, or one of these words.
using ModuleVersions = std::map<std::string, std::string>;
inline constexpr const char* kNoVersion = "none";
inline constexpr const char* kUnreadable = "unreadable";

/// driver.vermagic: each is made for the kernel of this release.
Finding judge_module_versions(const ModuleVersions& versions, const std::string& release);

}  // namespace ainode::checks
