// SPDX-License-Identifier: Apache-2.0
// The lock's layers as they are configured: each on top of the one before, each result kept by its key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lock.h"
#include "builder/stages/accounts.h"
#include "builder/store/store.h"

namespace ainode {

struct Layer {
  std::string name;                     ///< LockedPackage::layer, or `accounts`
  std::vector<LockedPackage> packages;  ///< in configuration order
  Accounts accounts;                    ///< those that its packages ask for
  std::int64_t epoch = 0;               ///< the newest file of its packages and of those below
  std::string ref;                      ///< the store's ref of its result: a hash over all of this and the layers below
};

/// Layers as the lock has them, and one without packages at the end where accounts are left that no package mentions,
/// or users to join groups that a package makes. The packages must be in the store.
std::vector<Layer> locked_layers(Store& store, const std::vector<LockedPackage>& packages, const Accounts& accounts);

}  // namespace ainode
