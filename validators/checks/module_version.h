// SPDX-License-Identifier: Apache-2.0
// The version magic of a kernel module file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ainode::checks {

bool is_module_file(std::string_view name);  ///< .ko or .ko.xz

/// The value of `vermagic=` in .modinfo; nothing when the file is malformed or has none. The section lies near a
/// module's start, so a packed module is unpacked only as far as needed: a quarter of the work, which counts under
/// emulation.
std::optional<std::string> version_magic(std::string_view name, std::string_view content);

}  // namespace ainode::checks
