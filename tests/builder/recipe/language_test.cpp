// SPDX-License-Identifier: Apache-2.0
// The language's tables hold together: every row says what it must, every row that is built is read, and what the
// program shows reads back as the same recipe.
#include "builder/recipe/language.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "base/files.h"
#include "builder/recipe/mistakes.h"
#include "builder/recipe/new_recipe.h"
#include "builder/recipe/schema.h"
#include "builder/recipe/show_recipe.h"

namespace ainode {
namespace {

void each_row(const Shape& shape, const std::string& path, bool is_read, bool is_unbuilt,
              const std::function<void(const Key&, const std::string&, bool, bool)>& visit) {
  for (const Key& row : shape.keys) {
    const std::string name = path.empty() ? std::string(row.key) : fmt::format("{}.{}", path, row.key);
    const bool unbuilt = is_unbuilt || row.presence == Presence::not_built_yet;
    visit(row, name, is_read || row.read, unbuilt);
    each_row(*row.shape, name, is_read || row.read, unbuilt, visit);
  }
}

TEST(Language, EveryBuiltRowIsReadByItselfOrAbove) {
  // Said by the files themselves, not by the effective recipe; the version is checked, not kept.
  const std::set<std::string> elsewhere = {"ainode", "extends", "variants", "matrix"};
  int count = 0;
  each_row(recipe_shape(), "", false, false, [&](const Key& row, const std::string& name, bool is_read, bool unbuilt) {
    ++count;
    EXPECT_FALSE(row.about.empty()) << name;
    EXPECT_FALSE(row.shape->holds.empty()) << name;
    const bool is_table = row.shape->kind == Shape::Kind::table;
    if (!unbuilt && !is_table && !elsewhere.contains(name)) EXPECT_TRUE(is_read) << name;
    if (unbuilt) EXPECT_EQ(row.read, nullptr) << name;
  });
  EXPECT_GT(count, 60);
}

TEST(Language, RulesStandWhereTextsAre) {
  each_row(recipe_shape(), "", false, false, [](const Key& row, const std::string& name, bool, bool) {
    const Shape* shape = row.shape;
    while (shape->kind == Shape::Kind::list) shape = shape->item;
    const bool needs_rule = shape->kind == Shape::Kind::text || shape->kind == Shape::Kind::map ||
                            shape->kind == Shape::Kind::per_architecture;
    if (needs_rule) EXPECT_NE(shape->rule, nullptr) << name;
  });
}

class Shown : public testing::Test {
 protected:
  Shown() : scratch_(fs::temp_directory_path()) {}
  const fs::path& root() const { return scratch_.path(); }

 private:
  TemporaryDirectory scratch_;
};

TEST_F(Shown, ReadsBackAsTheSameRecipe) {
  int count = 0;
  const fs::path cases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/recipes";
  fs::copy(cases / "statements.yaml", root());  // a file that a recipe puts into the image lies beside it
  for (const auto& entry : fs::directory_iterator(cases)) {
    if (entry.path().extension() != ".expected" || !read_file(entry.path()).starts_with("# ")) continue;
    std::string name = entry.path().stem().string();
    const std::size_t at = std::min(name.find('@'), name.size());
    name = name.substr(0, at) + ".yaml" + name.substr(at);
    const EffectiveRecipe effective = load_effective_recipe(name, {"amd64", cases});
    for (const bool with_origin : {false, true}) {
      write_file(root() / "shown.yaml", show_recipe(effective, with_origin));
      EXPECT_EQ(load_recipe("shown.yaml", {"amd64", root()}).digest, effective.recipe.digest) << name;
    }
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST_F(Shown, NewRecipesAreGoodAndTheOneThatExtendsKeepsItsBase) {
  write_file(root() / "base.yaml", new_recipe("base", "", "s.json"));
  write_file(root() / "more.yaml", new_recipe("more", "base.yaml", "s.json"));
  const Recipe base = load_recipe("base.yaml", {"amd64", root()});
  const Recipe more = load_recipe("more.yaml", {"amd64", root()});
  EXPECT_EQ(more.packages.include.size(), base.packages.include.size());
  EXPECT_EQ(more.ostree_ref.value, "ainode/amd64/more");
  EXPECT_EQ(load_recipe("more.yaml@debug", {"amd64", root()}).packages.include.back().value, "strace");
  EXPECT_THROW(new_recipe("../x", "", "s.json"), Error);
  EXPECT_THROW(new_recipe("x\n# y", "", "s.json"), Error);
}

TEST_F(Shown, AFileOfOverSixtyFourIsRefused) {
  write_file(root() / "f0.yaml", "ainode: 1\n");
  for (int i = 1; i <= 64; ++i)
    write_file(root() / fmt::format("f{}.yaml", i), fmt::format("ainode: 1\nname: f\nextends: [f{}.yaml]\n", i - 1));
  try {
    load_recipe("f64.yaml", {"amd64", root()});
    FAIL();
  } catch (const Errors& errors) {
    EXPECT_EQ(errors.all().front().message(), "a recipe of more than 64 files");
  }
}

TEST_F(Shown, OfVeryManyMistakesTheLastSaysThatThereMayBeMore) {
  std::string text = "ainode: 1\n";
  for (int i = 0; i < 300; ++i) text += fmt::format("k{}: 1\n", i);
  write_file(root() / "many.yaml", text);
  try {
    load_recipe("many.yaml", {"amd64", root()});
    FAIL();
  } catch (const Errors& errors) {
    EXPECT_EQ(errors.all().size(), Mistakes::kMost + 1);
    EXPECT_EQ(errors.all().back().message(), "there may be more mistakes than these 200");
  }
}

TEST(Schema, NamesEveryKeyOfTheLanguage) {
  const std::string text = recipe_schema().dump();
  each_row(recipe_shape(), "", false, false, [&](const Key& row, const std::string&, bool, bool) {
    EXPECT_NE(text.find(fmt::format("\"{}\":", row.key)), std::string::npos) << row.key;
  });
}

}  // namespace
}  // namespace ainode
