// SPDX-License-Identifier: Apache-2.0
// What a package may hold: nothing that leads out of the tree, that libostree cannot name, or that dpkg would not
// unpack.
#include "builder/store/entry_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace ainode {

namespace {

constexpr std::int64_t kLargestId = 65535;
constexpr std::size_t kLongestPath = 4095;
constexpr std::size_t kLongestName = 255;

bool has_control_byte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; });
}

/// Without surrogates, overlong forms and what lies beyond U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80) continue;
    const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4) return false;
    std::uint32_t value = first & (0x3Fu >> more);
    for (int i = 0; i < more; ++i, ++at) {
      if (at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0u) != 0x80) return false;
      value = value << 6 | (static_cast<unsigned char>(text[at]) & 0x3Fu);
    }
    const std::uint32_t smallest = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
    if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
  }
  return true;
}

}  // namespace

void refuse_entry(const LockedPackage& package, const std::string& path, const std::string& reason) {
  throw Error(codes::archive_entry_refused,
              fmt::format("the .deb of {} holds `{}`, which {}", package.str(), path, reason));
}

std::uint64_t unpacked_limit(std::string_view archive) {
  return (std::uint64_t{64} << 20) + 100 * std::uint64_t{archive.size()};
}

std::string plain_path(const LockedPackage& package, const std::string& raw) {
  if (raw.size() > kLongestPath) refuse_entry(package, raw.substr(0, 60) + "…", "is longer than 4095 bytes");
  if (has_control_byte(raw)) refuse_entry(package, raw, "has a control character in its name");
  if (!is_utf8(raw)) refuse_entry(package, raw, "has a name that is not UTF-8");
  if (!raw.empty() && raw.front() == '/') refuse_entry(package, raw, "is an absolute path");
  std::string path;
  std::string_view rest(raw);
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view component = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..") refuse_entry(package, raw, "leads out of the tree");
    if (component.size() > kLongestName)
      refuse_entry(package, raw.substr(0, 60) + "…", "has a name longer than 255 bytes");
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

void require_allowed(const LockedPackage& package, const std::string& path, const ArchiveEntry& entry) {
  using Type = ArchiveEntry::Type;
  if (entry.uid < 0 || entry.uid > kLargestId || entry.gid < 0 || entry.gid > kLargestId)
    refuse_entry(package, path, fmt::format("belongs to {}:{}, outside 0 to 65535", entry.uid, entry.gid));
  // dpkg does not unpack them: a capability would be lost on every other machine, or smuggled in here.
  if (!entry.xattrs.empty()) refuse_entry(package, path, "carries extended attributes");
  const bool is_known = entry.type == Type::file || entry.type == Type::directory || entry.type == Type::symlink ||
                        entry.type == Type::hardlink;
  if (!is_known) refuse_entry(package, path, "is a device, a FIFO or a socket");
  if (entry.type == Type::symlink && (entry.target.empty() || entry.target.size() > kLongestPath ||
                                      has_control_byte(entry.target) || !is_utf8(entry.target)))
    refuse_entry(package, path, "is a symlink with an impossible target");
}

}  // namespace ainode
