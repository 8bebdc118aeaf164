// SPDX-License-Identifier: Apache-2.0
// Every recipe in tests/cases/recipes says exactly what stands beside it in NAME.expected: all its mistakes as a user
// sees them, or its effective values. AINODE_ACCEPT=1 writes the expected files anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "builder/recipe/load_recipe.h"

namespace ainode {
namespace {

const fs::path kCases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/recipes";

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kCases))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string show(const Recipe& recipe) {
  std::string out = fmt::format("{} for {}, ref {}\n", recipe.name.value, recipe.architecture, recipe.ostree_ref.value);
  for (const Repository& repository : recipe.repositories)
    out += fmt::format("repository {} {}\n", repository.distribution.value, repository.suite.value);
  out += fmt::format("kernel {}\n", recipe.kernel.package.value);
  for (const Partition& partition : recipe.partitions)
    out += fmt::format("partition {} {} at {}\n", partition.id.value, partition.size.value, partition.mount.value);
  return out;
}

std::string outcome(const std::string& name) {
  try {
    return show(load_recipe(name + ".yaml", {"amd64", kCases}));
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
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace ainode
