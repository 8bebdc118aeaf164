// SPDX-License-Identifier: Apache-2.0
#include "builder/compare_trees.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "builder/explain_path.h"

namespace ainode {
namespace {

class CompareTrees : public ::testing::Test {
 protected:
  CompareTrees() : directory_("/tmp", "ainode-compare-test-"), store_(directory_.path()), transaction_(store_) {}

  std::string text(std::uint32_t mode, const std::string& content, std::uint32_t gid = 0) {
    return store_.write_file({false, {0, gid, mode, {}}, content});
  }
  std::string compared(const Tree& a, const Tree& b) {
    transaction_.commit();
    std::string text;
    for (const FileChange& change : compare_trees(store_, a, store_, b)) {
      if (change.is_within) continue;
      text += change.kind == FileChange::Kind::added ? "+" : change.kind == FileChange::Kind::removed ? "-" : "~";
      text += " " + change.path;
      for (const std::string& what : change.what) text += ", " + what;
      text += "\n";
    }
    return text;
  }

  TemporaryDirectory directory_;
  Store store_;
  Store::Transaction transaction_;
};

TEST_F(CompareTrees, OfTheSameSayNothing) {
  Tree a;
  a.put_file("etc/x", text(0644, "1"), "one");
  Tree b = a.clone();
  b.put_file("etc/x", text(0644, "1"), "another maker");
  EXPECT_EQ(compared(a, b), "");
}

TEST_F(CompareTrees, NameEachDifferenceOnce) {
  Tree a, b;
  a.put_file("content", text(0644, "1"), "");
  b.put_file("content", text(0644, "2"), "");
  a.put_file("mode", text(0644, "1"), "");
  b.put_file("mode", text(0600, "1", 42), "");
  a.put_file("link", store_.write_symlink("here"), "");
  b.put_file("link", store_.write_symlink("there"), "");
  a.put_file("kind", store_.write_symlink("here"), "");
  b.put_file("kind", text(0644, "1"), "");
  a.put_file("becomes-directory", text(0644, "1"), "");
  b.put_file("becomes-directory/below", text(0644, "1"), "");
  a.put_file("becomes-file/below", text(0644, "1"), "");
  b.put_file("becomes-file", text(0644, "1"), "");
  a.put_file("gone/deep/below", text(0644, "1"), "");
  b.put_file("new/deep/below", text(0644, "1"), "");
  a.make_directories("same");
  b.make_directories("same").ownership.mode = 01777;
  EXPECT_EQ(compared(a, b),
            "~ /becomes-directory, file → directory\n"
            "~ /becomes-file, directory → file\n"
            "~ /content, content\n"
            "- /gone/\n"
            "~ /kind, symlink → file\n"
            "~ /link, target here → there\n"
            "~ /mode, mode 0644 → 0600, owner 0:0 → 0:42\n"
            "+ /new/\n"
            "~ /same/, mode 0755 → 1777\n");
}

TEST(Makers, AreNamedInOrderAndPackagesWithTheirVersion) {
  Lock lock;
  lock.packages.emplace_back();
  lock.packages[0].name = "dbus";
  lock.packages[0].version = "1.16";
  EXPECT_EQ(makers_of("dbus, then the postinst of dbus, then generator modules", lock),
            (std::vector<std::string>{"package dbus 1.16", "the postinst of dbus", "generator modules"}));
  EXPECT_TRUE(makers_of("", lock).empty());
  EXPECT_EQ(parse_origins("etc/\tbase-files\nno tab\netc/x\ta, then b\n"),
            (std::map<std::string, std::string>{{"etc/", "base-files"}, {"etc/x", "a, then b"}}));
}

}  // namespace
}  // namespace ainode
