// SPDX-License-Identifier: Apache-2.0
// The checks of a run, held against all that there are: what may be asked for, and what a report then says nothing of.
#pragma once

#include <string>
#include <vector>

#include "base/report.h"
#include "validators/checks/expected.h"

namespace ainode {

enum class Seen { running, files };  ///< what a target lets checks see: a node that runs, or the image's files alone

/// Throws target_unknown, with a suggestion, for the id of no check and for one that is not run on such a target.
void require_checks(const std::vector<std::string>& ids, Seen seen);

/// `results` are those of the checks that `asked` does not leave out.
Coverage coverage_of(const checks::Expected& asked, Seen seen, const std::vector<CheckResult>& results);

}  // namespace ainode
