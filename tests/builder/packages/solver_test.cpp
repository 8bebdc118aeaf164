// SPDX-License-Identifier: Apache-2.0
// Packages, job, expected transaction: each case is one small text.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>
#include <map>
#include <sstream>

#include "base/error.h"
#include "builder/packages/candidates.h"
#include "builder/packages/pool.h"

namespace ainode {
namespace {

using testing::ElementsAre;

/// One line a package: NAME VERSION, then fields separated by `;`.
Candidates world(const std::string& lines) {
  Candidates candidates;
  candidates.repositories.emplace_back().id = "main";
  std::string& text = candidates.data->texts.emplace_back();
  std::istringstream in(lines);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name, version, fields;
    words >> name >> version;
    std::getline(words, fields);
    std::replace(fields.begin(), fields.end(), ';', '\n');
    std::string digest = std::to_string(100 + number++);
    digest.resize(64, '0');
    text += "Package: " + name + "\nVersion: " + version + "\nArchitecture: amd64\nFilename: pool/" + name +
            "\nSize: 1\nSHA256: " + digest + "\n";
    std::istringstream split(fields);
    for (std::string field; std::getline(split, field);) {
      const std::size_t start = field.find_first_not_of(' ');
      if (start != std::string::npos) text += field.substr(start) + "\n";
    }
    text += "\n";
  }
  candidates.data->architecture = "amd64";
  candidates.data->policies = {{"main", 500, {}}};
  read_packages(text, "Packages", "amd64", 0, candidates.data->packages);
  return candidates;
}

/// Places as a recipe would have them: include on line 12, exclude on 13, pins on 14.
Goal goal(const std::vector<std::string>& install, const std::vector<std::string>& exclude = {}) {
  Goal goal;
  goal.image = "test";
  int column = 14;
  for (const auto& name : install) goal.install.push_back({name, {"r.yaml", 12, column++, 1, ""}});
  for (const auto& name : exclude) goal.exclude.push_back({name, {"r.yaml", 13, 14, 1, ""}});
  return goal;
}

std::vector<std::string> solve(const Goal& goal, const std::string& lines) {
  const Candidates candidates = world(lines);
  std::vector<std::string> names;
  for (const auto& package : resolve(goal, candidates)) names.push_back(package.name + " " + package.version);
  return names;
}

std::vector<std::string> solve_sorted(const Goal& goal, const std::string& lines) {
  auto names = solve(goal, lines);
  std::sort(names.begin(), names.end());
  return names;
}

/// Runs `body` on a stack of 256 KiB: recursion along a chain of packages would overflow it.
void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, std::size_t{256} << 10), 0);
  pthread_t thread = {};
  const auto run = [](void* body) -> void* {
    (*static_cast<std::function<void()>*>(body))();
    return nullptr;
  };
  const int started = pthread_create(&thread, &attributes, run, &body);
  pthread_attr_destroy(&attributes);
  ASSERT_EQ(started, 0);
  pthread_join(thread, nullptr);
}

std::string error_of(const Goal& goal, const std::string& lines) {
  try {
    solve(goal, lines);
  } catch (const Error& error) {
    return render(error);
  }
  return "no error";
}

TEST(Resolve, PutsDependenciesFirst) {
  EXPECT_THAT(solve(goal({"app"}), "app 1 Depends: lib\nlib 1 Pre-Depends: core\ncore 1\nother 1\n"),
              ElementsAre("core 1", "lib 1", "app 1"));
}

TEST(Resolve, TakesTheFirstAlternativeAsAptDoes) {
  const std::string lines = "app 1 Depends: zebra | ant\nant 1\nzebra 1\n";
  EXPECT_THAT(solve(goal({"app"}), lines), ElementsAre("zebra 1", "app 1"));
}

TEST(Resolve, TakesAnotherAlternativeOnlyWhenTheFirstCannotBe) {
  const std::string lines = "app 1 Depends: zebra | ant\nant 1\nzebra 1 Conflicts: app\n";
  EXPECT_THAT(solve(goal({"app"}), lines), ElementsAre("ant 1", "app 1"));
}

