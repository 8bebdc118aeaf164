// SPDX-License-Identifier: Apache-2.0
// Small results in a directory, by the key of what they are a function of. A damaged one is as good as none.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/steps.h"

namespace ainode {

/// Marks it as used.
std::optional<std::string> recall_result(const std::filesystem::path& directory, const StepKey& key);
/// The directory must exist.
void remember_result(const std::filesystem::path& directory, const StepKey& key, const std::string& value);
/// Whether a file of such a directory holds what was remembered there.
bool is_sound_result(const std::filesystem::path& file);

}  // namespace ainode
