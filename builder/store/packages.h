// SPDX-License-Identifier: Apache-2.0
// .deb files into the store, one commit a package, and their union: a dpkg-unpacked tree as metadata.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/lock.h"
#include "builder/store/store.h"

namespace ainode {

/// Which of the packages the store lacks (by SHA-256 and the importer's version).
std::vector<LockedPackage> packages_to_import(const Store& store, const std::vector<LockedPackage>& packages);

/// The commit that an imported package became.
std::string package_commit(const Store& store, const LockedPackage& package);

/// When an imported package was made: the newest mtime in its data archive, in seconds since 1970; 0 when it has none.
std::int64_t package_time(const Store& store, const LockedPackage& package);

/// Imports the .deb files (by SHA-256) on all cores, largest first, in one transaction. Each commit holds the data
/// files, and the control files under var/lib/dpkg/info with the status stanza under var/lib/dpkg/ainode-status.d/NAME.
/// Errors: deb_malformed, deb_mismatch (control disagrees with the lock), archive_entry_refused, each naming the
/// package.
void import_packages(RunContext& run, Store& store, const std::vector<LockedPackage>& packages,
                     const std::map<std::string, std::filesystem::path>& debs);

/// A file that dpkg would refuse, since another package owns its path and neither Replaces the other. A preinst that
/// diverts the path makes room for it.
struct HeldBack {
  std::string path;      ///< in the tree, without leading slash
  std::string checksum;  ///< of the file that is not in the tree
  std::string package;   ///< whose file that is
  std::string other;     ///< whose file is in the tree
};
/// "PATH is in both …"
Error clash_error(const HeldBack& file);

struct Composed {
  Tree tree;
  std::vector<HeldBack> held_back;  ///< in the order of the packages
};

/// The packages, in the order given, laid over a tree with dpkg's database, such as one that is configured; an empty
/// tree will do. Its packages stay as they are, the new ones are unpacked. Throws file_clash for a file where another
/// package has a directory; other clashes are held back. Packages must all be imported.
Composed compose_onto(Store& store, const Tree& below, const std::vector<LockedPackage>& packages);

/// The union in memory, dpkg's database (status, info, triggers) included. A file of two packages is an error naming
/// both, unless one Replaces the other. Packages must all be imported.
Tree compose(Store& store, const std::vector<LockedPackage>& packages);

}  // namespace ainode
