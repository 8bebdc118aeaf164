// SPDX-License-Identifier: Apache-2.0
// What a guest's agent answered, held against what it was asked.
#pragma once

#include <string>
#include <vector>

#include "base/steps.h"
#include "validators/checks/catalog.h"
#include "validators/checks/protocol.h"
#include "validators/machines/guest_run.h"
#include "validators/recording_files.h"

namespace ainode {

/// Takes results as they come, of one boot: a guest is not started again once its agent spoke.
class CollectedResults {
 public:
  /// Both must live as long as this.
  CollectedResults(RunContext& run, const std::vector<checks::Check>& chosen) : run_(run), chosen_(chosen) {}
  void take(const checks::Message& message);
  RecordedFiles& recorded() { return recorded_; }

  /// One result for each check that was asked for, in running order, and a fail for whatever else came.
  std::vector<CheckResult> finish(const GuestOutcome& outcome) const;

 private:
  std::string unasked() const;

  RunContext& run_;
  const std::vector<checks::Check>& chosen_;
  std::vector<CheckResult> results_;
  RecordedFiles recorded_;
};

}  // namespace ainode
