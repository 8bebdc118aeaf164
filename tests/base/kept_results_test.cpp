// SPDX-License-Identifier: Apache-2.0
#include "base/kept_results.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace ainode {
namespace {

TEST(KeptResults, GiveBackWhatWasRememberedUnlessItIsDamaged) {
  const TemporaryDirectory work{testing::TempDir()};
  const StepKey one("step", 1), other("step", 2);
  remember_result(work.path(), one, "a value\nof two lines");
  EXPECT_EQ(recall_result(work.path(), one), "a value\nof two lines");
  EXPECT_EQ(recall_result(work.path(), other), std::nullopt);
  const fs::path file = work.path() / one.hex();
  EXPECT_TRUE(is_sound_result(file));
  fs::copy_file(file, work.path() / other.hex());
  EXPECT_EQ(recall_result(work.path(), other), std::nullopt) << "it is another key's";
  write_file(file, read_file(file) + "!");
  EXPECT_EQ(recall_result(work.path(), one), std::nullopt);
  EXPECT_FALSE(is_sound_result(file));
}

}  // namespace
}  // namespace ainode
