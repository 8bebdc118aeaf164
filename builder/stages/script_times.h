// SPDX-License-Identifier: Apache-2.0
// Which maintainer script changed a file: the script during which the file's inode changed last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

class ScriptTimes {
 public:
  /// A line a run: script's name, first argument, begin and end in nanoseconds, separated by tabs. Malformed lines are
  /// passed over: they explain, they decide nothing.
  void read(std::string_view notes);
  void add(std::string maker, std::int64_t begin, std::int64_t end);
  /// "the postinst of dbus"; dpkg itself when no script ran at that time.
  std::string maker(std::int64_t changed) const;

 private:
  struct Run {
    std::int64_t begin, end;
    std::string maker;
  };
  std::vector<Run> runs_;  ///< none overlaps another
};

}  // namespace ainode
