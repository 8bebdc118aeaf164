// SPDX-License-Identifier: Apache-2.0
// Verdicts are kept for exactly these files, this question and this program.
#include "validators/tree/kept_verdicts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "base/files.h"

namespace ainode::tree {
namespace {

class Kept : public testing::Test {
 protected:
  void SetUp() override {
    setenv("XDG_CACHE_HOME", (work_.path() / "cache").c_str(), 1);
    make_directories(object_.parent_path());
    write_file(object_, "an object");
    CheckResult& check = report_.checks.emplace_back();
    check.id = "driver.symbols";
    check.verdict = Verdict::fail;
    check.reason = "a module cannot load";
    expected_.commit = std::string(64, 'a');
  }
  static void let_times_differ() { std::this_thread::sleep_for(std::chrono::milliseconds(3100)); }
  KeptVerdicts kept() { return {work_.path(), expected_}; }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path object_ = work_.path() / "objects/ab/cd.file";
  checks::Expected expected_;
  Report report_;
};

TEST_F(Kept, VerdictsComeBackUntilAFileOrTheQuestionChanges) {
  kept().remember(report_);
  EXPECT_FALSE(kept().recall()) << "a second change could have the same time";
  let_times_differ();
  kept().remember(report_);
  const auto found = kept().recall();
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)[0].reason, "a module cannot load");
  expected_.level = checks::Level::quick;
  EXPECT_FALSE(kept().recall());
  expected_.level = checks::Level::standard;
  struct stat before = {};
  ASSERT_EQ(stat(object_.c_str(), &before), 0);
  write_file(object_, "an objecu");
  const timespec times[] = {before.st_atim, before.st_mtim};
  utimensat(AT_FDCWD, object_.c_str(), times, 0);
  let_times_differ();
  EXPECT_FALSE(kept().recall()) << "a changed object whose modification time was put back is believed";
}

TEST_F(Kept, VerdictsAreNotKeptOfWhatDidNotRunOrChangedMeanwhile) {
  let_times_differ();
  const KeptVerdicts before = kept();
  write_file(object_, "another");
  before.remember(report_);
  EXPECT_FALSE(before.recall());
  let_times_differ();
  report_.checks[0].verdict = Verdict::infra;
  kept().remember(report_);
  EXPECT_FALSE(kept().recall());
}

TEST_F(Kept, ACacheThatCannotBeWrittenIsNone) {
  let_times_differ();
  write_file(work_.path() / "cache", "a file");
  kept().remember(report_);
  EXPECT_FALSE(kept().recall());
}

}  // namespace
}  // namespace ainode::tree
