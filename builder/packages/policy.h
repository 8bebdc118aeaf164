// SPDX-License-Identifier: Apache-2.0
// What a repository may give, and how its versions rank: apt's preferences.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/recipe.h"
#include "builder/packages/index.h"

namespace ainode {

struct Release;

struct RepositoryPolicy {
  static constexpr int kUsual = 500, kUpgradesOnly = 100, kNeverByItself = 1;  ///< apt_preferences(5)

  std::string id;
  int priority = kUsual;    ///< of all its versions; 0 and below: never taken
  std::vector<Text> allow;  ///< globs; empty: every name

  bool allows(std::string_view name) const;
};

/// The recipe's `priority`, else what the archive's Release asks for.
RepositoryPolicy policy_of(const Repository& repository, const Release& release);

/// Moves the packages from `first` on that their repository's `allow` does not name to `hidden`: nothing shall see
/// them but the explanation of an error.
void hide_what_is_not_allowed(const RepositoryPolicy& policy, std::size_t first, std::vector<PackageRecord>& packages,
                              std::vector<PackageRecord>& hidden);

}  // namespace ainode
