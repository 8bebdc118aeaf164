// SPDX-License-Identifier: Apache-2.0
// What is asked of the solver beside the image's own packages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "builder/packages/repositories.h"

namespace ainode {
namespace {

Recipe recipe_with_module(const std::string& package) {
  Recipe recipe;
  recipe.name.value = "node";
  recipe.packages.pin["make"] = {"4.*", {}};
  recipe.kernel.extra_modules = {{{"test_hmm", {"node.yaml", 9, 5, 1, ""}}, {package, {}}, {}}};
  return recipe;
}

std::vector<std::string> names_of(const Goal& goal) {
  std::vector<std::string> names;
  for (const Text& name : goal.install) names.push_back(name.value);
  return names;
}

LockedPackage locked(const std::string& name, const std::string& version) {
  LockedPackage package;
  package.name = name;
  package.version = version;
  return package;
}

TEST(ModuleBuildGoal, TakesTheHeadersOfTheLockedKernel) {
  const Goal goal = module_build_goal(
      recipe_with_module("linux-source-7.3"),
      {locked("linux-image-amd64", "7.3.4-1"), locked("linux-image-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1")});
  EXPECT_THAT(names_of(goal),
              testing::ElementsAre("linux-headers-7.3.4+deb13-amd64", "binutils", "make", "linux-source-7.3"));
  EXPECT_EQ(goal.pins.at("linux-headers-7.3.4+deb13-amd64").value, "7.3.4-1~bpo13+1");
  EXPECT_EQ(goal.pins.at("make").value, "4.*");
  EXPECT_EQ(goal.image, "node (extra modules)");
}

TEST(ModuleBuildGoal, ASourceBesideTheRecipeIsNoPackage) {
  EXPECT_THAT(names_of(module_build_goal(recipe_with_module(""), {locked("linux-image-6.12.1-amd64", "6.12.1-1")})),
              testing::ElementsAre("linux-headers-6.12.1-amd64", "binutils", "make"));
}

TEST(ModuleBuildGoal, KnowsTheKernelBesideItsDebugSymbolsAndWithoutASignature) {
  const Goal goal = module_build_goal(
      recipe_with_module(""),
      {locked("linux-image-6.12.1-amd64-dbg", "6.12.1-1"), locked("linux-image-6.12.1-amd64-unsigned", "6.12.1-1")});
  EXPECT_EQ(names_of(goal).front(), "linux-headers-6.12.1-amd64");
}

TEST(ModuleBuildGoal, ForNoKernelIsToldAtTheModule) {
  try {
    module_build_goal(recipe_with_module(""), {locked("linux-image-amd64", "7.3.4-1")});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::kernel_missing.id);
    EXPECT_EQ(error.message(), "module `test_hmm` has no kernel to be compiled for");
    EXPECT_EQ(error.place()->str(), "node.yaml:9:5");
  }
}

}  // namespace
}  // namespace ainode
