// SPDX-License-Identifier: Apache-2.0
// Locked packages into the store: from a vendor directory or from the mirrors.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/steps.h"
#include "builder/build_image.h"

namespace ainode {

class Store;

/// The image's packages, the tools, and what extra modules are compiled in; each content once.
std::vector<LockedPackage> all_packages(const Lock& lock);

/// The packages' files by SHA-256, each with the size and digest that the lock names. Throws vendor_incomplete or
/// checksum_mismatch for a vendor directory, offline, and what downloads throw.
std::map<std::string, std::filesystem::path> fetch_debs(RunContext& run, const Store& store,
                                                        const std::vector<LockedPackage>& packages,
                                                        const std::vector<LockedRepository>& repositories,
                                                        const BuildOptions& options);

/// Fetches and imports what the store lacks; from here the store holds every package, and nothing touches the network.
void obtain_packages(RunContext& run, Store& store, const std::vector<LockedPackage>& packages,
                     const std::vector<LockedRepository>& repositories, const BuildOptions& options);

}  // namespace ainode
