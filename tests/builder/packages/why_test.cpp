// SPDX-License-Identifier: Apache-2.0
// Why a package is there, what a wish costs, and why a package is not there.
#include "builder/packages/why.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/builder/packages/world.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string why_text(const std::string& text, const std::string& package) {
  const World world = read_world(text);
  const auto chain = why(world.goal, world.candidates, package);
  if (!chain) return "not there";
  std::string out = chain->is_base_system ? chain->root.value + " (base system)"
                                          : chain->root.value + " (" + chain->root.place.str() + ")";
  for (const WhyLink& link : chain->links) {
    out += fmt::format("\n{} {} {} -> {}", link.package, link.field, link.clause, link.next);
  }
  return out;
}

const std::string kNode =
    "repository main 500\n"
    "podman 5 Depends: conmon (>= 2), runtime | crun; Pre-Depends: libc6; Recommends: passt\n"
    "conmon 2 Depends: libglib\nlibglib 2\nlibc6 2\npasst 1 Depends: libnet\nlibnet 1\n"
    "crun 1 Provides: runtime; Depends: libc6\nbase 1 Essential: yes; Depends: libcrypt\nlibcrypt 4\n"
    "curl 8 Depends: libc6, libnet; Size: 100\n";

TEST(Why, NamesEachClauseOfTheShortestChain) {
  EXPECT_EQ(why_text(kNode + "install podman\n", "libglib"),
            "podman (r.yaml:12:9)\n"
            "podman 5 Depends conmon >= 2 -> conmon 2\n"
            "conmon 2 Depends libglib -> libglib 2");
}

TEST(Why, TellsPreDependsAndRecommendsApart) {
  EXPECT_EQ(why_text(kNode + "install podman\n", "libc6"),
            "podman (r.yaml:12:9)\npodman 5 Pre-Depends libc6 -> libc6 2");
  EXPECT_EQ(why_text(kNode + "install podman\nrecommends\n", "libnet"),
            "podman (r.yaml:12:9)\npodman 5 Recommends passt -> passt 1\npasst 1 Depends libnet -> libnet 1");
}

TEST(Why, ShowsTheWholeClauseThatAProviderMeets) {
  EXPECT_EQ(why_text(kNode + "install podman\n", "crun"),
            "podman (r.yaml:12:9)\npodman 5 Depends runtime | crun -> crun 1");
}

TEST(Why, WhatWasAskedForHasNoLinks) {
  EXPECT_EQ(why_text(kNode + "install podman\ninstall conmon\n", "conmon"), "conmon (r.yaml:13:9)");
}

TEST(Why, PrefersTheShorterChain) {
  EXPECT_EQ(why_text(kNode + "install podman\ninstall curl\nrecommends\n", "libnet"),
            "curl (r.yaml:13:9)\ncurl 8 Depends libnet -> libnet 1");
}

TEST(Why, FallsBackToTheBaseSystem) {
  EXPECT_EQ(why_text(kNode + "install podman\nbase-system\n", "libcrypt"),
            "base (base system)\nbase 1 Depends libcrypt -> libcrypt 4");
}

TEST(Why, IsNothingForWhatIsNotThere) {
  EXPECT_EQ(why_text(kNode + "install podman\n", "passt"), "not there");
  EXPECT_EQ(why_text(kNode + "install podman\n", "nonsense"), "not there");
}

TEST(SoleReason, CountsWhatNobodyElseNeeds) {
  const World world = read_world(kNode + "install podman\ninstall curl\nbase-system\n");
  const auto reasons = sole_reason_bytes(world.goal, world.candidates);
  ASSERT_EQ(reasons.size(), 2u);
  EXPECT_EQ(reasons[0].root.value, "podman");
  EXPECT_EQ(reasons[0].root.place.line, 12);
  EXPECT_THAT(reasons[0].packages, ElementsAre("conmon", "crun", "libglib", "podman"));
  EXPECT_EQ(reasons[0].bytes, 4u);
  EXPECT_THAT(reasons[1].packages, ElementsAre("curl", "libnet"));
  EXPECT_EQ(reasons[1].bytes, 101u);
}

TEST(SoleReason, IsEmptyForWhatAnotherWishNeedsToo) {
  const World world = read_world(kNode + "install podman\ninstall conmon\n");
  EXPECT_THAT(sole_reason_bytes(world.goal, world.candidates)[1].packages, IsEmpty());
}

WhyNot why_not_in(const std::string& text, const std::string& package) {
  const World world = read_world(text);
  return why_not(world.goal, world.candidates, package);
}

TEST(WhyNot, NobodyAsksForIt) {
  const WhyNot answer = why_not_in(kNode + "install podman\n", "curl");
  EXPECT_EQ(answer.reason, WhyNot::Reason::not_asked);
  EXPECT_THAT(answer.lines, IsEmpty());
  EXPECT_EQ(answer.hint, "add `curl` to packages.include");
}

TEST(WhyNot, NamesWhoMentionsItWithoutNeedingIt) {
  EXPECT_THAT(why_not_in(kNode + "install podman\n", "passt").lines, ElementsAre("podman 5 recommends passt"));
  EXPECT_THAT(why_not_in("repository main 500\napp 1 Depends: aa | bb\naa 1\nbb 1\ninstall app\n", "bb").lines,
              ElementsAre("app 1 depends on aa | bb, which aa 1 meets"));
}

TEST(WhyNot, ItIsThere) {
  EXPECT_EQ(why_not_in(kNode + "install podman\n", "conmon").reason, WhyNot::Reason::installed);
}

TEST(WhyNot, NoRepositoryHasIt) {
  const WhyNot answer = why_not_in(kNode + "install podman\n", "podmann");
  EXPECT_EQ(answer.reason, WhyNot::Reason::unknown);
  EXPECT_EQ(answer.hint, "did you mean `podman`?");
}

TEST(WhyNot, ARepositoryMayNotGiveIt) {
  const WhyNot answer =
      why_not_in("repository main 500\napp 1\nrepository vendor 500 allow cuda*\ntool 1\ninstall app\n", "tool");
  EXPECT_EQ(answer.reason, WhyNot::Reason::unknown);
  EXPECT_THAT(answer.lines, ElementsAre("repository `vendor` has tool 1, but its `allow` does not name it"));
}

TEST(WhyNot, ItConflictsWithWhatIsThere) {
  const WhyNot answer = why_not_in("repository main 500\napp 1\nrival 1 Conflicts: app\ninstall app\n", "rival");
  EXPECT_EQ(answer.reason, WhyNot::Reason::impossible);
  EXPECT_THAT(answer.lines, ElementsAre("rival 1 cannot be installed", "asked for", "app is asked for by r.yaml:4:9",
                                        "it conflicts with app 1"));
}

TEST(WhyNot, TheRecipeExcludesIt) {
  const WhyNot answer = why_not_in("repository main 500\napp 1\ntool 1\ninstall app\nexclude tool\n", "tool");
  EXPECT_EQ(answer.reason, WhyNot::Reason::impossible);
  EXPECT_THAT(answer.lines, ElementsAre("tool 1 cannot be installed", "asked for", "r.yaml:5:9 excludes it"));
  EXPECT_EQ(answer.hint, "drop `tool` from packages.exclude");
}

}  // namespace
}  // namespace ainode
