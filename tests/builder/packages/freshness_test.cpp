// SPDX-License-Identifier: Apache-2.0
// What a recipe says of a repository's age, keys and need, held against a sound archive and a dead server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/packages/repositories.h"
#include "tests/mirror/loopback_mirror.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kDate = 1750000000;  // of the archives: 2025-06-15 15:06:40 UTC
constexpr std::int64_t kDay = 86400;

struct Warnings : EventSink {
  void on_event(const Event& event) override {
    const std::lock_guard lock(mutex);
    if (event.kind == Event::Kind::warning) texts.push_back(event.text);
  }
  std::mutex mutex;
  std::vector<std::string> texts;
};

class Freshness : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    mirror_ = new LoopbackMirror({"--fault", "none", "--fault", "changed-inrelease", "--fault", "down", "--fault",
                                  "lost-packages", "--date", std::to_string(kDate)});
  }
  static void TearDownTestSuite() {
    delete mirror_;
    mirror_ = nullptr;
  }
  Freshness() {
    options_.now = kDate + kDay;
    options_.keyrings = {{"debian", mirror_->keyring()}, {"debian-security", mirror_->keyring()}};
    mirrors_.fetch.back_off = std::chrono::milliseconds(1);
    serve("debian", "none");
    serve("debian-security", "none");
  }

  void serve(const char* archive, const char* fault) { mirrors_.uris[archive] = mirror_->uri(fault, archive); }
  Repository& security() { return repositories_[0]; }  // the first, so that what is left out moves the others
  Repository& main() { return repositories_[1]; }

  Candidates read() {
    return read_repositories(run_, repositories_, "amd64", mirrors_, options_, scratch_.path() / "cache");
  }
  std::string error_code() {
    try {
      read();
    } catch (const Error& error) {
      return std::string(error.code().id);
    }
    return "none";
  }
  static std::vector<std::string> names(const Candidates& candidates) {
    std::vector<std::string> names;
    for (const LockedRepository& repository : candidates.repositories) names.push_back(repository.id);
    return names;
  }
  fs::path last_seen() const { return scratch_.path() / "cache/last-seen/debian_trixie"; }

  static LoopbackMirror* mirror_;
  std::vector<Repository> repositories_ = [] {
    std::vector<Repository> made(2);
    made[0].id.value = "security";
    made[0].distribution.value = "debian-security";
    made[0].suite.value = "trixie-security";
    made[1].id.value = "main";
    made[1].distribution.value = "debian";
    made[1].suite.value = "trixie";
    for (Repository& repository : made) repository.components = {{"main", {}}};
    return made;
  }();
  TemporaryDirectory scratch_{fs::temp_directory_path()};
  Warnings events_;
  RunContext run_{events_};
  MirrorOptions options_;
  Mirrors mirrors_;
};

LoopbackMirror* Freshness::mirror_ = nullptr;

TEST_F(Freshness, OldMetadataThatIsAcceptedIsLockedAndWarnedAbout) {
  main().max_age = {kDay / 2, {}};
  EXPECT_EQ(error_code(), codes::metadata_too_old.id);
  options_.accept_stale = {"debian"};
  const Candidates candidates = read();
  EXPECT_FALSE(candidates.repositories[0].accepted_stale);
  EXPECT_TRUE(candidates.repositories[1].accepted_stale);
  EXPECT_THAT(
      events_.texts,
      ElementsAre("InRelease of debian trixie is from 2025-06-15 15:06:40 UTC, older than the 12 hours that the "
                  "recipe allows; accepted because of --accept-stale debian"));
}

TEST_F(Freshness, FreshMetadataIsNotMarkedThoughStaleWouldBeAccepted) {
  main().max_age = {2 * kDay, {}};
  options_.accept_stale = {"debian"};
  EXPECT_FALSE(read().repositories[1].accepted_stale);
  EXPECT_THAT(events_.texts, IsEmpty());
}

