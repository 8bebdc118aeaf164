// SPDX-License-Identifier: Apache-2.0
// Where the throw-away files of a guest lie while it runs. Internal to this folder.
#pragma once

#include <filesystem>

#include "base/files.h"

namespace ainode {

/// Of errors where evidence cannot be kept: the option that chooses the place.
inline constexpr const char* kEvidenceHint = "name a directory that you may write to: --evidence DIR";

/// A directory below `parent` that vanishes with it; what nobody holds the lock of was left by a killed run.
struct WorkPlace {
  TemporaryDirectory work;
  FileLock lock;
};

/// Safe beside others that take and clear places below the same parent, in this process and in others.
WorkPlace take_work_place(const std::filesystem::path& parent);
/// Removes what killed runs left below `parent`.
void remove_abandoned(const std::filesystem::path& parent);

}  // namespace ainode
