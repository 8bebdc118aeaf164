// SPDX-License-Identifier: Apache-2.0
// Every recipe in tests/cases/recipes says exactly what stands beside it in NAME.expected: all its mistakes as a user
// sees them, or its effective values. AINODE_ACCEPT=1 writes the expected files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include "base/files.h"
#include "builder/recipe/load_recipe.h"
#include "builder/recipe/show_recipe.h"

namespace ainode {
namespace {

const fs::path kCases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/recipes";

/// NAME, or NAME@VARIANT for a second look at NAME.yaml.
std::vector<std::string> case_names() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kCases))
    if (entry.path().extension() == ".yaml" || entry.path().extension() == ".expected")
      names.insert(entry.path().stem().string());
  return {names.begin(), names.end()};
}

std::string outcome(const std::string& name) {
  const std::size_t at = std::min(name.find('@'), name.size());
  try {
    return show_recipe(load_effective_recipe(name.substr(0, at) + ".yaml" + name.substr(at), {"amd64", kCases}), true);
  } catch (const Error& error) {
    return render(error);
  }
}

class RecipeCase : public testing::TestWithParam<std::string> {};

TEST_P(RecipeCase, SaysExactlyWhatIsExpected) {
  const fs::path expected = kCases / (GetParam() + ".expected");
  const std::string actual = outcome(GetParam());
  if (std::getenv("AINODE_ACCEPT")) write_file(expected, actual);
  EXPECT_EQ(actual, read_file(expected));
}

INSTANTIATE_TEST_SUITE_P(Recipes, RecipeCase, testing::ValuesIn(case_names()), [](const auto& info) {
  std::string name = info.param;
  for (char& byte : name)
    if (!std::isalnum(static_cast<unsigned char>(byte))) byte = '_';
  return name;
});

}  // namespace
}  // namespace ainode
