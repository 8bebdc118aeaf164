// SPDX-License-Identifier: Apache-2.0
// .deb files into the store, one commit a package, and their union: a dpkg-unpacked tree as metadata.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/lock.h"
#include "builder/store/store.h"

namespace ainode {

/// Which of the packages the store lacks (by SHA-256 and the importer's version).
std::vector<LockedPackage> packages_to_import(const Store& store, const std::vector<LockedPackage>& packages);

/// The commit that an imported package became.
std::string package_commit(const Store& store, const LockedPackage& package);

/// When the newest of the package's files was last changed, in seconds since 1970.
std::int64_t package_time(const Store& store, const LockedPackage& package);

/// Imports the .deb files (by SHA-256) on all cores, largest first, in one transaction. Each commit holds the data
/// files, and the control files under var/lib/dpkg/info with the status stanza under var/lib/dpkg/ainode-status.d/NAME.
/// Errors: deb_malformed, deb_mismatch (control disagrees with the lock), archive_entry_refused, each naming the
/// package.
void import_packages(RunContext& run, Store& store, const std::vector<LockedPackage>& packages,
                     const std::map<std::string, std::filesystem::path>& debs);

/// The union in memory, dpkg's database (status, info, triggers) included. A file of two packages is an error naming
/// both, unless one Replaces the other. Packages must all be imported.
Tree compose(Store& store, const std::vector<LockedPackage>& packages);

/// A path that two packages ship though neither Replaces the other: right only where one of them diverts it
/// (dpkg-divert) before it is unpacked.
struct SharedPath {
  std::string path;  ///< relative
  std::string first, first_checksum;
  std::string second, second_checksum;  ///< not in the tree
};
Error clash_error(const SharedPath& path);  ///< file_clash

/// The union of `packages`, in the order given, laid over a configured tree, whose dpkg database is kept and extended:
/// new packages are unpacked, old ones and directories stay as they are, and files that a package below diverts go
/// where it says. Who owns a file below is known from the tree, or from dpkg's lists when the tree does not say. Paths
/// that would be errors are returned in `shared` instead; a file where another package has a directory is an error
/// still.
Tree compose_onto(Store& store, const Tree& below, const std::vector<LockedPackage>& packages,
                  std::vector<SharedPath>& shared);

/// /var/lib/dpkg/diversions: the diverted path, where it goes and for whom; paths as the tree has them.
struct Diversion {
  std::string to, package;
};
std::map<std::string, Diversion> read_diversions(std::string_view text);

}  // namespace ainode
