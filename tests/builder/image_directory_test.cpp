// SPDX-License-Identifier: Apache-2.0
// Scratch directories beside an image: several builds at once, and what killed ones left.
#include "builder/image_directory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace ainode {
namespace {

namespace fs = std::filesystem;

TEST(NewImageDirectory, ClearsAwayAtOnceWhatKilledBuildsLeft) {
  const TemporaryDirectory parent("/tmp", "ainode-image-directory-test-");
  fs::create_directories(parent.path() / ".ainode-out-empty");
  fs::create_directories(parent.path() / ".ainode-out-filled/image/repo");
  fs::create_directories(parent.path() / "another");
  {
    const NewImageDirectory image(parent.path() / "out");
    EXPECT_FALSE(fs::exists(parent.path() / ".ainode-out-empty"));
    EXPECT_FALSE(fs::exists(parent.path() / ".ainode-out-filled"));
    EXPECT_TRUE(fs::is_directory(image.path()));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(parent.path()), fs::directory_iterator()), 1) << "`another` alone";
}

TEST(NewImageDirectory, IsNeverClearedAwayByAnotherBuild) {
  const TemporaryDirectory parent("/tmp", "ainode-image-directory-test-");
  constexpr int kBuilds = 4, kTimes = 300;
  std::vector<std::thread> builds;
  std::atomic<int> kept = 0;
  for (int build = 0; build < kBuilds; ++build) {
    builds.emplace_back([&, build] {
      for (int time = 0; time < kTimes; ++time) {
        const NewImageDirectory image(parent.path() / std::to_string(build));
        std::this_thread::yield();
        kept += fs::is_directory(image.path());
      }
    });
  }
  for (std::thread& build : builds) build.join();
  EXPECT_EQ(kept, kBuilds * kTimes);
  EXPECT_TRUE(fs::is_empty(parent.path()));
}

}  // namespace
}  // namespace ainode
