// SPDX-License-Identifier: Apache-2.0
// Packages stanzas: what becomes a record and what is refused, by line.
#include "builder/packages/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

const std::string kDigest(64, 'a');

std::string stanza(const std::string& extra = "", const std::string& filename = "pool/main/h/hello/hello_1.deb") {
  return "Package: hello\nVersion: 1:2.10-5~deb13u1\nArchitecture: amd64\nFilename: " + filename +
         "\nSize: 100\nSHA256: " + kDigest + "\n" + extra;
}

std::string error_of(const std::string& text) {
  std::vector<PackageRecord> packages;
  try {
    read_packages(text, "Packages", "amd64", 0, packages);
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::index_malformed.id);
    return error.message();
  }
  return "no error";
}

TEST(Index, ReadsARecord) {
  const std::string text = stanza("Source: greet (2.10)\nEssential: yes\nPriority: required\nDepends: libc6\n");
  std::vector<PackageRecord> packages;
  read_packages(text, "Packages", "amd64", 3, packages);
  ASSERT_EQ(packages.size(), 1u);
  EXPECT_EQ(packages[0].version, "1:2.10-5~deb13u1");
  EXPECT_EQ(packages[0].source, "greet");
  EXPECT_EQ(packages[0].size, 100u);
  EXPECT_EQ(packages[0].priority, 1);
  EXPECT_TRUE(packages[0].is_essential);
  EXPECT_EQ(packages[0].repository, 3u);
}

TEST(Index, SkipsOtherArchitectures) {
  const std::string text = stanza();
  std::vector<PackageRecord> packages;
  read_packages(text, "Packages", "arm64", 0, packages);
  EXPECT_TRUE(packages.empty());
}

// libsolv's own parser dies of such a stanza (CVE-2026-9150); it is legal.
TEST(Index, AcceptsASha512First) {
  EXPECT_EQ(error_of("SHA512: " + std::string(128, 'b') + "\n" + stanza()), "no error");
}

TEST(Index, RefusesAStanzaWithoutANeededField) {
  EXPECT_EQ(error_of("Package: hello\nVersion: 1\n"), "Packages: line 1: package `hello` has no `Architecture`");
}

TEST(Index, RefusesFilenamesThatLeaveTheArchive) {
  for (const char* filename : {"../../etc/passwd", "/etc/passwd", "pool/../../x", "http://example.invalid/x.deb",
                               "pool/./x", "pool//x", "pool\\x", "pool/a b"}) {
    EXPECT_EQ(error_of(stanza("", filename)),
              std::string("Packages: line 4: `Filename` of package `hello` is wrong: ") + filename);
  }
}

TEST(Index, RefusesWrongNamesVersionsSizesAndDigests) {
  EXPECT_EQ(error_of("Package: a b;rm\n"), "Packages: line 1: `Package` of package `a b;rm` is wrong: a b;rm");
  EXPECT_EQ(error_of("Package: hello\nVersion: one\n"), "Packages: line 2: `Version` of package `hello` is wrong: one");
  std::string text = stanza();
  text.replace(text.find("Size: 100"), 9, "Size: -10");
  EXPECT_EQ(error_of(text), "Packages: line 5: `Size` of package `hello` is wrong: -10");
  text = stanza();
  text.replace(text.find("SHA256: a"), 9, "SHA256: A");
  EXPECT_EQ(error_of(text).substr(0, 56), "Packages: line 6: `SHA256` of package `hello` is wrong: ");
}

TEST(Index, RefusesThousandsOfAlternatives) {
  std::string depends = "Depends: a0";
  for (int i = 1; i <= 2000; ++i) depends += "|a" + std::to_string(i);
  EXPECT_EQ(error_of(stanza(depends + "\n")),
            "Packages: line 7: `Depends` of package `hello` has more than 2000 alternatives in one clause");
}

}  // namespace
}  // namespace ainode
