// SPDX-License-Identifier: Apache-2.0
// Files whole or absent, trees that can always be removed, steps and their keys.
#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/steps.h"

namespace ainode {
namespace {

class Files : public ::testing::Test {
 protected:
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_.path()), {}));
  }
  TemporaryDirectory directory_{"/tmp", "ainode-files-test-"};
};

TEST_F(Files, AppearOnlyWhenCommitted) {
  const fs::path path = directory_.path() / "f";
  {
    AtomicFile file(path);
    file.write("half");
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_EQ(entries(), 0u);
  write_file(path, "whole", 0640);
  EXPECT_EQ(read_file(path), "whole");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, KeepTheOldContentWhenTheNewIsAbandoned) {
  const fs::path path = directory_.path() / "f";
  write_file(path, "old");
  { AtomicFile(path).write("new"); }
  EXPECT_EQ(read_file(path), "old");
}

TEST_F(Files, RefuseMoreThanTheLimit) {
  const fs::path path = directory_.path() / "f";
  write_file(path, "12345");
  EXPECT_THROW(read_file(path, 4), Error);
  EXPECT_EQ(read_file_if_any(directory_.path() / "none"), std::nullopt);
}

TEST_F(Files, RemovesTreesWithoutPermissions) {
  make_directories(directory_.path() / "a/b");
  write_file(directory_.path() / "a/b/f", "");
  chmod((directory_.path() / "a").c_str(), 0);
  remove_tree(directory_.path() / "a");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(Files, ALockExcludesAnother) {
  const fs::path path = directory_.path() / "lock";
  const FileLock first(path, FileLock::Mode::exclusive);
  const Descriptor second = open_file(path, O_RDWR);
  EXPECT_NE(flock(second.get(), LOCK_SH | LOCK_NB), 0);
}

TEST(StepKey, TellsInputsApart) {
  EXPECT_EQ(StepKey("s", 1).add("ab").hex(), StepKey("s", 1).add("ab").hex());
  EXPECT_NE(StepKey("s", 1).add("ab").add("c").hex(), StepKey("s", 1).add("a").add("bc").hex());
  EXPECT_NE(StepKey("s", 1).hex(), StepKey("s", 2).hex());
}

TEST(Step, AddsItsNameToErrors) {
  RunContext run{silent_events(), 1, false};
  try {
    run_step(run, "fetch", []() -> int { throw Error(codes::network_failed, "no"); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(render(error), "error[P0004]: no\n  = while: fetch\n");
  }
}

TEST(Parallel, RunsEachOnceAndThrowsTheFirstFailure) {
  std::vector<std::atomic<int>> calls(100);
  parallel_for(4, calls.size(), [&](std::size_t i) { ++calls[i]; });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  EXPECT_THROW(parallel_for(4, 10,
                            [](std::size_t i) {
                              if (i == 3) throw Error(codes::interrupted, "stop");
                            }),
               Error);
}

}  // namespace
}  // namespace ainode
