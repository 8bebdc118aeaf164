// SPDX-License-Identifier: Apache-2.0
// Reads /etc/subuid and /etc/subgid; lines that are not NAME:FIRST:COUNT are ignored, as newuidmap ignores them.
#include "builder/sandbox/subordinate_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/files.h"

namespace ainode {

namespace {

constexpr std::uint64_t kIds = 65536;

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 0xffffffff) return std::nullopt;
  return value;
}

struct Grant {
  std::uint64_t first, count;
};

std::optional<Grant> grant_of(const std::string& line, const std::string& user, std::uint64_t user_id) {
  std::istringstream fields(line);
  std::string name, first, count;
  std::getline(fields, name, ':');
  std::getline(fields, first, ':');
  std::getline(fields, count);
  if (name.empty() || (name != user && name != std::to_string(user_id))) return std::nullopt;
  const auto first_id = number(first), ids = number(count);
  if (!first_id || !ids || *ids == 0) return std::nullopt;
  return Grant{*first_id, *ids};
}

}  // namespace

std::vector<IdRange> subordinate_map(const fs::path& file, const std::string& user, std::uint64_t user_id,
                                     std::uint64_t own_id) {
  std::vector<IdRange> map = {{0, own_id, 1}};
  std::uint64_t next = 1;
  std::istringstream lines(read_file_if_any(file).value_or(""));
  for (std::string line; next < kIds && std::getline(lines, line);) {
    const auto grant = grant_of(line, user, user_id);
    if (!grant) continue;
    const std::uint64_t count = std::min(grant->count, kIds - next);
    map.push_back({next, grant->first, count});
    next += count;
  }
  if (next == kIds) return map;
  const std::string who = user.empty() ? std::to_string(user_id) : user;
  throw Error(codes::no_subuids, fmt::format("{} gives user `{}` {} of the {} subordinate ids that a build needs",
                                             file.string(), who, next - 1, kIds - 1))
      .help(fmt::format("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", who));
}

}  // namespace ainode
