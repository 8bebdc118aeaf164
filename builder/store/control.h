// SPDX-License-Identifier: Apache-2.0
// The control part of a .deb as the dpkg database holds it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/lock.h"

namespace ainode {

/// A field of one deb822 stanza, continuation lines joined as they stand; empty when absent.
std::string control_field(std::string_view stanza, std::string_view name);

struct ControlFile {
  std::string content;
  bool is_executable = false;
};

/// The control archive's files by name ("control", "postinst", "conffiles", …).
using ControlFiles = std::map<std::string, ControlFile>;

/// The name under /var/lib/dpkg/info: "libc6:amd64" where packages of several architectures may stand side by side,
/// else "dpkg".
std::string info_name(std::string_view control);

/// The paragraph of /var/lib/dpkg/status for an unpacked package; `conffile_digests` is MD5 by path (without leading
/// slash). Ends with an empty line.
std::string status_stanza(const ControlFiles& files, const std::map<std::string, std::string>& conffile_digests);

/// Configuration files named by `conffiles`, without the leading slash and flags.
std::vector<std::string> conffile_paths(const ControlFiles& files);

/// Throws deb_mismatch unless Package, Version and Architecture are the lock's.
void require_control_matches(std::string_view control, const LockedPackage& package);

/// Lines of /var/lib/dpkg/triggers: `File` for path triggers, a file per named trigger; filled from each package's
/// `triggers`.
using TriggerFiles = std::map<std::string, std::string>;
void add_triggers(TriggerFiles& into, const std::string& info_name, std::string_view triggers);

}  // namespace ainode
