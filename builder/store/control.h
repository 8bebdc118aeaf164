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

/// The stanzas of a deb822 text, each with the empty line behind it.
std::vector<std::string> stanzas_in(std::string_view text);
std::vector<std::string> lines_of(std::string_view text);

/// Negative, zero or positive as version a is older than b, the same, or newer (deb-version(7)).
int compare_versions(std::string_view a, std::string_view b);

/// One clause of a relation field without alternatives: "foo", "foo:any (<< 2)".
struct Relation {
  std::string name, comparison, version;  ///< the comparison is empty when every version will do
  bool accepts(std::string_view version) const;
};
std::vector<Relation> relations_in(std::string_view field);

/// Where a merged /usr has a path (without leading slash): Debian's /bin, /sbin and /lib* are links into /usr.
std::string merged_path(const std::string& path);

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
