// SPDX-License-Identifier: Apache-2.0
// Dependency fields ("a (>= 1) | b, c:any") as libsolv's relations.
#pragma once

#include <string_view>
#include <vector>

#include "builder/packages/pool.h"

namespace ainode {

/// One id a clause; a clause with alternatives is a chain of REL_OR. Throws index_malformed naming `package`.
std::vector<Id> parse_relations(Pool* pool, std::string_view field, std::string_view architecture,
                                std::string_view package);

}  // namespace ainode
