// SPDX-License-Identifier: Apache-2.0
// Who made a path of an image, and who changed it since.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/lock.h"

namespace ainode {

/// Where a build writes who made each path, beside the manifest: a line a path, "PATH<tab>MAKER, then MAKER";
/// directories end in `/`. It explains and is no part of what is signed.
inline constexpr const char* kOriginsFile = "origins.txt";

struct PathExplanation {
  std::string path;  ///< in the image: etc/passwd lies at usr/etc/passwd
  std::string type;  ///< file, symlink, directory
  std::string mode;  ///< octal
  std::uint32_t uid = 0, gid = 0;
  std::string target;               ///< of a symlink
  std::uint64_t size = 0;           ///< of a file
  std::string sha256;               ///< of a file's content
  std::vector<std::string> makers;  ///< in order: "package dbus 1.16.2-2", "the postinst of dbus", "generator modules"
};

/// `path` as it is on a node ("/etc/passwd", "/var/lib/dpkg/status") or in the image. Throws image_not_found,
/// image_malformed, and bad_value for a path that the image does not have, with what is known of it.
PathExplanation explain_path(const std::filesystem::path& image, const std::string& path);

/// The file's content: the lines and, as its last line, their SHA-256.
std::string sealed_origins(const std::string& origins);
/// Makers by path, as the file has them; and the file of an image (throws image_malformed when it has none,
/// output_corrupt when its digest does not fit).
std::map<std::string, std::string> parse_origins(std::string_view text);
std::map<std::string, std::string> read_origins(const std::filesystem::path& image);
/// A maker that is a package gets its version.
std::vector<std::string> makers_of(const std::string& origin, const Lock& lock);

}  // namespace ainode
