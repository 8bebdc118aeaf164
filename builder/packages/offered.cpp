// SPDX-License-Identifier: Apache-2.0
// Which locked packages an archive still has.
#include <unordered_set>

#include "builder/packages/candidates.h"

namespace ainode {

std::set<std::string> still_offered(const Candidates& candidates, const std::vector<LockedPackage>& packages) {
  std::unordered_set<std::string_view> wanted;
  for (const LockedPackage& package : packages) wanted.insert(package.sha256);
  std::set<std::string> offered;
  for (const PackageRecord& record : candidates.data->packages)
    if (wanted.contains(record.sha256)) offered.insert(std::string(record.name));
  return offered;
}

}  // namespace ainode
