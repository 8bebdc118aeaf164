// SPDX-License-Identifier: Apache-2.0
// What the strict reader accepts, and how it names what it does not.
#include "builder/packages/deb822.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ainode {
namespace {

using testing::ElementsAre;

std::string error_of(const std::string& text) {
  try {
    Deb822Reader reader(text, "Packages");
    Deb822Stanza stanza;
    while (reader.next(stanza)) {
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::index_malformed.id);
    return error.message();
  }
  return "no error";
}

TEST(Deb822, ReadsStanzasSeparatedByBlankLines) {
  Deb822Reader reader("Package: a\nVersion: 1\n\n\n\nPackage: b\n", "Packages");
  Deb822Stanza stanza;
  ASSERT_TRUE(reader.next(stanza));
  EXPECT_EQ(stanza.value("Package"), "a");
  EXPECT_EQ(stanza.value("version"), "1");
  EXPECT_EQ(stanza.value("Depends"), "");
  ASSERT_TRUE(reader.next(stanza));
  EXPECT_EQ(stanza.line, 6);
  EXPECT_EQ(stanza.value("Package"), "b");
  EXPECT_FALSE(reader.next(stanza));
}

TEST(Deb822, JoinsContinuationLines) {
  Deb822Reader reader("SHA256:\n aa 1 x\n bb 2 y\nDate: now", "Release");
  Deb822Stanza stanza;
  ASSERT_TRUE(reader.next(stanza));
  EXPECT_THAT(split_lines(stanza.value("SHA256")), ElementsAre("aa 1 x", "bb 2 y"));
  EXPECT_EQ(stanza.value("Date"), "now");
}

TEST(Deb822, RefusesAWebPage) {
  EXPECT_EQ(error_of("<!DOCTYPE html>\n<html></html>\n"), "Packages: line 1: is not `Field: value`");
}

TEST(Deb822, RefusesADoubledField) {
  EXPECT_EQ(error_of("Package: a\npackage: b\n"), "Packages: line 2: field `package` stands twice in one stanza");
}

TEST(Deb822, RefusesAContinuationOfNothing) {
  EXPECT_EQ(error_of(" lonely\n"), "Packages: line 1: continues a field, but none stands before it");
}

TEST(Deb822, RefusesNulBytes) {
  EXPECT_EQ(error_of(std::string("Package: a\nVersion: \0\n", 22)), "Packages: line 2: holds a NUL byte");
}

TEST(Deb822, RefusesATenMegabyteLine) {
  EXPECT_EQ(error_of("Package: a\nDepends: " + std::string(10 << 20, 'x') + "\n"),
            "Packages: line 2: is longer than 1048576 bytes");
}

TEST(Deb822, RefusesAStanzaWithoutEnd) {
  std::string text = "Package: a\nDescription: b\n";
  while (text.size() <= Deb822Reader::kMostStanzaBytes) text += " " + std::string(1 << 16, 'x') + "\n";
  EXPECT_EQ(error_of(text), "Packages: line 1: starts a stanza of more than 8388608 bytes");
}

TEST(Deb822, RefusesTooManyFields) {
  std::string text;
  for (int i = 0; i < 201; ++i) text += "F" + std::to_string(i) + ": x\n";
  EXPECT_EQ(error_of(text), "Packages: line 201: has more than 200 fields");
}

}  // namespace
}  // namespace ainode
