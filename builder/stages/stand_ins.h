// SPDX-License-Identifier: Apache-2.0
// What hides programs and scripts of a tree while its maintainer scripts run (builder/aids).
#pragma once

#include <filesystem>
#include <vector>

#include "builder/sandbox/sandbox.h"
#include "builder/store/tree.h"

namespace ainode {

struct StandIns {
  std::filesystem::path directory;  ///< an overlay's topmost lower directory
  std::filesystem::path notes;      ///< what they write: `scripts`, `calls`
  std::vector<BindMount> binds;     ///< what they need to see below /run/ainode
};

/// Lays them below `scratch`; `lower` shows the tree. Only what is in the tree gets a stand-in, so that scripts still
/// see which programs there are; policy-rc.d(8) alone is added: no service starts in an image.
StandIns lay_stand_ins(const Tree& tree, const std::filesystem::path& lower, const std::filesystem::path& scratch);

/// Opened for writing, changed or renamed, a stand-in is copied into the overlay's upper directory, which must not be
/// mounted: it must not come into the image. A copy at its own place with the owner and mode of what `lower` has there
/// is removed; any other throws script_failed naming the path.
void clear_copied_stand_ins(const std::filesystem::path& upper, const std::filesystem::path& lower,
                            const std::filesystem::path& scratch);

}  // namespace ainode
