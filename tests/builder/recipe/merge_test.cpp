// SPDX-License-Identifier: Apache-2.0
// Laying one part of a recipe over another: each rule, and the laws that hold for any parts.
#include "builder/recipe/merge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "builder/recipe/show_recipe.h"

namespace ainode {
namespace {

/// Flow style: {a: 1, b: [x, y]}.
std::string flow(const YamlNode& node) {
  std::string out;
  if (node.kind == YamlNode::Kind::mapping) {
    for (const auto& [key, value] : node.entries) out += (out.empty() ? "" : ", ") + key.text + ": " + flow(value);
    return "{" + out + "}";
  }
  if (node.kind == YamlNode::Kind::sequence) {
    for (const YamlNode& item : node.items) out += (out.empty() ? "" : ", ") + flow(item);
    return "[" + out + "]";
  }
  return node.kind == YamlNode::Kind::null ? "~" : node.text;
}

YamlNode parsed(const std::string& text) {
  return parse_yaml(text, "part.yaml");
}

std::string merged(const std::string& base, const std::string& over) {
  Mistakes mistakes;
  const YamlNode result = merge(mistakes, parsed(base), parsed(over));
  mistakes.throw_if_any();
  return flow(result);
}

TEST(Merge, MappingsMergeAndScalarsReplace) {
  EXPECT_EQ(merged("{a: {b: 1, c: 2}}", "{a: {c: 3, d: 4}, e: 5}"), "{a: {b: 1, c: 3, d: 4}, e: 5}");
}

TEST(Merge, ListsAppendAndAnItemCountsOnceAtItsLaterPlace) {
  EXPECT_EQ(merged("{a: [x, y]}", "{a: [z, x]}"), "{a: [y, z, x]}");
}

TEST(Merge, ListsOfMappingsMergeByIdNameOrPath) {
  EXPECT_EQ(merged("{a: [{id: m, v: 1}, {id: n}]}", "{a: [{id: o}, {id: m, v: 2}]}"),
            "{a: [{id: m, v: 2}, {id: n}, {id: o}]}");
  EXPECT_EQ(merged("{a: [{name: m, v: 1}]}", "{a: [{name: m, w: 2}]}"), "{a: [{name: m, v: 1, w: 2}]}");
  EXPECT_EQ(merged("{a: [{path: /m}]}", "{a: [{path: /m, v: 1}, {v: 2}]}"), "{a: [{path: /m, v: 1}, {v: 2}]}");
}

TEST(Merge, EditsTakeAListsPlace) {
  EXPECT_EQ(merged("{a: [x, y]}", "{a: {replace: [z]}}"), "{a: [z]}");
  EXPECT_EQ(merged("{a: [x, y]}", "{a: {remove: [x]}}"), "{a: [y]}");
  EXPECT_EQ(merged("{a: [x, y]}", "{a: {remove: [x], append: [z]}}"), "{a: [y, z]}");
  EXPECT_EQ(merged("{a: [{id: x, v: 1}, {id: y}]}", "{a: {remove: [x]}}"), "{a: [{id: y}]}");
  EXPECT_EQ(merged("{}", "{a: {replace: [z]}}"), "{a: [z]}");
}

TEST(Merge, RemovingWhatIsNotThereIsAMistake) {
  EXPECT_THROW(merged("{a: [x]}", "{a: {remove: [y]}}"), Errors);
}

TEST(Merge, AllowedArchitecturesAreReplaced) {
  EXPECT_EQ(merged("{arch: [amd64, arm64]}", "{arch: [amd64]}"), "{arch: [amd64]}");
}

TEST(Merge, OfKeysThatExcludeEachOtherTheLaterStays) {
  EXPECT_EQ(merged("{kernel: {source: {package: s}, config: {A: y}, cmdline: [q]}}", "{kernel: {package: p}}"),
            "{kernel: {cmdline: [q], package: p}}");
  EXPECT_EQ(merged("{kernel: {package: p}}", "{kernel: {source: {package: s}}}"), "{kernel: {source: {package: s}}}");
  EXPECT_EQ(merged("{files: [{path: /a, text: t}]}", "{files: [{path: /a, source: s}]}"),
            "{files: [{path: /a, source: s}]}");
}

TEST(Merge, ValuesKeepThePlacesWhereTheyWereWritten) {
  Mistakes mistakes;
  const YamlNode result =
      merge(mistakes, parse_yaml("a: {b: 1, c: 2}", "base.yaml"), parse_yaml("a: {c: 3}", "over.yaml"));
  EXPECT_EQ(result.find("a")->find("b")->place.file, "base.yaml");
  EXPECT_EQ(result.find("a")->find("c")->place.file, "over.yaml");
}

/// A random part in which a key's kind follows from its name, so that parts agree on what is a mapping and what a list.
class Parts {
 public:
  explicit Parts(unsigned seed) : random_(seed) {}

  std::string mapping(int depth = 3) {
    std::string out;
    for (const char* key : {"s", "t", "l", "k", "m", "i"})
      if (one_of(2) == 0) out += (out.empty() ? "" : ", ") + std::string(key) + ": " + value(key[0], depth);
    return "{" + out + "}";
  }

 private:
  int one_of(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  std::string value(char key, int depth) {
    if (key == 'm') return depth > 0 ? mapping(depth - 1) : "{}";
    if (key == 's' || key == 't') return std::to_string(one_of(5));
    std::string out;
    for (int id = 0; id < 4; ++id) {
      if (one_of(2) == 0) continue;
      const std::string item =
          key == 'i' ? fmt::format("{{id: i{}, l: [{}], s: {}}}", id, one_of(3), one_of(9)) : std::to_string(one_of(6));
      out += (out.empty() ? "" : ", ") + item;
    }
    return "[" + out + "]";
  }

  std::mt19937 random_;
};

TEST(Merge, IsAssociative) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Parts parts(seed);
    const std::string a = parts.mapping(), b = parts.mapping(), c = parts.mapping();
    ASSERT_EQ(merged(merged(a, b), c), merged(a, merged(b, c))) << "seed " << seed << "\n"
                                                                << a << "\n"
                                                                << b << "\n"
                                                                << c;
  }
}

TEST(Merge, NothingChangesNothingAndTwiceIsOnce) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    const std::string part = merged("{}", Parts(seed).mapping());
    ASSERT_EQ(merged(part, "{}"), part) << "seed " << seed;
    ASSERT_EQ(merged("{}", part), part) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ainode
