// SPDX-License-Identifier: Apache-2.0
#include "validators/machines/fair_time.h"

#include <gtest/gtest.h>

namespace ainode {
namespace {

using Duration = FairTime::Duration;

/// `rounds` of 0.1 s during which nothing waited.
void pass(FairTime& time, int rounds, const FairTime::Waits& waits) {
  for (int i = 0; i < rounds; ++i) time.add(Duration(0.1), waits);
}

TEST(FairTime, IsWallTimeOfAThreadThatRuns) {
  FairTime time({{"1", 7}});
  pass(time, 10, {{"1", 7}});
  EXPECT_NEAR(time.fair().count(), 1, 1e-9);
  EXPECT_NEAR(time.wall().count(), 1, 1e-9);
}

TEST(FairTime, StandsStillWhileAThreadWaits) {
  FairTime time({{"1", 0}});
  for (int i = 1; i <= 10; ++i) time.add(Duration(0.1), {{"1", 0.1 * i}});
  EXPECT_NEAR(time.fair().count(), 0, 1e-9);
  EXPECT_NEAR(time.wall().count(), 1, 1e-9);
}

// The kernel tells of a wait of 0.8 s when it is over: in one round of 0.1 s.
TEST(FairTime, TakesALongWaitOffTheRoundsThatFollow) {
  FairTime time({{"1", 0}});
  pass(time, 8, {{"1", 0}});
  pass(time, 12, {{"1", 0.8}});
  EXPECT_NEAR(time.wall().count(), 2, 1e-9);
  EXPECT_NEAR(time.fair().count(), 2 - 0.8, 1e-9);
}

TEST(FairTime, CountsThreadsThatWaitedTogetherOnce) {
  FairTime time({{"1", 0}, {"2", 0}});
  pass(time, 10, {{"1", 0.6}, {"2", 0.4}});
  EXPECT_NEAR(time.fair().count(), 1 - 0.6, 1e-9);
}

TEST(FairTime, KnowsNothingOfWaitsBeforeAThreadWasSeen) {
  FairTime time({{"1", 0}});
  pass(time, 1, {{"1", 0}, {"2", 50}});
  pass(time, 9, {{"2", 50}});
  EXPECT_NEAR(time.fair().count(), 1, 1e-9);
}

TEST(FairTime, BlamesNobodyForWhatTheObserverDidNotSee) {
  FairTime time({{"1", 0}});
  time.add(Duration(20), {{"1", 0}});
  EXPECT_NEAR(time.fair().count(), FairTime::kLongestRound.count(), 1e-9);
  EXPECT_NEAR(time.wall().count(), 20, 1e-9);
}

}  // namespace
}  // namespace ainode
