// SPDX-License-Identifier: Apache-2.0
// Strict parsing: what is refused, where it is said to be, and typed access to foreign objects.
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ainode {
namespace {

using testing::HasSubstr;

Error error_of(std::string_view text) {
  try {
    parse_json(text, "x.json", codes::result_malformed);
  } catch (const Error& error) {
    return error;
  }
  return {codes::usage_error, "no error"};
}

TEST(ParseJson, KeepsTheOrderOfKeys) {
  EXPECT_EQ(parse_json(R"({"b":1,"a":[true,null,"x"]})", "x.json", codes::result_malformed).dump(),
            R"({"b":1,"a":[true,null,"x"]})");
}

TEST(ParseJson, RefusesADuplicateKeyAndPointsAtIt) {
  const Error error = error_of("{\"a\": 1,\n \"b\": {\"a\": 2, \"c\\\"\": 3},\n  \"a\": 4}");
  EXPECT_EQ(error.message(), "x.json has the key `a` twice in one object");
  EXPECT_EQ(error.code().id, codes::result_malformed.id);
  ASSERT_TRUE(error.place());
  EXPECT_EQ(error.place()->str(), "x.json:3:3");
}

TEST(ParseJson, SeesThatEscapedKeysAreEqual) {
  const Error error = error_of(R"({"a": 1, "\u0061": 2})");
  EXPECT_EQ(error.message(), "x.json has the key `a` twice in one object");
  EXPECT_EQ(error.place()->str(), "x.json:1:10");
}

TEST(ParseJson, LetsTheSameKeyStandInTwoObjects) {
  EXPECT_EQ(error_of(R"([{"a":1},{"a":{"a":2}}])").message(), "no error");
}

TEST(ParseJson, PointsAtTheMistake) {
  const Error error = error_of("{\n \"a\": 1,\n}");
  EXPECT_EQ(error.message(), "x.json is not valid JSON");
  EXPECT_EQ(error.place()->str(), "x.json:3:1");
  EXPECT_THAT(error.caret_text(), HasSubstr("syntax error"));
}

TEST(ParseJson, RefusesWhatIsNotStrictJson) {
  for (const char* text : {"", " ", "{", "{} {}", "{}x", "// c\n{}", "/* c */ {}", "NaN", "Infinity", "1e999", "01",
                           "'a'", "[1,]", "\"\xff\"", "\"\x01\"", "\"\xed\xa0\x80\"", "nul"})
    EXPECT_EQ(error_of(text).message(), "x.json is not valid JSON") << text;
}

TEST(ParseJson, RefusesAByteOrderMark) {
  EXPECT_EQ(error_of("\xef\xbb\xbf{}").message(), "x.json starts with a byte order mark");
}

TEST(ParseJson, RefusesAnAbyss) {
  EXPECT_EQ(error_of(std::string(100'000, '[')).message(), "x.json is nested more than 64 levels deep");
  EXPECT_EQ(error_of(std::string(60, '[') + std::string(60, ']')).message(), "no error");
}

TEST(WriteJson, IndentsByOneAndEndsWithANewline) {
  EXPECT_EQ(write_json({{"b", 1}, {"a", {1, 2}}}), "{\n \"b\": 1,\n \"a\": [\n  1,\n  2\n ]\n}\n");
}

TEST(WriteJson, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(write_json("a\xff"), "\"a\xef\xbf\xbd\"\n");
}

std::string refusal(const Json& json, const std::function<void(const JsonObject&)>& use) {
  try {
    use(JsonObject(json, "x.json", codes::result_malformed));
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

TEST(JsonObject, NamesTheMemberThatIsWrong) {
  const Json json = {{"text", 1}, {"list", {{{"size", -1}}}}, {"deep", {{"flag", 0}}}, {"names", {"a", 2}}};
  using Object = const JsonObject&;
  EXPECT_EQ(refusal(json, [](Object top) { top.text("none"); }), "x.json: `none` is missing");
  EXPECT_EQ(refusal(json, [](Object top) { top.text("text"); }), "x.json: `text` is not a string");
  EXPECT_EQ(refusal(json, [](Object top) { top.objects("list")[0].size("size"); }),
            "x.json: `list[0].size` is not a size");
  EXPECT_EQ(refusal(json, [](Object top) { top.object("deep").boolean("flag"); }),
            "x.json: `deep.flag` is not true or false");
  EXPECT_EQ(refusal(json, [](Object top) { top.object("text"); }), "x.json: `text` is not an object");
  EXPECT_EQ(refusal(json, [](Object top) { top.texts("names"); }), "x.json: `names[1]` is not a string");
  EXPECT_EQ(refusal(json, [](Object top) { top.objects("text"); }), "x.json: `text` is not an array");
  EXPECT_EQ(refusal(Json::array(), [](Object) {}), "x.json is not a JSON object");
}

TEST(JsonObject, RefusesAnIntegerBeyondItsType) {
  EXPECT_EQ(refusal({{"n", 18446744073709551615U}}, [](const JsonObject& top) { top.integer("n"); }),
            "x.json: `n` is not an integer");
  EXPECT_EQ(refusal({{"n", 1.5}}, [](const JsonObject& top) { top.integer("n"); }), "x.json: `n` is not an integer");
}

TEST(JsonObject, RefusesNamesThatLeadOutOfTheirDirectory) {
  for (const char* name : {"", ".", "..", "a/b", "/etc/passwd", "a\nb"})
    EXPECT_EQ(refusal({{"n", name}}, [](const JsonObject& top) { top.file_name("n"); }),
              "x.json: `n` is not a plain file name")
        << name;
}

}  // namespace
}  // namespace ainode
