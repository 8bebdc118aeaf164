// SPDX-License-Identifier: Apache-2.0
// An error as data: what --json prints, and what Python's exceptions are made of.
#pragma once

#include "base/error.h"
#include "base/json.h"

namespace ainode {

/// Schema ainode.error/1; of several errors the first one's members, and all of them in `errors`. `text` is the whole
/// error as a terminal shows it, without colour.
Json error_json(const Error& error);

}  // namespace ainode
