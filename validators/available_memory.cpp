// SPDX-License-Identifier: Apache-2.0
// MemAvailable of /proc/meminfo, and for each control group (version 2) from this process's up to the topmost its limit
// less what cannot be reclaimed (Documentation/admin-guide/cgroup-v2.rst).
#include "validators/available_memory.h"

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>

#include "base/files.h"

namespace ainode {

namespace {

/// The number behind a word: "MemAvailable: 12 kB", "inactive_file 4096".
std::optional<std::uint64_t> number_after(std::string_view word, const fs::path& file) {
  std::istringstream lines(read_file_if_any(file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::uint64_t number = 0;
    if (words >> first && first == word && words >> number) return number;
  }
  return std::nullopt;
}

/// Nothing for "max", and where there is no such file.
std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::istringstream words(read_file_if_any(file).value_or(""));
  std::uint64_t number = 0;
  return words >> number ? std::optional(number) : std::nullopt;
}

/// What a limit leaves. Pages of files count as used, but make room where memory is asked for.
std::optional<std::uint64_t> room_in(const fs::path& group) {
  const auto limit = number_in(group / "memory.max");
  if (!limit) return std::nullopt;
  std::uint64_t used = number_in(group / "memory.current").value_or(0);
  for (const char* pages : {"inactive_file", "active_file"})
    used -= std::min(used, number_after(pages, group / "memory.stat").value_or(0));
  return *limit - std::min(*limit, used);
}

/// "0::/a/b"; the topmost where a process stands outside what it is shown.
fs::path group_of_this_process(const fs::path& root) {
  constexpr std::string_view kVersion2 = "0::/";
  std::istringstream lines(read_file_if_any(root / "proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(kVersion2) && line.find("/..") == std::string::npos) return line.substr(kVersion2.size());
  return {};
}

}  // namespace

std::optional<std::uint64_t> available_memory(const fs::path& root) {
  std::optional<std::uint64_t> available = number_after("MemAvailable:", root / "proc/meminfo");
  if (available) *available *= 1024;
  const fs::path groups = root / "sys/fs/cgroup";
  for (fs::path group = group_of_this_process(root);; group = group.parent_path()) {
    if (const auto room = room_in(groups / group)) available = std::min(available.value_or(*room), *room);
    if (group.empty()) return available;
  }
}

}  // namespace ainode
