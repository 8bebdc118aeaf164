// SPDX-License-Identifier: Apache-2.0
// Versions and relations as dpkg reads them.
#include "builder/store/control.h"

#include <gtest/gtest.h>

namespace ainode {
namespace {

TEST(Versions, AreOrderedAsDpkgOrdersThem) {
  // deb-version(7): each is older than the next
  const char* const sorted[] = {"0~~",      "0~~a",    "0~",     "0",       "0a",  "0+",   "1.2-1",
                                "1.2-1+b1", "1.2-1.1", "1.10-1", "1.10a-1", "1:0", "2:0.5"};
  for (std::size_t i = 0; i + 1 < std::size(sorted); ++i) {
    EXPECT_LT(compare_versions(sorted[i], sorted[i + 1]), 0) << sorted[i];
    EXPECT_GT(compare_versions(sorted[i + 1], sorted[i]), 0) << sorted[i];
    EXPECT_EQ(compare_versions(sorted[i], sorted[i]), 0) << sorted[i];
  }
  EXPECT_EQ(compare_versions("0:1.01-0", "1.1"), 0);
}

TEST(Relations, AreReadWithAndWithoutSpaces) {
  std::string text;
  for (const Relation& relation : relations_in("a, b:any (<< 2~),c(>=1:3) ,\n d , e ( = 4 ) "))
    text += relation.name + relation.comparison + relation.version + ";";
  EXPECT_EQ(text, "a;b<<2~;c>=1:3;d;e=4;");
}

TEST(Relations, AcceptTheVersionsThatTheyName) {
  const auto accepts = [](const char* relation, const char* version) {
    return relations_in(relation).at(0).accepts(version);
  };
  EXPECT_TRUE(accepts("a", "1"));
  EXPECT_TRUE(accepts("a (<< 2)", "1"));
  EXPECT_FALSE(accepts("a (<< 2)", "2"));
  EXPECT_TRUE(accepts("a (<= 2)", "2"));
  EXPECT_FALSE(accepts("a (>> 2)", "2"));
  EXPECT_TRUE(accepts("a (>= 2)", "2"));
  EXPECT_TRUE(accepts("a (= 2)", "2"));
  EXPECT_FALSE(accepts("a (= 2)", "2-1"));
}

}  // namespace
}  // namespace ainode
