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
  std::string name;                     ///< base, root, node
  std::vector<LockedPackage> packages;  ///< in configuration order
  Accounts accounts;       ///< those that its packages ask for; in the last layer also those that none does
  std::int64_t epoch = 0;  ///< the newest file of its packages and of those below
  std::string ref;         ///< the store's ref of its result: a hash over all of this and the layers below
};

/// Layers without packages are left out. The packages must be in the store.
std::vector<Layer> cut_layers(Store& store, const std::vector<LockedPackage>& packages, const Accounts& accounts);

}  // namespace ainode
