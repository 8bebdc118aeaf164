// SPDX-License-Identifier: Apache-2.0
#include "validators/machines/fair_time.h"

#include <algorithm>

namespace ainode {

void FairTime::add(Duration passed, const Waits& waits) {
  wall_ += passed;
  std::map<std::string, Duration> owed;
  Duration starved{0};
  for (const auto& [thread, waited] : waits) {
    const auto before = waits_.find(thread);
    if (before == waits_.end()) continue;  // what it waited before it was first seen was nobody's silence
    const auto old = owed_.find(thread);
    const Duration owes = (old == owed_.end() ? Duration(0) : old->second) + Duration(waited - before->second);
    const Duration taken = std::min(passed, owes);
    starved = std::max(starved, taken);
    owed[thread] = owes - taken;
  }
  waits_ = waits;
  owed_ = std::move(owed);
  fair_ += std::min(passed - starved, kLongestRound);
}

}  // namespace ainode
