// SPDX-License-Identifier: Apache-2.0
// Which version of a name counts and which provider is taken, as apt's preferences have it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "builder/packages/release.h"
#include "tests/builder/packages/world.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::string& text) {
  try {
    solved(text);
  } catch (const Error& error) {
    return render(error);
  }
  return "no error";
}

Release release_with(const std::string& fields) {
  return parse_release("Origin: X\nDate: Sat, 15 Mar 2025 10:11:12 UTC\n" + fields + "SHA256:\n", "InRelease");
}

TEST(Policy, DefaultsToWhatTheReleaseAsksFor) {
  const Repository repository;
  EXPECT_EQ(policy_of(repository, release_with("")).priority, 500);
  EXPECT_EQ(policy_of(repository, release_with("NotAutomatic: yes\n")).priority, 1);
  EXPECT_EQ(policy_of(repository, release_with("NotAutomatic: yes\nButAutomaticUpgrades: yes\n")).priority, 100);
  EXPECT_EQ(policy_of(repository, release_with("ButAutomaticUpgrades: yes\n")).priority, 500);
  EXPECT_EQ(policy_of(repository, release_with("NotAutomatic: no\n")).priority, 500);
}

TEST(Policy, TheRecipesPriorityComesFirst) {
  Repository repository;
  repository.id.value = "backports";
  repository.priority = Located<int>{600, {}};
  const RepositoryPolicy policy = policy_of(repository, release_with("NotAutomatic: yes\n"));
  EXPECT_EQ(policy.priority, 600);
  EXPECT_EQ(policy.id, "backports");
}

TEST(Policy, AllowNamesPackagesByGlob) {
  RepositoryPolicy policy;
  EXPECT_TRUE(policy.allows("libc6"));
  policy.allow = {{"cuda-*", {}}, {"libnccl?", {}}};
  EXPECT_TRUE(policy.allows("cuda-toolkit-13"));
  EXPECT_TRUE(policy.allows("libnccl2"));
  EXPECT_FALSE(policy.allows("libc6"));
  EXPECT_FALSE(policy.allows("libnccl-dev"));
}

TEST(Candidate, TheHigherVersionAmongEqualPriorities) {
  EXPECT_THAT(solved("repository main 500\napp 1.9\nrepository security 500\napp 1.10\ninstall app\n"),
              ElementsAre("app 1.10 from security"));
}

TEST(Candidate, TheHigherPriorityBeforeTheHigherVersion) {
  EXPECT_THAT(solved("repository main 500\napp 1\nrepository backports 100\napp 2\ninstall app\n"),
              ElementsAre("app 1 from main"));
  EXPECT_THAT(solved("repository main 500\napp 2\nrepository vendor 990\napp 1\ninstall app\n"),
              ElementsAre("app 1 from vendor"));
}

TEST(Candidate, OfLowPriorityWhereItIsTheOnlyOne) {
  EXPECT_THAT(solved("repository main 500\nlib 1\nrepository backports 100\napp 2 Depends: lib\ninstall app\n"),
              ElementsAre("app 2 from backports", "lib 1 from main"));
  EXPECT_THAT(solved("repository experimental 1\napp 2\ninstall app\n"), ElementsAre("app 2 from experimental"));
}

TEST(Candidate, NeverOfPriorityZeroOrBelow) {
  for (const char* priority : {"0", "-1"}) {
    const std::string text = std::string("repository x ") + priority + "\napp 2\ninstall app\n";
    EXPECT_THAT(error_of(text), HasSubstr("2 from repository `x` (priority " + std::string(priority) + ")"));
  }
  EXPECT_THAT(solved("repository main 500\napp 1\nrepository x -1\napp 2\ninstall app\n"),
              ElementsAre("app 1 from main"));
}

TEST(Candidate, AVersionHasTheHighestPriorityOfItsRepositories) {
  EXPECT_THAT(solved("repository main 500\napp 1\nrepository backports 100\napp 2\nrepository new 500\napp 2\n"
                     "install app\n"),
              ElementsAre("app 2 from new"));
}

