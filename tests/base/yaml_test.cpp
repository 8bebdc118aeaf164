// SPDX-License-Identifier: Apache-2.0
// What the YAML reader keeps (text, places) and what it refuses: by encoding, by feature, by size.
#include "base/yaml.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

using namespace std::string_literals;

/// The rendered error of a text that must be refused; "accepted" when it was not.
std::string refusal(std::string_view text) {
  try {
    parse_yaml(text, "f.yaml");
  } catch (const Error& error) {
    return render(error);
  }
  return "accepted";
}

TEST(Yaml, KeepsTextAsWritten) {
  const YamlNode root = parse_yaml("version: 1.10\nmode: 0o17\ncountry: no\n", "f.yaml");
  EXPECT_EQ(root.find("version")->text, "1.10");
  EXPECT_EQ(root.find("mode")->text, "0o17");
  EXPECT_EQ(root.find("country")->text, "no");
  EXPECT_EQ(root.find("absent"), nullptr);
}

TEST(Yaml, TellsQuotedFromPlain) {
  const YamlNode root = parse_yaml("[plain, 'single', \"double\"]", "f.yaml");
  EXPECT_FALSE(root.items[0].is_quoted);
  EXPECT_TRUE(root.items[1].is_quoted);
  EXPECT_TRUE(root.items[2].is_quoted);
}

TEST(Yaml, KeepsTheOrderOfEntries) {
  const YamlNode root = parse_yaml("b: 1\na: 2\n", "f.yaml");
  EXPECT_EQ(root.entries[0].first.text, "b");
  EXPECT_EQ(root.entries[1].first.text, "a");
}

TEST(Yaml, PlacesCountCodePoints) {
  const YamlNode root = parse_yaml("# comment\nnaïve: [é, 'quoted text']\n", "f.yaml");
  const YamlNode& item = root.find("naïve")->items[1];
  EXPECT_EQ(item.place.str(), "f.yaml:2:12");
  EXPECT_EQ(item.place.width, 13);
  EXPECT_EQ(item.place.source_line, "naïve: [é, 'quoted text']");
}

TEST(Yaml, AMissingValueLiesAtItsKey) {
  const YamlNode root = parse_yaml("first:\nsecond: ~\n", "f.yaml");
  EXPECT_EQ(root.find("first")->kind, YamlNode::Kind::null);
  EXPECT_EQ(root.find("first")->place.str(), "f.yaml:1:1");
  EXPECT_EQ(root.find("second")->place.str(), "f.yaml:2:9");
}

TEST(Yaml, AcceptsWindowsLineEnds) {
  EXPECT_EQ(parse_yaml("a: b\r\nc: d\r\n", "f.yaml").find("c")->text, "d");
}

TEST(Yaml, NothingIsNull) {
  EXPECT_EQ(parse_yaml("", "f.yaml").kind, YamlNode::Kind::null);
  EXPECT_EQ(parse_yaml("# only this\n", "f.yaml").place.str(), "f.yaml:1:1");
}

TEST(Yaml, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(refusal("a: \xff\n"),
            "error[R0104]: f.yaml is not UTF-8\n"
            "   ┌─ f.yaml:1:4\n"
            "1│ a: \\xff\n"
            " │    ^ byte 0xff\n");
  EXPECT_TRUE(refusal("a: \xc0\xaf\n").starts_with("error[R0104]")) << "overlong";
  EXPECT_TRUE(refusal("a: \xed\xa0\x80\n").starts_with("error[R0104]")) << "surrogate";
  EXPECT_TRUE(refusal("a: \xf4\x90\x80\x80\n").starts_with("error[R0104]")) << "beyond U+10FFFF";
  EXPECT_TRUE(refusal("a: \xe2\x82").starts_with("error[R0104]")) << "cut short";
}

TEST(Yaml, RefusesUtf16AndByteOrderMarks) {
  EXPECT_EQ(refusal("\xff\xfe"s + "a\0:\0"s), "error[R0104]: f.yaml is UTF-16\n  = help: save it as UTF-8\n");
  EXPECT_EQ(refusal("\xfe\xff\0a"s), "error[R0104]: f.yaml is UTF-16\n  = help: save it as UTF-8\n");
  EXPECT_EQ(refusal("\xef\xbb\xbf"
                    "a: b"),
            "error[R0104]: f.yaml begins with a byte order mark\n  = help: save it as UTF-8 without one\n");
}

TEST(Yaml, RefusesControlCharacters) {
  EXPECT_EQ(refusal("a: b\0c"s),
            "error[R0104]: f.yaml holds a control character\n"
            "   ┌─ f.yaml:1:5\n"
            "1│ a: b\\x00c\n"
            " │     ^ U+0000\n");
  EXPECT_TRUE(refusal("a: \x1b[31m").starts_with("error[R0104]")) << "escape";
  EXPECT_TRUE(refusal("a: b\rc").starts_with("error[R0104]")) << "lone carriage return";
  EXPECT_TRUE(refusal("a: \u202e").starts_with("error[R0104]")) << "right-to-left override";
  EXPECT_TRUE(refusal("a: \u2028").starts_with("error[R0104]")) << "line separator";
}

