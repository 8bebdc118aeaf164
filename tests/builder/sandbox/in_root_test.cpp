// SPDX-License-Identifier: Apache-2.0
// What a hostile script may leave at a path that the builder reads or writes: none leads to the host.
#include "builder/sandbox/in_root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/error.h"

namespace ainode {
namespace {

class InRoot : public ::testing::Test {
 protected:
  InRoot() : directory_("/tmp", "ainode-in-root-"), root_(directory_.path() / "root") {
    make_directories(root_ / "etc");
    write_file(directory_.path() / "host", "of the host");
  }
  std::string outcome(const std::string& path) {
    try {
      return read_in_root(root_, path, 100).value_or("absent");
    } catch (const Error& error) {
      const std::string& message = error.message();
      return message.substr(0, message.find(" in ")) +
             message.substr(message.find(root_.string()) + root_.string().size());
    }
  }
  TemporaryDirectory directory_;
  fs::path root_;
};

TEST_F(InRoot, ReadsWhatIsThere) {
  write_file(root_ / "etc/passwd", "root");
  EXPECT_EQ(outcome("etc/passwd"), "root");
  EXPECT_EQ(outcome("etc/none"), "absent");
  EXPECT_EQ(outcome("none/none"), "absent");
}

TEST_F(InRoot, FollowsNoLinkOutOfTheTree) {
  fs::create_symlink(directory_.path() / "host", root_ / "etc/absolute");
  fs::create_symlink("../../host", root_ / "etc/relative");
  fs::create_directory_symlink("/", root_ / "top");
  EXPECT_EQ(outcome("etc/absolute"), "/etc/absolute is not a regular file");
  EXPECT_EQ(outcome("etc/relative"), "/etc/relative is not a regular file");
  EXPECT_EQ(outcome("top" + (directory_.path() / "host").string()), "absent");
  EXPECT_EQ(outcome("../host"), "absent");
  write_file(root_ / "host", "of the tree");
  EXPECT_EQ(outcome("../../host"), "of the tree");
  EXPECT_EQ(outcome("top/host"), "of the tree");
}

/// While somebody renames anything anywhere, the kernel cannot always tell where `..` leads.
TEST_F(InRoot, IsNotDisturbedByRenamesElsewhere) {
  write_file(root_ / "etc/file", "of the tree");
  std::atomic<bool> is_done = false;
  std::thread renaming([&] {
    const fs::path one = directory_.path() / "one", other = directory_.path() / "other";
    write_file(one, "");
    while (!is_done) {
      fs::rename(one, other);
      fs::rename(other, one);
    }
  });
  int failures = 0;
  for (int round = 0; round < 5000; ++round) failures += outcome("etc/../etc/../etc/file") == "of the tree" ? 0 : 1;
  is_done = true;
  renaming.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(InRoot, WaitsForNobodyAndTakesNothingEndless) {
  ASSERT_EQ(mkfifo((root_ / "etc/fifo").c_str(), 0644), 0);
  EXPECT_EQ(outcome("etc/fifo"), "/etc/fifo is not a regular file");
  EXPECT_EQ(outcome("etc"), "/etc is not a regular file");
  write_file(root_ / "etc/long", std::string(101, 'x'));
  EXPECT_EQ(outcome("etc/long"), "/etc/long is larger than 100 bytes");
}

TEST_F(InRoot, PlacesAreInTheTree) {
  make_directories(root_ / "home");
  fs::create_directory_symlink(directory_.path(), root_ / "out");
  const PlaceInRoot place = place_in_root(root_, "../../home/x");
  write_file(place.reached(), "x");
  EXPECT_EQ(outcome("home/x"), "x");
  for (const char* path : {"out/host", "home/..", "home/", "nowhere/x"})
    EXPECT_THROW(place_in_root(root_, path), Error) << path;
  EXPECT_EQ(read_file(directory_.path() / "host"), "of the host");
}

}  // namespace
}  // namespace ainode
