// SPDX-License-Identifier: Apache-2.0
// What a report's `boot` says, and what follows from it. A foreign report's members may be of any form: such are none.
#pragma once

#include <string>

#include "base/report.h"

namespace ainode {

/// A text member, or nothing.
std::string text_at(const Json& object, const char* key);
/// The runs of a report that is merged itself; else none.
const Json& runs_in(const Report& report);
/// Whether it failed or could not be judged: what a reader looks into.
bool is_bad(const CheckResult& check);
/// The command that runs just this check again, where it came to its verdict; empty where none is known.
std::string repeat_command(const Report& report, const CheckResult& check);

}  // namespace ainode
