// SPDX-License-Identifier: Apache-2.0
// Trees of names: what moves, what replaces, in which order they are walked.
#include "builder/store/tree.h"

#include <gtest/gtest.h>

namespace ainode {
namespace {

std::string names(const Tree& tree) {
  std::string text;
  tree.for_each_file(
      [&](const std::string& path, const TreeDirectory::File& file) { text += path + "=" + file.checksum + " "; });
  return text;
}

TEST(Tree, WalksFilesInSortedOrder) {
  Tree tree;
  tree.put_file("b/z", "1", "");
  tree.put_file("b/a", "2", "");
  tree.put_file("a", "3", "");
  EXPECT_EQ(names(tree), "a=3 b/a=2 b/z=1 ");
}

TEST(Tree, AFileReplacesADirectoryAndBack) {
  Tree tree;
  tree.put_file("x/y", "1", "");
  tree.put_file("x", "2", "");
  EXPECT_EQ(names(tree), "x=2 ");
  tree.put_file("x/y", "3", "");
  EXPECT_EQ(names(tree), "x/y=3 ");
}

TEST(Tree, MovesWholeDirectories) {
  Tree tree;
  tree.put_file("etc/a/b", "1", "");
  EXPECT_TRUE(tree.move("etc", "usr/etc"));
  EXPECT_EQ(names(tree), "usr/etc/a/b=1 ");
  EXPECT_FALSE(tree.move("etc", "other"));
}

TEST(Tree, NeverReplacesByMoving) {
  Tree tree;
  tree.put_file("a", "1", "");
  tree.put_file("b", "2", "");
  EXPECT_THROW(tree.move("a", "b"), std::logic_error);
}

TEST(Tree, RefusesPathsThatAreNotPlain) {
  Tree tree;
  EXPECT_THROW(tree.put_file("../a", "1", ""), std::logic_error);
  EXPECT_THROW(tree.put_file("/a", "1", ""), std::logic_error);
}

TEST(Tree, ClonesShareNothing) {
  Tree tree;
  tree.put_file("a/b", "1", "");
  Tree copy = tree.clone();
  copy.put_file("a/b", "2", "");
  EXPECT_EQ(names(tree), "a/b=1 ");
}

}  // namespace
}  // namespace ainode
