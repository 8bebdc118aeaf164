// SPDX-License-Identifier: Apache-2.0
// From the checks that pass to the boots that show that each of them can fail, and what these boots came to. Pure
// functions.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/report.h"
#include "validators/controls/control.h"

namespace ainode::controls {

using Ids = std::set<std::string>;

/// A control, held against a run without defects.
struct Planned {
  const Control* control = nullptr;
  Ids must, may;  ///< of the checks that passed: those that must fail, and those that may as well
};

/// Planted together.
using Batch = std::vector<Planned>;

Ids passed_in(const Report& report);

/// Nothing where none of the checks that it catches passes.
std::vector<Planned> plan(const std::vector<const Control*>& controls, const Ids& passed);
/// Every `shares`th of them, from the `share`th (counted from 1) on: in `shares` runs each is planted once.
std::vector<Planned> share_of(const std::vector<Planned>& planned, int share, int shares);
/// The ids that some of these must make fail.
Ids due_of(const std::vector<Planned>& planned);
/// As few batches as simply come of it; no two controls of one have a check in common. `apart`: one control each.
std::vector<Batch> batches_of(const std::vector<Planned>& planned, bool apart);
/// What was not as it must be in a run with a batch. `boot.unplanted` of the run names controls that failed to be
/// planted.
struct Deviation {
  Batch missed;  ///< that were not planted, or of which not all that must fail did
  Ids surplus;   ///< what failed, and no control of the batch names it: any of them may have caused it
};
/// Of a run that was cut short, all are missed.
Deviation deviation_of(const Batch& batch, const Ids& passed, const Report& run);

/// A control's row in the report, `control.NAME`: a pass where what it names fails, and nothing that no control of its
/// batch names; as the run with the defects is, where that was cut short.
CheckResult judge_control(const Planned& planned, const Batch& batch, const Ids& passed, const Report& run);

/// `control.score`: how many of the checks that are due (all that pass, or those of a share) some control, itself a
/// pass, makes fail; a skip of none.
CheckResult judge_score(const Ids& due, const std::vector<Planned>& planned, const std::vector<CheckResult>& results);

}  // namespace ainode::controls
