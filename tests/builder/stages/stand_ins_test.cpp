// SPDX-License-Identifier: Apache-2.0
// Stand-ins that scripts copied up: which go, and which are refused.
#include "builder/stages/stand_ins.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

namespace fs = std::filesystem;

class CopiedStandIns : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"upper/usr/bin", "lower/usr/bin"}) fs::create_directories(at_ / name);
    write_file(at_ / "ainode-aids", "our program", 0755);
    write_file(at_ / "lower/usr/bin/mandb", "Debian's program", 0755);
    write_file(at_ / "upper/usr/bin/other", "of a script");
  }
  std::string clear() {
    try {
      clear_copied_stand_ins(at_ / "upper", at_ / "lower", at_);
    } catch (const Error& error) {
      return error.message();
    }
    return "cleared";
  }

  TemporaryDirectory directory_{"/tmp", "ainode-stand-ins-test-"};
  fs::path at_ = directory_.path();
};

TEST_F(CopiedStandIns, GoWhereOwnerAndModeAreStillTheProgramsOwn) {
  write_file(at_ / "upper/usr/bin/mandb", "our program", 0755);
  EXPECT_EQ(clear(), "cleared");
  EXPECT_FALSE(fs::exists(at_ / "upper/usr/bin/mandb"));
  EXPECT_TRUE(fs::exists(at_ / "upper/usr/bin/other"));
}

TEST_F(CopiedStandIns, AreRefusedWithAnotherModeOrAtAnotherPlace) {
  write_file(at_ / "upper/usr/bin/mandb", "our program", 0700);
  EXPECT_NE(clear().find("/usr/bin/mandb"), std::string::npos);
  fs::remove(at_ / "upper/usr/bin/mandb");
  write_file(at_ / "upper/usr/bin/mandb.distrib", "our program", 0755);
  EXPECT_NE(clear().find("/usr/bin/mandb.distrib"), std::string::npos);
}

}  // namespace
}  // namespace ainode
