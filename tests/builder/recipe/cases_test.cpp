// SPDX-License-Identifier: Apache-2.0
// Every recipe in tests/cases/recipes says exactly what stands beside it in NAME.expected: all its mistakes as a user
// sees them, or its effective values. Recipes too large for the tree are written here. AINODE_ACCEPT=1 writes the
// expected files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <set>

#include "base/files.h"
#include "builder/recipe/load_recipe.h"
#include "builder/recipe/show_recipe.h"

namespace ainode {
namespace {

const fs::path kCases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/recipes";

/// NAME, or NAME@VARIANT for a second look at NAME.yaml.
std::vector<std::string> case_names() {
  std::set<std::string> names = {"over-1-mib", "over-64-files"};
  for (const auto& entry : fs::directory_iterator(kCases))
    if (entry.path().extension() == ".yaml" || entry.path().extension() == ".expected")
      names.insert(entry.path().stem().string());
  return {names.begin(), names.end()};
}

constexpr const char* kSmallest =
    "ainode: 1\nname: node\narch: [amd64]\n"
    "repositories:\n  - {id: main, distribution: debian, suite: trixie, components: [main]}\n"
    "kernel: {package: linux-image-cloud-amd64}\n";

void write_over_one_mebibyte(const fs::path& root) {
  write_file(root / "over-1-mib.yaml", kSmallest + std::string("# ") + std::string(std::size_t{1} << 20, 'x') + "\n");
}

/// One recipe and 64 that it extends.
void write_over_64_files(const fs::path& root) {
  std::string extends = "extends:\n";
  for (int i = 1; i <= 64; ++i) {
    const std::string part = "part-" + std::to_string(i) + ".yaml";
    write_file(root / part, "ainode: 1\n");
    extends += "  - " + part + "\n";
  }
  write_file(root / "over-64-files.yaml", kSmallest + extends);
}

const std::map<std::string, void (*)(const fs::path&)> kWritten = {{"over-1-mib", write_over_one_mebibyte},
                                                                   {"over-64-files", write_over_64_files}};

std::string outcome(const std::string& name) {
  const std::size_t at = std::min(name.find('@'), name.size());
  const TemporaryDirectory scratch(fs::temp_directory_path());
  fs::path root = kCases;
  if (const auto written = kWritten.find(name); written != kWritten.end()) {
    root = scratch.path();
    written->second(root);
  }
  try {
    return show_recipe(load_effective_recipe(name.substr(0, at) + ".yaml" + name.substr(at), {"amd64", root}), true);
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
