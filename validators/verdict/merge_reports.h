// SPDX-License-Identifier: Apache-2.0
// Reports of one commit on several machines or nodes as one report.
#pragma once

#include <string>
#include <vector>

#include "base/report.h"

namespace ainode {

struct NamedReport {
  std::string name;  ///< where it was read: tells reports of one target apart
  Report report;
};

/// Each check with the worst of its verdicts, the verdict of each target, and a reason that names the targets where it
/// differs; covered is what any of them covers. A report that is merged itself counts as its targets. Throws
/// usage_error for reports of different commits. Never empty.
Report merge_reports(const std::vector<NamedReport>& reports);

}  // namespace ainode
