// SPDX-License-Identifier: Apache-2.0
// Which mistypings are near enough to be worth a suggestion.
#include "base/suggestion.h"

#include <gtest/gtest.h>

namespace ainode {
namespace {

constexpr std::string_view kWords[] = {"build", "boot", "verify", "validate", "default-target"};

TEST(Suggestion, FindsOneMistake) {
  EXPECT_EQ(nearest("buld", kWords), "build");
  EXPECT_EQ(nearest("bbuild", kWords), "build");
  EXPECT_EQ(nearest("biuld", kWords), "build") << "neighbours swapped";
  EXPECT_EQ(nearest("boat", kWords), "boot");
}

TEST(Suggestion, AllowsMoreMistakesInLongerWords) {
  EXPECT_EQ(nearest("default_traget", kWords), "default-target");
}

TEST(Suggestion, SaysNothingRatherThanSomethingFar) {
  EXPECT_EQ(nearest("frobnicate", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(1000, 'b'), kWords), "");
}

}  // namespace
}  // namespace ainode
