// SPDX-License-Identifier: Apache-2.0
// How much of the time that went by a process on a busy host had for itself.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace ainode {

/// Wall time, less the time during which one of the process's threads waited for a processor, and less the time during
/// which the observer itself did not get to look: an observer that was starved saw nothing, so it blames nobody.
///
/// The kernel counts a wait when it is over (Documentation/scheduler/sched-stats.rst: `run_delay`), so a wait longer
/// than a round is told in one sum. It is taken off the rounds that follow; of threads that waited at the same time the
/// longest counts.
class FairTime {
 public:
  using Duration = std::chrono::duration<double>;
  using Waits = std::map<std::string, double>;  ///< thread → seconds it ever stood in the run queue

  explicit FairTime(Waits waits) : waits_(std::move(waits)) {}

  /// A round of `passed` is over, and the threads' waits are now `waits`. Threads may come and go.
  void add(Duration passed, const Waits& waits);

  Duration fair() const { return fair_; }  ///< never goes back
  Duration wall() const { return wall_; }

  /// More than this of one round is time that the observer did not have.
  static constexpr Duration kLongestRound{0.5};

 private:
  Waits waits_;
  std::map<std::string, Duration> owed_;  // waits that no round was shortened by yet
  Duration fair_{0}, wall_{0};
};

}  // namespace ainode
