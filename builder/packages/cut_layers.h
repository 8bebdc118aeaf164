// SPDX-License-Identifier: Apache-2.0
// How the lock cuts an image's packages into layers, each configured on top of the one before.
#pragma once

#include <string>
#include <vector>

#include "builder/packages/pool.h"
#include "builder/packages/repositories.h"

namespace ainode {

struct CutLayer {
  std::string name;          ///< as in LockedPackage::layer
  std::vector<Id> packages;  ///< in configuration order: what others need comes before them, circles aside
};

/// Layers from below, each closed under dependencies together with those below it. What a layer is and its order depend
/// on what is in the layers above as little as can be, so that images share it. A long one is cut into parts: what the
/// longest chains of others need comes first, so that a new version of a package that nobody needs leaves most parts as
/// they are.
std::vector<CutLayer> cut_layers(const Goal& goal, const PackagePool& pool, const std::vector<Id>& solution);

}  // namespace ainode
