// SPDX-License-Identifier: Apache-2.0
// The limits that only a control group can hold: RLIMIT_NPROC counts by user and spares root.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace ainode {

/// One control group, gone with this object; what is in it must have ended by then. Those of killed processes are
/// removed by the next who makes one beside them.
class ControlGroup {
 public:
  /// Where the kernel gives this process no place for one, the object is empty: that is no error.
  explicit ControlGroup(std::uint64_t process_limit);
  ControlGroup(const ControlGroup&) = delete;
  ~ControlGroup();

  bool exists() const { return entry_.is_open(); }
  /// A process that writes "0" here is in the group from then on; -1 for an empty object.
  int entry() const { return entry_.get(); }
  /// The limits that the group's processes have run into, in words.
  std::vector<std::string> limits_hit() const;

 private:
  bool make_in(const fs::path& parent);
  bool make_and_lock(const fs::path& parent);
  void set(const char* file, std::uint64_t value) const;

  fs::path path_;
  std::uint64_t process_limit_;
  Descriptor lock_, entry_;
};

/// A directory in which a control group with a limit of processes can be made; its version decides the files' names.
/// `mounts` and `groups` are the texts of /proc/self/mountinfo and /proc/self/cgroup. In the order of preference.
std::vector<fs::path> control_group_places(const std::string& mounts, const std::string& groups);

}  // namespace ainode