TEST(Candidate, APinOverridesEveryPriority) {
  const std::string text = "repository main 500\napp 1\nrepository backports 100\napp 2\nrepository x -1\napp 3\n";
  EXPECT_THAT(solved(text + "install app\npin app 2\n"), ElementsAre("app 2 from backports"));
  EXPECT_THAT(solved(text + "install app\npin app 3*\n"), ElementsAre("app 3 from x"));
  EXPECT_THAT(solved(text + "install app\npin app [12]\n"), ElementsAre("app 2 from backports"));
}

TEST(Candidate, APinnedVersionIsPreferredLikeAnyCandidate) {
  const std::string text =
      "repository main 500\napp 1 Depends: lib (>= 2) | other\nlib 1\nother 1\nrepository backports 100\nlib 2\n"
      "install app\n";
  EXPECT_THAT(solved(text), ElementsAre("app 1 from main", "other 1 from main"));
  EXPECT_THAT(solved(text + "pin lib 2\n"), ElementsAre("app 1 from main", "lib 2 from backports"));
}

TEST(Candidate, OfAnotherVersionIsNoSilentWayOut) {
  // libsolv alone would take lib 2 from backports.
  EXPECT_THAT(error_of("repository main 500\napp 1 Depends: lib (>= 2)\nlib 1\nrepository backports 100\nlib 2\n"
                       "install app\n"),
              HasSubstr("the candidate of lib is 1 from repository `main` (priority 500), not 2 from repository "
                        "`backports` (priority 100)"));
}

TEST(Candidate, OnlyTheReasonThatCountsIsGiven) {
  // An older lib is ruled out, too, but the newest one conflicts: that is the reason.
  const std::string text = error_of(
      "repository main 500\napp 1 Depends: lib\nlib 1\nlib 2 Conflicts: tool\ntool 1\ninstall app\ninstall tool\n");
  EXPECT_THAT(text, HasSubstr("depends on lib\n"));
  EXPECT_THAT(text, HasSubstr("lib 2 conflicts with tool 1"));
}

TEST(Allow, HidesWhatAVendorMustNotReplace) {
  const std::string vendor = "libc6 99\ncuda 1 Depends: libc6\ninstall cuda\n";
  EXPECT_THAT(solved("repository main 500\nlibc6 2\nrepository vendor 990 allow cuda*\n" + vendor),
              ElementsAre("cuda 1 from vendor", "libc6 2 from main"));
  EXPECT_THAT(solved("repository main 500\nlibc6 2\nrepository vendor 990\n" + vendor),
              ElementsAre("cuda 1 from vendor", "libc6 99 from vendor"));
}

TEST(Allow, HidesWhatAVendorProvidesUnderAnotherName) {
  EXPECT_THAT(error_of("repository main 500\napp 1 Depends: awk\nrepository vendor 500 allow cuda*\n"
                       "vawk 1 Provides: awk\ninstall app\n"),
              HasSubstr("it depends on awk, which no repository has"));
}

TEST(Allow, APinDoesNotLiftIt) {
  EXPECT_THAT(error_of("repository main 500\nlibc6 2\nrepository vendor 500 allow cuda*\nlibc6 99\n"
                       "install libc6\npin libc6 99\n"),
              HasSubstr("pins it to `99`"));
}

TEST(TwoContents, AreRefusedForACandidateAndForAPin) {
  const std::string both = "repository main 500\napp 1\nrepository vendor 500\napp 1 Content: other\n";
  EXPECT_THAT(error_of(both + "install app\n"), HasSubstr("has two different contents in the repositories `main` and"));
  const std::string older = both + "repository new 500\napp 2\n";
  EXPECT_THAT(solved(older + "install app\n"), ElementsAre("app 2 from new"));
  EXPECT_THAT(error_of(older + "install app\npin app 1\n"), HasSubstr("has two different contents"));
}

TEST(Provider, ProtectedComesBeforePriority) {
  EXPECT_THAT(solved("repository main 500\napp 1 Depends: boot\ngrub 1 Provides: boot; Priority: required\n"
                     "shim 1 Provides: boot; Protected: yes\ninstall app\n"),
              ElementsAre("app 1 from main", "shim 1 from main"));
  EXPECT_THAT(solved("repository main 500\napp 1 Depends: boot\ngrub 1 Provides: boot; Essential: yes\n"
                     "shim 1 Provides: boot; Important: yes\ninstall app\n"),
              ElementsAre("app 1 from main", "grub 1 from main"));
}