TEST(Yaml, RefusesTabsInIndentation) {
  EXPECT_EQ(refusal("a:\n \tb: 1\n"),
            "error[R0101]: f.yaml is indented with a tab\n"
            "   ┌─ f.yaml:2:2\n"
            "2│  \tb: 1\n"
            " │  ^ a tab\n"
            "  = help: indent with spaces\n");
}

TEST(Yaml, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(refusal("a:\n  - {b: 1, c: 2, \"b\": 3}\n"),
            "error[R0106]: duplicate key `b`\n"
            "   ┌─ f.yaml:2:18\n"
            "2│   - {b: 1, c: 2, \"b\": 3}\n"
            " │                  ^^^ first set on line 2\n"
            "  = help: keep one of the two\n");
}

TEST(Yaml, RefusesWhatRecipesDoNotUse) {
  EXPECT_TRUE(refusal("a: &x 1\n").starts_with("error[R0102]: anchors are not used in recipes\n"));
  EXPECT_TRUE(refusal("&x a: 1\n").starts_with("error[R0102]: anchors are not used in recipes\n"));
  EXPECT_TRUE(refusal("a: &x\n").starts_with("error[R0102]: anchors are not used in recipes\n"));
  EXPECT_TRUE(refusal("a: !!str 1\n").starts_with("error[R0102]: tags are not used in recipes\n"));
  EXPECT_TRUE(refusal("a: ! 1\n").starts_with("error[R0102]: tags are not used in recipes\n"));
  EXPECT_TRUE(refusal("a: !x {b: 1}\n").starts_with("error[R0102]: tags are not used in recipes\n"));
  EXPECT_TRUE(refusal("%YAML 1.2\n---\na: 1\n").starts_with("error[R0102]: directives are not used in recipes\n"));
  EXPECT_TRUE(refusal("<<: {a: 1}\n").starts_with("error[R0102]: merge keys are not used in recipes\n"));
  EXPECT_TRUE(refusal("[a]: 1\n").starts_with("error[R0102]: a key must be text\n"));
  EXPECT_TRUE(refusal("? {a: b}\n: c\n").starts_with("error[R0102]: a key must be text\n"));
  EXPECT_TRUE(refusal("~: 1\n").starts_with("error[R0102]: a key must be text\n"));
}

TEST(Yaml, RefusesASecondDocument) {
  EXPECT_TRUE(refusal("a: 1\n---\nb: 2\n").starts_with("error[R0102]: f.yaml holds more than one document\n"));
  EXPECT_TRUE(refusal("---\n---\n").starts_with("error[R0102]: f.yaml holds more than one document\n"));
  EXPECT_TRUE(refusal("a: 1\n...\nb: 2\n").starts_with("error[R0102]: f.yaml holds more than one document\n"));
  EXPECT_TRUE(refusal("[a]\nb\n").starts_with("error[R0102]: f.yaml holds more than one document\n"));
}

TEST(Yaml, LimitsDepth) {
  EXPECT_EQ(refusal(std::string(32, '[') + std::string(32, ']')), "accepted");
  EXPECT_TRUE(refusal(std::string(33, '[') + std::string(33, ']'))
                  .starts_with("error[R0103]: f.yaml is nested more than 32 levels deep\n   ┌─ f.yaml:1:33\n"));
}

TEST(Yaml, LimitsRunsOfBracketsBeforeTheyAreParsed) {
  EXPECT_EQ(refusal(std::string(1 << 20, '[')),
            "error[R0103]: f.yaml is nested more than 32 levels deep\n   ┌─ f.yaml:1:1001\n");
}

TEST(Yaml, LimitsSize) {
  const std::string mebibyte = "a: " + std::string((1 << 20) - 3, 'x');
  EXPECT_EQ(refusal(mebibyte), "accepted");
  EXPECT_EQ(refusal(mebibyte + "x"), "error[R0103]: f.yaml is larger than 1 MiB\n");
}

TEST(Yaml, LimitsTheNumberOfValues) {
  std::string list = "[";
  for (int i = 0; i < 100'001; ++i) list += "a,";
  EXPECT_EQ(refusal(list + "]"), "error[R0103]: f.yaml holds more than 100000 values\n   ┌─ f.yaml:1:200002\n");
}

// What must end soon and small, whatever is said about it.
TEST(Yaml, SurvivesHostileShapes) {
  for (const char* unit :
       {"[", "{", "\"", "'", "- ", "? ", ": ", "!", "! ", "&a ", "|", "- [", "[\"", "a: ", "#", "\n"}) {
    std::string text;
    while (text.size() + std::string_view(unit).size() <= 200'000) text += unit;
    EXPECT_FALSE(refusal(text).empty()) << unit;
  }
}

}  // namespace
}  // namespace ainode
