// SPDX-License-Identifier: Apache-2.0
// What a lock says of a recipe that moved away from it.
#include "builder/lock_drift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LockDrift, NamesWhatWasAddedRemovedAndChanged) {
  EXPECT_THAT(describe_drift(R"({"kernel":{"cmdline":["a","b"]},"name":"x","packages":{"include":["p","q"]}})",
                             R"({"kernel":{"cmdline":["b","c"]},"name":"y","packages":{"include":["p","q"]}})"),
              ElementsAre("kernel.cmdline: `a` was removed", "kernel.cmdline: `c` was added", "name: `x` became `y`"));
}

TEST(LockDrift, ComparesThingsByTheirId) {
  EXPECT_THAT(describe_drift(R"({"repositories":[{"id":"m","suite":"trixie"},{"id":"n"}]})",
                             R"({"repositories":[{"id":"m","suite":"sid"},{"id":"o"}]})"),
              ElementsAre("repositories: `n` was removed", "repositories[m].suite: `trixie` became `sid`",
                          "repositories: `o` was added"));
}

TEST(LockDrift, SeesAnotherOrder) {
  EXPECT_THAT(describe_drift(R"({"a":["x","y"]})", R"({"a":["y","x"]})"), ElementsAre("a: the order changed"));
}

TEST(LockDrift, SeesWholeBranchesComeAndGo) {
  EXPECT_THAT(describe_drift(R"({"a":{"b":{"c":1}}})", R"({"d":["x"],"e":true})"),
              ElementsAre("a.b.c: `1` was removed", "d: `x` was added", "e: `true` was added"));
}

TEST(LockDrift, ASourcePackageOfAModuleIsAskedOfTheSolverAndItsFilesAreNot) {
  const std::string was = R"({"kernel":{"extra-modules":[{"name":"a","package":"p","sources":["x.c"]}]}})";
  EXPECT_TRUE(
      ask_for_the_same_packages(was, R"({"kernel":{"extra-modules":[{"name":"b","package":"p","sources":["y.c"]}]}})"));
  EXPECT_FALSE(
      ask_for_the_same_packages(was, R"({"kernel":{"extra-modules":[{"name":"a","package":"q","sources":["x.c"]}]}})"));
  EXPECT_FALSE(ask_for_the_same_packages(was, R"({"kernel":{"package":"k"}})"));
}

TEST(LockDrift, EqualValuesHaveNone) {
  EXPECT_THAT(describe_drift(R"({"a":[1,{"id":"x","b":2}]})", R"({"a":[1,{"id":"x","b":2}]})"), IsEmpty());
}

TEST(LockDrift, ChangedTypesAreShown) {
  EXPECT_THAT(describe_drift(R"({"a":[1]})", R"({"a":"text"})"), ElementsAre("a: `[1]` became `text`"));
}

TEST(AskForTheSamePackages, LooksOnlyAtWhatTheSolverIsAsked) {
  const std::string was =
      R"({"architecture":"amd64","kernel":{"cmdline":["a"],"package":"k"},"packages":{"include":["p"]}})";
  EXPECT_TRUE(ask_for_the_same_packages(
      was,
      R"({"architecture":"amd64","kernel":{"cmdline":["b"],"package":"k"},"packages":{"include":["p"]},"summary":"s"})"));
  for (const char* is :
       {R"({"architecture":"arm64","kernel":{"package":"k"},"packages":{"include":["p"]}})",
        R"({"architecture":"amd64","kernel":{"package":"l"},"packages":{"include":["p"]}})",
        R"({"architecture":"amd64","kernel":{"package":"k"},"packages":{"include":["p","q"]}})",
        R"({"architecture":"amd64","kernel":{"package":"k"},"packages":{"include":["p"]},"repositories":[]})"})
    EXPECT_FALSE(ask_for_the_same_packages(was, is)) << is;
}

}  // namespace
}  // namespace ainode
