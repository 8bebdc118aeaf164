// SPDX-License-Identifier: Apache-2.0
// How much memory guests may have: what the kernel has left, and what the control groups of this process allow.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace ainode {

/// Bytes that this host could give to guests now; nothing where the kernel does not say. `root`: where /proc and
/// /sys/fs/cgroup lie.
std::optional<std::uint64_t> available_memory(const std::filesystem::path& root = "/");

}  // namespace ainode
