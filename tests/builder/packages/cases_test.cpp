// SPDX-License-Identifier: Apache-2.0
// Every world in tests/cases/solver ends exactly as NAME.expected says: the whole error as a user sees it, or the
// packages in configuration order. AINODE_ACCEPT=1 writes the expected files anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "tests/builder/packages/world.h"

namespace ainode {
namespace {

const fs::path kCases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/solver";

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kCases)) {
    if (entry.path().extension() == ".world") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string outcome(const std::string& name) {
  try {
    const World world = read_world(read_file(kCases / (name + ".world")), name + ".world");
    std::string out;
    for (const std::string& line : shown(resolve(world.goal, world.candidates))) out += line + "\n";
    return out;
  } catch (const Error& error) {
    EXPECT_LE(error.reasons().size(), 20u);
    return render(error);
  }
}

class SolverCase : public testing::TestWithParam<std::string> {};

TEST_P(SolverCase, EndsExactlyAsExpected) {
  const fs::path expected = kCases / (GetParam() + ".expected");
  const std::string actual = outcome(GetParam());
  if (std::getenv("AINODE_ACCEPT")) write_file(expected, actual);
  EXPECT_EQ(actual, read_file(expected));
}

INSTANTIATE_TEST_SUITE_P(Solver, SolverCase, testing::ValuesIn(case_names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace ainode
