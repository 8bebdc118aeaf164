// SPDX-License-Identifier: Apache-2.0
// Priorities and `allow` lists, decided once per repository.
#include "builder/packages/policy.h"

#include <fnmatch.h>

#include <algorithm>

#include "builder/packages/release.h"

namespace ainode {

bool RepositoryPolicy::allows(std::string_view name) const {
  if (allow.empty()) return true;
  const std::string text(name);
  return std::any_of(allow.begin(), allow.end(),
                     [&](const Text& glob) { return fnmatch(glob.value.c_str(), text.c_str(), 0) == 0; });
}

RepositoryPolicy policy_of(const Repository& repository, const Release& release) {
  RepositoryPolicy policy;
  policy.id = repository.id.value;
  policy.allow = repository.allow;
  if (repository.priority) {
    policy.priority = repository.priority->value;
  } else if (release.not_automatic) {
    policy.priority =
        release.but_automatic_upgrades ? RepositoryPolicy::kUpgradesOnly : RepositoryPolicy::kNeverByItself;
  }
  return policy;
}

void hide_what_is_not_allowed(const RepositoryPolicy& policy, std::size_t first, std::vector<PackageRecord>& packages,
                              std::vector<PackageRecord>& hidden) {
  if (policy.allow.empty()) return;
  const auto start = packages.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end =
      std::stable_partition(start, packages.end(), [&](const PackageRecord& r) { return policy.allows(r.name); });
  hidden.insert(hidden.end(), end, packages.end());
  packages.erase(end, packages.end());
}

}  // namespace ainode