TEST_F(Freshness, ASnapshotMayBeOldAndIsNotRemembered) {
  options_.now = kDate + 4000 * kDay;
  main().max_age = {kDay, {}};
  main().snapshot = {kDate, {}};
  fs::create_directories(last_seen().parent_path());
  write_file(last_seen(), std::to_string(kDate + 100 * kDay) + "\n");
  EXPECT_FALSE(read().repositories[1].accepted_stale);
  EXPECT_EQ(read_file(last_seen()), std::to_string(kDate + 100 * kDay) + "\n");
  fs::remove(last_seen());
  read();
  EXPECT_FALSE(fs::exists(last_seen()));
  EXPECT_TRUE(fs::exists(last_seen().parent_path() / "debian-security_trixie-security"));
}

TEST_F(Freshness, TheRecipesKeyringIsUsedInPlaceOfTheDistributions) {
  const fs::path before = fs::current_path();
  fs::current_path(scratch_.path());
  fs::create_directory("keys");
  fs::copy_file(mirror_->keyring(), "keys/own.gpg");
  options_.keyrings["debian"] = "/nowhere/archive.gpg";
  EXPECT_EQ(error_code(), codes::keyring_missing.id);
  main().keyring.value = "keys/own.gpg";
  EXPECT_EQ(names(read()).size(), 2u);
  fs::current_path(before);
}

TEST_F(Freshness, AKeyringMayBeArmoured) {
  const std::string keys = to_base64(read_file(mirror_->keyring()));
  std::string armoured = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: of the tests\n\n";
  for (std::size_t i = 0; i < keys.size(); i += 64) armoured += keys.substr(i, 64) + "\n";
  armoured += "=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
  main().keyring.value = scratch_.path() / "vendor.asc";
  write_file(main().keyring.value, armoured);
  EXPECT_EQ(names(read()).size(), 2u);
  write_file(main().keyring.value, armoured.substr(0, armoured.size() / 2));
  EXPECT_EQ(error_code(), codes::key_malformed.id);
  armoured.replace(armoured.find("\n\n") + 2, 1, "!");
  write_file(main().keyring.value, armoured);
  EXPECT_EQ(error_code(), codes::key_malformed.id);
}

TEST_F(Freshness, WhatIsNotRequiredAndCannotBeReachedIsLeftOut) {
  serve("debian-security", "down");
  EXPECT_EQ(error_code(), codes::network_failed.id);
  security().required.value = false;
  const Candidates candidates = read();
  EXPECT_THAT(names(candidates), ElementsAre("main"));
  EXPECT_THAT(events_.texts, ElementsAre("going on without repository `security`, which the recipe does not require: "
                                         "InRelease of debian-security trixie-security: Couldn't connect to server"));
  Goal goal;
  goal.install = {{"hello", {}}};
  goal.base_system = false;
  for (const LockedPackage& package : resolve(goal, candidates)) EXPECT_EQ(package.repository, "main");
}

TEST_F(Freshness, WhatIsNotRequiredAndHasNoIndexIsLeftOut) {
  serve("debian-security", "lost-packages");
  EXPECT_EQ(error_code(), codes::network_failed.id);
  security().required.value = false;
  EXPECT_THAT(names(read()), ElementsAre("main"));
}

TEST_F(Freshness, WhatIsNotRequiredMustStillBeRightlySigned) {
  security().required.value = false;
  serve("debian-security", "changed-inrelease");
  EXPECT_EQ(error_code(), codes::signature_bad.id);
}

TEST_F(Freshness, WhatIsNotRequiredIsReadWhenItCanBe) {
  security().required.value = false;
  EXPECT_THAT(names(read()), ElementsAre("security", "main"));
  EXPECT_THAT(events_.texts, IsEmpty());
}

TEST_F(Freshness, OfflineIsNoReasonToLeaveAnythingOut) {
  security().required.value = false;
  run_.offline = true;
  EXPECT_EQ(error_code(), codes::offline.id);
}

}  // namespace
}  // namespace ainode
