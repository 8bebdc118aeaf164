// SPDX-License-Identifier: Apache-2.0
// A command that is shown can be copied into a shell.
#include "validators/machines/guest_process.h"

#include <gtest/gtest.h>

#include "base/process.h"

namespace ainode {
namespace {

TEST(Quoted, LeavesPlainWordsAsTheyAre) {
  EXPECT_EQ(quoted({"ainode", "validate", "/a_b/c-d", "--target", "qemu:x.yaml", "a=1,b@2%+"}),
            "ainode validate /a_b/c-d --target qemu:x.yaml a=1,b@2%+");
}

TEST(Quoted, QuotesWhatAShellMayRead) {
  EXPECT_EQ(quoted({"a b", "", "it's", "^x", "tab\there", "\xc3\xa9"}),
            "'a b' '' 'it'\\''s' '^x' $'tab\\x09here' '\xc3\xa9'");
}

TEST(Quoted, IsReadBackByAShellWordForWord) {
  std::vector<std::string> words = {"printf", "%s|"};
  std::string expected;
  for (char letter = 1; letter < 0x7f; ++letter) {
    words.push_back(std::string("a") + letter + "b'\\");
    words.push_back(std::string(1, letter));
    expected += words[words.size() - 2] + "|" + words.back() + "|";
  }
  const std::string line = quoted(words);
  EXPECT_EQ(line.find_first_of("\t\n"), std::string::npos) << "it is no single line";
  Command command;
  command.argv = {"bash", "-c", line};
  EXPECT_EQ(run_or_throw(command), expected);
}

}  // namespace
}  // namespace ainode
