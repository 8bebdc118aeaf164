// SPDX-License-Identifier: Apache-2.0
// Runs that take their places and clear away what killed runs left, all at once and below one parent.
#include "validators/work_place.h"

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

namespace ainode {
namespace {

TEST(WorkPlace, IsThereAsLongAsItIsHeldHoweverManyClearAway) {
  const TemporaryDirectory parent(testing::TempDir());
  std::atomic<int> taken = 0, lost = 0;
  std::atomic<bool> is_over = false;
  std::string problem;
  std::vector<std::thread> clearing;
  for (int i = 0; i < 2; ++i)
    clearing.emplace_back([&] {
      while (!is_over) remove_abandoned(parent.path());
    });
  try {
    for (; taken < 1000; ++taken) {
      const WorkPlace place = take_work_place(parent.path());
      if (!fs::exists(place.work.path() / "lock")) ++lost;
    }
  } catch (const std::exception& error) {
    problem = error.what();
  }
  is_over = true;
  for (std::thread& each : clearing) each.join();
  EXPECT_EQ(problem, "") << "after " << taken << " places";
  EXPECT_EQ(lost, 0);
  EXPECT_TRUE(fs::is_empty(parent.path()));
}

TEST(WorkPlace, OfAKilledRunIsClearedAway) {
  const TemporaryDirectory parent(testing::TempDir());
  make_directories(parent.path() / ".guest-killed");
  write_file(parent.path() / ".guest-killed/lock", "");
  write_file(parent.path() / "console.log", "");
  const WorkPlace held = take_work_place(parent.path());
  remove_abandoned(parent.path());
  EXPECT_FALSE(fs::exists(parent.path() / ".guest-killed"));
  EXPECT_TRUE(fs::exists(parent.path() / "console.log"));
  EXPECT_TRUE(fs::exists(held.work.path() / "lock"));
}

}  // namespace
}  // namespace ainode