TEST(Provider, TheNameThatWasMetLaterBreaksATie) {
  const std::string providers = "cni 1 Provides: network\nnetavark 1 Provides: network\n";
  EXPECT_THAT(solved("repository main 500\napp 1 Depends: network\n" + providers + "install app\n"),
              ElementsAre("app 1 from main", "netavark 1 from main"));
  // The mention in a suggestion of the first stanza lets apt meet netavark before cni.
  EXPECT_THAT(solved("repository main 500\naardvark 1 Suggests: netavark\napp 1 Depends: network\n" + providers +
                     "install app\n"),
              ElementsAre("app 1 from main", "cni 1 from main"));
}

TEST(BaseSystem, ProtectedAloneIsNotInstalled) {
  EXPECT_THAT(solved("repository main 500\napp 1\nbase 1 Essential: yes\nneeded 1 Priority: required\n"
                     "shim 1 Protected: yes\nlogin 1 Important: yes\ninstall app\nbase-system\n"),
              ElementsAre("app 1 from main", "base 1 from main", "needed 1 from main"));
}

TEST(Versions, ConflictsBreaksAndProvidesRespectTheirs) {
  EXPECT_THAT(solved("repository main 500\napp 1 Breaks: lib (<< 2)\nlib 2\ninstall app\ninstall lib\n"),
              ElementsAre("app 1 from main", "lib 2 from main"));
  EXPECT_THAT(error_of("repository main 500\napp 1 Breaks: lib (<< 2)\nlib 1\ninstall app\ninstall lib\n"),
              HasSubstr("conflicts with lib 1"));
  EXPECT_THAT(error_of("repository main 500\napp 1 Conflicts: lib (= 1)\nlib 1\ninstall app\ninstall lib\n"),
              HasSubstr("conflicts with lib 1"));
  EXPECT_THAT(solved("repository main 500\napp 1 Depends: mail (>= 2)\nalpha 1 Provides: mail (= 1)\n"
                     "beta 1 Provides: mail (= 2)\ninstall app\n"),
              ElementsAre("app 1 from main", "beta 1 from main"));
  // Replaces alone is no conflict; with Conflicts on what both provide it is the usual swap of one for the other.
  EXPECT_THAT(solved("repository main 500\napp 1 Replaces: lib (<< 2)\nlib 1\ninstall app\ninstall lib\n"),
              ElementsAre("app 1 from main", "lib 1 from main"));
  EXPECT_THAT(solved("repository main 500\nexim 1 Provides: mta; Conflicts: mta; Replaces: mta\ninstall exim\n"),
              ElementsAre("exim 1 from main"));
}

TEST(Recommends, OneWhoseRecommenderGaveWayGoesToo) {
  // The kernel's first alternative recommends busybox; the boot package then recommends what conflicts with it.
  EXPECT_THAT(solved("repository main 500\nkernel 1 Depends: initramfs | ramdisk\n"
                     "initramfs 1 Recommends: busybox; Conflicts: ramdisk; Provides: ramdisk\nbusybox 1\n"
                     "dracut 1 Provides: ramdisk; Conflicts: initramfs\nboot 1 Depends: dracut\n"
                     "install kernel\ninstall boot\nrecommends\n"),
              ElementsAre("boot 1 from main", "dracut 1 from main", "kernel 1 from main"));
}

TEST(Recommends, AreDecidedDepthFirst) {
  // What `first` leads to decides between curl and wget before `second` is looked at.
  EXPECT_THAT(solved("repository main 500\nfirst 1 Depends: deep\ndeep 1 Recommends: curl | wget\n"
                     "second 1 Recommends: wget | curl\ncurl 1\nwget 1\ninstall first\ninstall second\nrecommends\n"),
              ElementsAre("curl 1 from main", "deep 1 from main", "first 1 from main", "second 1 from main"));
}

}  // namespace
}  // namespace ainode
