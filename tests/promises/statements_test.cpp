// SPDX-License-Identifier: Apache-2.0
// Declared is verified: a key of the recipe that shapes the running system has a check that holds the node to it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "builder/recipe/language.h"
#include "builder/stages/tune.h"
#include "validators/checks/catalog.h"

namespace ainode {
namespace {

/// The rows below `shape` that are read by themselves: statements.
void each_statement(const Shape& shape, const std::string& path, const std::function<void(const std::string&)>& visit) {
  for (const Key& row : shape.keys) {
    const std::string name = path.empty() ? std::string(row.key) : fmt::format("{}.{}", path, row.key);
    if (row.presence == Presence::not_built_yet) continue;
    if (row.read) visit(name);
    if (!row.read && row.shape->kind == Shape::Kind::table) each_statement(*row.shape, name, visit);
  }
}

bool shapes_the_system(const std::string& name) {
  static const std::set<std::string> kParts = {"kernel", "initrd", "drivers", "tuning",   "containers", "systemd",
                                               "users",  "groups", "files",   "security", "disk"};
  return kParts.contains(name.substr(0, name.find('.')));
}

TEST(Statements, EachKeyThatShapesTheSystemHasACheck) {
  std::set<std::string> checks, keys;
  for (const checks::Check& check : checks::all_checks()) checks.emplace(check.id);
  for (const Statement& statement : statements()) {
    EXPECT_TRUE(checks.contains(std::string(statement.check)))
        << statement.key << " names no check: " << statement.check;
    keys.emplace(statement.key);
  }
  int count = 0;
  each_statement(recipe_shape(), "", [&](const std::string& name) {
    if (!shapes_the_system(name)) return;
    ++count;
    EXPECT_TRUE(keys.erase(name)) << "`" << name << "` of the recipe has no row in builder/stages/tune.cpp";
  });
  EXPECT_GT(count, 20);
  EXPECT_EQ(keys, std::set<std::string>{""}) << "rows for keys that the language does not have";
}

}  // namespace
}  // namespace ainode
