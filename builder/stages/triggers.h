// SPDX-License-Identifier: Apache-2.0
// Triggers that dpkg would have noted while it unpacked packages beside configured ones.
#pragma once

#include <string>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

/// The content of /var/lib/dpkg/triggers/Unincorp (dpkg's deb-triggers(5), doc/triggers.txt): a line `NAME -` for each
/// trigger that unpacking `packages` activates: those that they name themselves, and each path that somebody watches
/// and that they put files at or below. Sorted; `-` says that nobody waits.
std::string activated_triggers(const Store& store, const Tree& tree, const std::vector<std::string>& packages);

}  // namespace ainode