TEST(Resolve, KeepsTheFirstAlternativeThoughAnotherIsThere) {
  const std::string lines = "app 1 Depends: gnupg | gpg\ngnupg 1 Depends: gpg\ngpg 1\n";
  EXPECT_THAT(solve_sorted(goal({"app"}), lines), ElementsAre("app 1", "gnupg 1", "gpg 1"));
}

TEST(Resolve, PrefersTheRealPackageToAProvider) {
  const std::string lines = "app 1 Depends: mail\nalpha 1 Provides: mail\nmail 1\n";
  EXPECT_THAT(solve_sorted(goal({"app"}), lines), ElementsAre("app 1", "mail 1"));
}

TEST(Resolve, PrefersTheProviderOfHigherPriority) {
  const std::string lines =
      "app 1 Depends: awk\ngawk 1 Provides: awk\nmawk 1 Provides: awk; Priority: important\nzawk 1 Provides: awk\n";
  EXPECT_THAT(solve_sorted(goal({"app"}), lines), ElementsAre("app 1", "mawk 1"));
}

TEST(Resolve, AnUnversionedProvideMeetsNoVersion) {
  EXPECT_EQ(error_of(goal({"app"}), "app 1 Depends: mail (>= 1)\nalpha 2 Provides: mail\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 1 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ it depends on mail >= 1, which no repository has\n"
            "  = help: drop `app` from packages.include, or add a repository\n");
}

TEST(Resolve, TakesTheNewestVersion) {
  EXPECT_THAT(solve(goal({"app"}), "app 1.9\napp 1.10\napp 1.10~rc1\n"), ElementsAre("app 1.10"));
}

TEST(Resolve, NeverFallsBackToAnOlderVersion) {
  EXPECT_EQ(error_of(goal({"app"}), "app 1\napp 2 Depends: lib (>= 9)\nlib 1\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 2 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ it depends on lib >= 9, which no repository has\n"
            "  = help: drop `app` from packages.include, or add a repository\n");
}

TEST(Resolve, AddsTheBaseSystem) {
  const std::string lines = "app 1\nbase 1 Essential: yes\nneeded 1 Priority: required\nextra 1 Priority: important\n";
  EXPECT_THAT(solve_sorted(goal({"app"}), lines), ElementsAre("app 1", "base 1", "needed 1"));
}

TEST(Resolve, ToolsHaveNoBaseSystem) {
  Goal tools = goal({"app"});
  tools.base_system = false;
  EXPECT_THAT(solve(tools, "app 1\nbase 1 Essential: yes\n"), ElementsAre("app 1"));
}

TEST(Resolve, ExcludesFromTheBaseSystem) {
  EXPECT_THAT(solve_sorted(goal({"app"}, {"base"}), "app 1\nbase 1 Essential: yes\n"), ElementsAre("app 1"));
}

/// A chain of any length: a signed index decides, and this thread's stack must not.
TEST(Resolve, AChainOfAnyLengthFitsASmallStack) {
  constexpr int kLength = 100'000;
  std::string lines;
  for (int i = 0; i < kLength; ++i) {
    lines += fmt::format("p{} 1 {}: p{}\n", i, i % 2 == 0 ? "Depends" : "Recommends", i + 1);
  }
  lines += fmt::format("p{} 1\n", kLength);
  Goal asked = goal({"p0"});
  asked.recommends = true;
  std::size_t found = 0;
  on_small_stack([&] { found = solve(asked, lines).size(); });
  EXPECT_EQ(found, kLength + 1);
}

TEST(Resolve, AChainOfAnyLengthThatBreaksIsToldInTwentyLines) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += fmt::format("p{} 1 Depends: p{}\n", i, i + 1);
  std::string told;
  on_small_stack([&] { told = error_of(goal({"p0"}), lines); });
  EXPECT_EQ(told.substr(0, told.find('\n')), "error[S0002]: no set of packages satisfies image `test`") << told;
  EXPECT_LE(std::count(told.begin(), told.end(), '\n'), 22);
}

TEST(Resolve, FollowsRecommendsOnlyWhenAsked) {
  const std::string lines = "app 1 Recommends: docs | manual\ndocs 1 Recommends: viewer\nmanual 1\nviewer 1\n";
  EXPECT_THAT(solve(goal({"app"}), lines), ElementsAre("app 1"));
  Goal with = goal({"app"});
  with.recommends = true;
  EXPECT_THAT(solve_sorted(with, lines), ElementsAre("app 1", "docs 1", "viewer 1"));
}

TEST(Resolve, ARecommendationThatCannotBeIsLeftOut) {
  Goal with = goal({"app"}, {"docs"});
  with.recommends = true;
  EXPECT_THAT(solve(with, "app 1 Recommends: docs\ndocs 1\n"), ElementsAre("app 1"));
}

TEST(Resolve, KeepsThePinnedVersion) {
  Goal pinned = goal({"app"});
  pinned.pins["lib"] = {"1.*", {"r.yaml", 14, 10, 1, ""}};
  EXPECT_THAT(solve(pinned, "app 1 Depends: lib\nlib 1.0\nlib 1.5\nlib 2.0\n"), ElementsAre("lib 1.5", "app 1"));
}

TEST(Resolve, NamesThePinThatForbidsEveryVersion) {
  Goal pinned = goal({"app"});
  pinned.pins["lib"] = {"3.*", {"r.yaml", 14, 10, 1, ""}};
  EXPECT_EQ(error_of(pinned, "app 1 Depends: lib\nlib 1.5\nlib 2.0\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 1 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ it depends on lib, which r.yaml:14:10 pins to `3.*`\n"
            "  = help: loosen the pin of `lib`: the repositories have 2.0, 1.5\n");
}

TEST(Resolve, NamesTheLineThatExcludesADependency) {
  EXPECT_EQ(error_of(goal({"app"}, {"dkms"}), "app 550.163.01-2 Depends: dkms\ndkms 3\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 550.163.01-2 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ it depends on dkms, which r.yaml:13:14 excludes\n"
            "  = help: drop `dkms` from packages.exclude\n");
}

TEST(Resolve, NamesTheLineThatExcludesWhatIsAskedFor) {
  EXPECT_EQ(error_of(goal({"app"}, {"app"}), "app 1\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 1 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ r.yaml:13:14 excludes it\n"
            "  = help: drop `app` from packages.exclude\n");
}

TEST(Resolve, SaysThatOnlyTheNewestVersionCounts) {
  EXPECT_EQ(error_of(goal({"app"}), "app 1 Depends: lib (<< 2)\nlib 1\nlib 2\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × app 1 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ╰─▶ it depends on lib << 2, but the newest lib is 2\n"
            "  = help: drop `app` from packages.include, or add a repository\n");
}

TEST(Resolve, NamesBothSidesOfAConflict) {
  EXPECT_EQ(error_of(goal({"left", "app"}), "app 1 Depends: right\nleft 1 Conflicts: right\nright 1\n"),
            "error[S0002]: no set of packages satisfies image `test`\n"
            "  × left 1 cannot be installed\n"
            "  ├─▶ asked for by r.yaml:12:14\n"
            "  ├─▶ app is asked for by r.yaml:12:15\n"
            "  ├─▶ app 1 depends on right\n"
            "  ╰─▶ it conflicts with right 1\n"
            "  = help: drop `left` or `app` from packages.include\n");
}

TEST(Resolve, ExplainsInTwentyLinesAtMost) {
  std::string lines = "app 1 Depends: lib0\n";
  for (int i = 0; i < 40; ++i) lines += fmt::format("lib{} 1 Depends: lib{}\n", i, i + 1);
  const std::string text = error_of(goal({"app"}), lines + "lib40 1 Conflicts: app\n");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 22) << text;
  EXPECT_THAT(text, testing::HasSubstr("more reasons"));
}

TEST(Resolve, SuggestsANearName) {
  EXPECT_EQ(error_of(goal({"systemd-sisv"}), "systemd-sysv 1\n"),
            "error[S0001]: no repository has a package `systemd-sisv`\n"
            "    ┌─ r.yaml:12:14\n"
            "  = help: did you mean `systemd-sysv`?\n");
}

TEST(Resolve, NamesTheProvidersOfAVirtualName) {
  EXPECT_EQ(error_of(goal({"awk"}), "gawk 1 Provides: awk\nmawk 1 Provides: awk\n"),
            "error[S0001]: no repository has a package `awk`\n"
            "    ┌─ r.yaml:12:14\n"
            "  = help: `awk` is virtual; name a package that provides it: gawk, mawk\n");
}

TEST(Resolve, NamesEveryUnknownPackageAtOnce) {
  try {
    solve(goal({"first", "app", "second"}), "app 1\n");
    FAIL() << "resolved";
  } catch (const Errors& errors) {
    ASSERT_EQ(errors.all().size(), 2u);
    EXPECT_EQ(errors.all()[1].message(), "no repository has a package `second`");
  }
}

TEST(Resolve, ACycleSucceedsInAStableOrder) {
  const std::string lines = "app 1 Depends: lib\nlib 1 Depends: data\ndata 1 Depends: lib\n";
  const auto once = solve(goal({"app"}), lines);
  EXPECT_EQ(once.size(), 3u);
  EXPECT_EQ(once.back(), "app 1");
  EXPECT_EQ(solve(goal({"app"}), lines), once);
}

TEST(Resolve, TakesAnyArchitectureOnlyWhereAllowed) {
  EXPECT_THAT(solve(goal({"app"}), "app 1 Depends: python:any\npython 3 Multi-Arch: allowed\n"),
              ElementsAre("python 3", "app 1"));
  EXPECT_THAT(error_of(goal({"app"}), "app 1 Depends: python:any\npython 3\n"),
              testing::HasSubstr("it depends on python:any, which no repository has"));
}

TEST(Resolve, RefusesAMalformedDependency) {
  EXPECT_EQ(error_of(goal({"app"}), "app 1 Depends: lib (>= )\n"),
            "error[P0007]: package `app` has a malformed dependency: lib (>= )\n");
}

std::map<std::string, std::string> layers(const Goal& goal, const std::string& lines) {
  const Candidates candidates = world(lines);
  std::map<std::string, std::string> layers;
  for (const LockedPackage& package : resolve(goal, candidates)) layers[package.name] = package.layer;
  return layers;
}

TEST(Layers, TheBaseLayerIsWhatTheBaseSystemNeedsWhateverElseIsAsked) {
  const std::string lines =
      "base-files 1 Essential: yes;Depends: awk | gawk\n"
      "awk 1 Depends: libm\nlibm 1\ngawk 1\nnode 1 Depends: libm, extra\nextra 1\n";
  using Layers = std::map<std::string, std::string>;
  EXPECT_EQ(layers(goal({"node"}), lines),
            (Layers{{"base-files", "base"}, {"awk", "base"}, {"libm", "base"}, {"node", "node"}, {"extra", "node"}}));
  // Another alternative that is there for its own sake does not move into the base.
  EXPECT_EQ(layers(goal({"gawk", "awk"}), lines),
            (Layers{{"base-files", "base"}, {"awk", "base"}, {"libm", "base"}, {"gawk", "node"}}));
}

TEST(Layers, ToolsAreOfTheirOwn) {
  Goal tools = goal({"node"});
  tools.base_system = false;
  EXPECT_EQ(layers(tools, "node 1 Depends: extra\nextra 1\n"),
            (std::map<std::string, std::string>{{"node", "tools"}, {"extra", "tools"}}));
}

TEST(Layers, OfADocumentHoldWhatItAsksForAndNeeds) {
  Goal image = goal({"server", "debugger"});
  image.levels = {{"bottom", {"server", "not-in-the-archive"}, false}, {"top", {"server", "debugger"}, false}};
  EXPECT_EQ(
      layers(image,
             "base 1 Essential: yes\n"
             "server 1 Depends: library\n"
             "library 1\n"
             "debugger 1 Depends: library, symbols\n"
             "symbols 1\n"),
      (std::map<std::string, std::string>{
          {"base", "base"}, {"debugger", "top"}, {"library", "bottom"}, {"server", "bottom"}, {"symbols", "top"}}));
}

TEST(Layers, ADocumentsRecommendsBelongToItsLayerAndNotToALaterOne) {
  Goal image = goal({"server", "debugger"});
  image.recommends = true;
  image.levels = {{"bottom", {"server"}, false}, {"middle", {"server"}, true}, {"top", {"server", "debugger"}, true}};
  EXPECT_EQ(layers(image,
                   "base 1 Essential: yes;Recommends: manual\n"
                   "manual 1\n"
                   "server 1 Recommends: monitor\n"
                   "monitor 1 Depends: graphs\n"
                   "graphs 1\n"
                   "debugger 1 Recommends: symbols\n"
                   "symbols 1\n"),
            (std::map<std::string, std::string>{{"base", "base"},
                                                {"server", "bottom"},
                                                {"manual", "middle"},
                                                {"monitor", "middle"},
                                                {"graphs", "middle"},
                                                {"debugger", "top"},
                                                {"symbols", "top"}}));
}

TEST(Layers, OfTheSameNameStayApart) {
  Goal image = goal({"one", "two", "three"});
  image.levels = {{"base", {"one"}, false}, {"node", {"one", "two"}, false}, {"node", {"three"}, false}};
  EXPECT_EQ(
      layers(image, "system 1 Essential: yes\none 1\ntwo 1\nthree 1\n"),
      (std::map<std::string, std::string>{{"system", "base"}, {"one", "base'"}, {"two", "node"}, {"three", "node'"}}));
}

/// "part: package package …" in configuration order.
std::vector<std::string> parts(const Goal& goal, const std::string& lines) {
  std::vector<std::string> parts;
  std::string layer;
  for (const LockedPackage& package : resolve(goal, world(lines))) {
    if (package.layer != layer) parts.push_back(package.layer + ":");
    layer = package.layer;
    parts.back() += " " + package.name;
  }
  return parts;
}

TEST(Layers, LongOnesAreCutIntoPartsEachAboveWhatItNeeds) {
  // leaf00 … leaf69 need circle-a and circle-b, which need each other and the library.
  std::string lines =
      "system 1 Essential: yes\nlibrary 1\ncircle-a 1 Depends: circle-b\n"
      "circle-b 1 Depends: library, circle-a\n";
  Goal image = goal({});
  std::string first = "node: library circle-a circle-b", second = "node/2:";
  for (int i = 0; i < 70; ++i) {
    const std::string leaf = (i < 10 ? "leaf0" : "leaf") + std::to_string(i);
    lines += leaf + " 1 Depends: circle-a\n";
    image.install.push_back({leaf, {}});
    (i < 45 ? first : second) += " " + leaf;
  }
  EXPECT_EQ(parts(image, lines), (std::vector<std::string>{"base: system", first, second}));
}

TEST(Layers, ArePlannedOnASmallStackForAChainOfAnyLength) {
  std::string lines = "system 1 Essential: yes\n";
  constexpr int kLength = 20000;
  for (int i = 0; i < kLength; ++i)
    lines += "link" + std::to_string(i) + " 1 Depends: link" + std::to_string((i + 1) % kLength) + "\n";
  std::size_t count = 0;
  // All in one circle: one part that is not cut.
  on_small_stack([&] { count = parts(goal({"link0"}), lines).size(); });
  EXPECT_EQ(count, 2U);
}

}  // namespace
}  // namespace ainode
