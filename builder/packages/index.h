// SPDX-License-Identifier: Apache-2.0
// Packages indices: one record a package, checked field by field before anything else sees it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

/// Views into the index's text, which must outlive them. Dependency fields are as they stand; the solver parses them.
struct PackageRecord {
  std::string_view name, version, architecture, source;
  std::string_view filename, sha256;
  std::string_view depends, pre_depends, recommends, conflicts, breaks, provides;
  std::string_view suggests, replaces, enhances;  ///< nothing is installed for them; they order the names
  std::uint64_t size = 0;
  std::uint8_t priority = 5;  ///< 1 required, 2 important, 3 standard, 4 optional, 5 anything else
  bool is_essential = false;
  bool is_protected = false;     ///< Protected: yes, or its older name Important: yes
  bool allows_foreign = false;   ///< Multi-Arch: allowed, so `NAME:any` may mean it
  std::uint32_t repository = 0;  ///< index into Candidates::repositories
  std::uint32_t index = 0;       ///< which Packages file, of all that were read
};

/// Appends the packages of one index that fit `architecture` (or `all`). `subject` names the index in errors, `index`
/// counts it.
/// Throws index_malformed with the line: a missing or doubled field, a name, version or digest of the wrong form, a
/// Filename that leaves the archive (`..`, absolute, a URL), more than 2,000 alternatives in one clause.
void read_packages(std::string_view text, const std::string& subject, std::string_view architecture,
                   std::uint32_t repository, std::vector<PackageRecord>& packages, std::uint32_t index = 0);

bool is_package_name(std::string_view name);  ///< policy 5.6.1
bool is_version(std::string_view version);    ///< policy 5.6.12
bool is_pool_path(std::string_view path);     ///< relative, no `.` or `..` parts, no URL, printable ASCII

}  // namespace ainode
