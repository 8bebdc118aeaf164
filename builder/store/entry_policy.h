// SPDX-License-Identifier: Apache-2.0
// Which entries of a .deb's archives are taken. All throw archive_entry_refused, naming package and path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/archive.h"
#include "base/lock.h"

namespace ainode {

[[noreturn]] void refuse_entry(const LockedPackage& package, const std::string& path, const std::string& reason);

/// What an archive of so many bytes may hold unpacked. Packages that unpack to 30 times their size exist; what unpacks
/// to far more than that is made to fill memory or disk.
std::uint64_t unpacked_limit(std::string_view archive);

/// "./usr/bin/x/" → "usr/bin/x"; empty for the root.
std::string plain_path(const LockedPackage& package, const std::string& raw);

/// Owner, type, attributes and a symlink's target.
void require_allowed(const LockedPackage& package, const std::string& path, const ArchiveEntry& entry);

}  // namespace ainode
