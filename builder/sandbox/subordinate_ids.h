// SPDX-License-Identifier: Apache-2.0
// The subordinate ids that the administrator gave to a user, as the rows of an id map.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ainode {

/// One row of uid_map or gid_map.
struct IdRange {
  std::uint64_t inside, outside, count;
};

/// `file` is /etc/subuid or /etc/subgid; its lines are NAME:FIRST:COUNT, where NAME may be a number. Maps 0 to
/// `own_id`, and 1–65535 to the user's ranges in the file's order. Throws no_subuids, with the cure, when they do not
/// suffice.
std::vector<IdRange> subordinate_map(const std::filesystem::path& file, const std::string& user, std::uint64_t user_id,
                                     std::uint64_t own_id);

}  // namespace ainode
