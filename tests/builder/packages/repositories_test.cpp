// SPDX-License-Identifier: Apache-2.0
// The whole chain from a mirror to .deb files, against loopback archives that are each broken in one way.
#include "builder/packages/repositories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "tests/mirror/loopback_mirror.h"

namespace ainode {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

Repository repository(const char* id, const char* distribution, const char* suite, int line) {
  Repository made;
  made.id.value = id;
  made.distribution = {distribution, {"r.yaml", line, 24, 6, ""}};
  made.suite = {suite, {"r.yaml", line, 40, 6, ""}};
  made.components = {{"main", {"r.yaml", line, 60, 4, ""}}};
  return made;
}

struct Collected : EventSink {
  void on_event(const Event& event) override {
    const std::lock_guard lock(mutex);
    if (event.kind == Event::Kind::warning) warnings.push_back(event.text);
  }
  std::mutex mutex;
  std::vector<std::string> warnings;
};

class Repositories : public testing::Test {
 protected:
  static void SetUpTestSuite() { mirror_ = new LoopbackMirror({"--fault", "all"}); }
  static void TearDownTestSuite() {
    delete mirror_;
    mirror_ = nullptr;
  }

  Mirrors mirrors(const std::string& fault) const {
    Mirrors mirrors;
    for (const char* archive : {"debian", "debian-security"}) mirrors.uris[archive] = mirror_->uri(fault, archive);
    return mirrors;
  }

  Candidates read(const std::string& fault) {
    options_.keyrings = {{"debian", mirror_->keyring()}, {"debian-security", mirror_->keyring()}};
    return read_repositories(run_, repositories_, "amd64", mirrors(fault), options_, scratch_.path() / "cache");
  }

  void expect_refused(const std::string& fault, const ErrorCode& code, const std::string& message) {
    try {
      read(fault);
      ADD_FAILURE() << fault << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code().id, code.id);
      EXPECT_THAT(error.message(), HasSubstr(message));
      EXPECT_NE(error.hint(), "");
    }
    EXPECT_THAT(indices_kept(), IsEmpty());
  }

  std::vector<std::string> indices_kept() const {
    std::vector<std::string> names;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(scratch_.path() / "cache/indices", missing)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::vector<LockedPackage> resolve_hello(const Candidates& candidates) {
    Goal goal;
    goal.install = {{"hello", {}}};
    return resolve(goal, candidates);
  }

  static LoopbackMirror* mirror_;
  std::vector<Repository> repositories_ = {repository("main", "debian", "trixie", 7),
                                           repository("security", "debian-security", "trixie-security", 8)};
  TemporaryDirectory scratch_{fs::temp_directory_path()};
  Collected events_;
  RunContext run_{events_};
  MirrorOptions options_;
};

LoopbackMirror* Repositories::mirror_ = nullptr;

TEST_F(Repositories, ResolveAndFetchFromAGoodMirror) {
  const Candidates candidates = read("none");
  const auto packages = resolve_hello(candidates);
  std::vector<std::string> names;
  for (const auto& package : packages) names.push_back(package.str() + " " + package.repository);
  EXPECT_THAT(names,
              testing::UnorderedElementsAre("base-files 13.8 (amd64) main", "libc6 2.41-12+deb13u1 (amd64) security",
                                            "hello 2.10-5 (amd64) main"));
  EXPECT_EQ(candidates.repositories[1].label, "Debian-Security");
  EXPECT_EQ(candidates.repositories[0].signer.size(), 40u);
  EXPECT_GT(candidates.newest_date, 0);
  const auto paths = fetch_packages(run_, packages, candidates.repositories, mirrors("none"), scratch_.path() / "debs");
  ASSERT_EQ(paths.size(), 3u);
  for (const auto& [digest, path] : paths) EXPECT_EQ(sha256_hex_of_file(path), digest);
}

TEST_F(Repositories, VerifiedIndicesAreReadFromTheCache) {
  read("none");
  const auto kept = indices_kept();
  ASSERT_EQ(kept.size(), 2u);
  fs::remove_all(scratch_.path() / "cache/pools");
  const auto packages = resolve_hello(read("truncated-packages"));  // its indices are the same, when whole
  EXPECT_EQ(packages.size(), 3u);
}

TEST_F(Repositories, ADamagedCacheEntryIsFetchedAgain) {
  read("none");
  for (const auto& name : indices_kept()) write_file(scratch_.path() / "cache/indices" / name, "damaged");
  fs::remove_all(scratch_.path() / "cache/pools");
  EXPECT_EQ(resolve_hello(read("none")).size(), 3u);
}

TEST_F(Repositories, AKeptPoolStandsForItsIndices) {
  const auto cold = resolve_hello(read("none"));
  fs::remove_all(scratch_.path() / "cache/indices");
  const auto warm = resolve_hello(read("none"));
  EXPECT_THAT(indices_kept(), IsEmpty());  // nothing was read from the mirror but InRelease
  ASSERT_EQ(warm.size(), cold.size());
  for (std::size_t i = 0; i < cold.size(); ++i) {
    EXPECT_EQ(warm[i].str(), cold[i].str());
    EXPECT_EQ(warm[i].sha256, cold[i].sha256);
    EXPECT_EQ(warm[i].path, cold[i].path);
    EXPECT_EQ(warm[i].repository, cold[i].repository);
  }
}

TEST_F(Repositories, ADamagedPoolIsMadeAnew) {
  read("none");
  for (const auto& entry : fs::directory_iterator(scratch_.path() / "cache/pools")) {
    std::string bytes = read_file(entry.path());
    bytes[bytes.size() / 2] ^= 1;
    write_file(entry.path(), bytes);
  }
  EXPECT_EQ(resolve_hello(read("none")).size(), 3u);
}

TEST_F(Repositories, AnAllowListKeepsTheOtherPackagesOut) {
  repositories_[1].allow = {{"hello*", {}}};
  for (const auto& package : resolve_hello(read("none"))) EXPECT_EQ(package.repository, "main");
}

TEST_F(Repositories, APriorityOfTheRecipeDecides) {
  EXPECT_EQ(resolve_hello(read("none"))[1].version, "2.41-12+deb13u1");
  repositories_[1].priority = Located<int>{100, {}};
  EXPECT_EQ(resolve_hello(read("none"))[1].version, "2.41-12");
}

TEST_F(Repositories, UnknownSuiteNamesTheRecipesLine) {
  try {
    read("unknown-suite");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::unknown_suite.id);
    EXPECT_EQ(error.message(), "debian has no suite `trixie`");
    EXPECT_EQ(error.place()->str(), "r.yaml:7:40");
  }
}

TEST_F(Repositories, UnknownComponentNamesTheRecipesLine) {
  repositories_[1].components[0].value = "contrib";
  try {
    read("none");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "debian-security trixie-security has no component `contrib`");
    EXPECT_EQ(error.place()->str(), "r.yaml:8:60");
    EXPECT_EQ(error.hint(), "its components: main");
  }
}

TEST_F(Repositories, AChangedByteIsRefused) {
  expect_refused("changed-inrelease", codes::signature_bad, "InRelease of debian trixie does not fit its signature");
}

TEST_F(Repositories, AForeignKeyIsRefused) {
  expect_refused("foreign-key", codes::signer_unknown, "InRelease of debian trixie is signed by key ");
}

TEST_F(Repositories, UnsignedMetadataIsRefused) {
  expect_refused("unsigned", codes::signature_missing, "InRelease of debian trixie is not signed");
}

TEST_F(Repositories, TextOutsideTheArmourIsRefused) {
  expect_refused("text-before", codes::metadata_unsigned_text, "InRelease of debian trixie holds text before");
  expect_refused("text-after", codes::metadata_unsigned_text, "InRelease of debian trixie holds text after");
}

TEST_F(Repositories, ALoginPageIsRefused) {
  expect_refused("html", codes::signature_missing, "InRelease of debian trixie is not signed");
}

TEST_F(Repositories, ExpiredMetadataIsRefused) {
  expect_refused("expired", codes::metadata_expired, "InRelease of debian trixie expired at ");
}

TEST_F(Repositories, ExpiredMetadataIsAcceptedWhenToldAndSaidSo) {
  options_.accept_stale = {"debian", "debian-security"};
  const Candidates candidates = read("expired");
  EXPECT_TRUE(candidates.repositories[0].accepted_stale);
  EXPECT_THAT(events_.warnings, Contains(HasSubstr("accepted because of --accept-stale debian")));
}

TEST_F(Repositories, AClockYearsOffIsToldApart) {
  expect_refused("future-date", codes::clock_wrong, "this machine's clock says ");
}

TEST_F(Repositories, AnotherArchiveIsRefused) {
  expect_refused("wrong-origin", codes::metadata_wrong_origin, "says Origin `Elsewhere`, not `Debian`");
}

TEST_F(Repositories, WeakHashesAreRefused) {
  expect_refused("weak-hash", codes::metadata_weak_hash, "InRelease of debian trixie names no SHA-256");
}

TEST_F(Repositories, ATruncatedIndexIsRefused) {
  // Both archives are cut and fetched side by side: whichever is noticed first is named.
  expect_refused("truncated-packages", codes::size_mismatch, " main: got ");
}

TEST_F(Repositories, AnIndexThatCannotBeUnpackedIsRefused) {
  expect_refused("broken-packages", codes::index_malformed, "Packages of debian trixie main cannot be unpacked");
}

TEST_F(Repositories, ADeadServerIsTheEnvironmentsFault) {
  expect_refused("down", codes::network_failed, "InRelease of debian trixie: Couldn't connect to server");
}

TEST_F(Repositories, OlderMetadataThanSeenBeforeIsRefused) {
  const Candidates candidates = read("none");
  write_file(scratch_.path() / "cache/last-seen/debian_trixie", std::to_string(candidates.newest_date + 1) + "\n");
  try {
    read("none");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::metadata_rolled_back.id);
    EXPECT_THAT(error.message(), HasSubstr("but one from "));
  }
}

/// Replaces the archive in mid-read: after its InRelease, before its indices.
struct Replacing : Collected {
  void on_event(const Event& event) override {
    if (event.text.find("/by-hash/") != std::string::npos && fs::exists(newer)) {
      fs::rename(archive, archive.string() + "-old");
      fs::rename(newer, archive);
    }
    if (event.kind == Event::Kind::note) notes.push_back(event.text);
  }
  fs::path archive, newer;
  std::vector<std::string> notes;
};

TEST_F(Repositories, AnArchiveThatMovesInMidReadIsReadAgain) {
  Replacing events;
  events.archive = scratch_.path() / "debian";
  events.newer = scratch_.path() / "newer";
  const fs::path served = fs::path(mirror_->keyring()).parent_path();
  fs::copy(served / "none/debian", events.archive, fs::copy_options::recursive);
  fs::copy(served / "longer/debian", events.newer, fs::copy_options::recursive);
  RunContext run{events};
  repositories_.pop_back();
  options_.keyrings["debian"] = mirror_->keyring();
  Mirrors mirrors;
  mirrors.uris["debian"] = "file://" + events.archive.string();
  const Candidates candidates =
      read_repositories(run, repositories_, "amd64", mirrors, options_, scratch_.path() / "cache");
  EXPECT_THAT(events.notes, Contains("the archive changed while it was read; reading it again"));
  Goal goal;
  goal.install = {{"newcomer", {}}};
  goal.base_system = false;
  EXPECT_EQ(resolve(goal, candidates).size(), 1u);
}

TEST_F(Repositories, AMissingKeyringHasItsCure) {
  options_.keyrings = {};
  const auto read_with_missing_keyring = [&] {
    options_.keyrings["debian"] = scratch_.path() / "none.gpg";
    read_repositories(run_, repositories_, "amd64", mirrors("none"), options_, scratch_.path() / "cache");
  };
  try {
    read_with_missing_keyring();
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::keyring_missing.id);
    EXPECT_EQ(error.hint(), "install debian-archive-keyring (apt-get install debian-archive-keyring)");
  }
}

TEST_F(Repositories, AFilenameOutsideTheArchiveIsRefused) {
  try {
    read("escaping-filename");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::index_malformed.id);
    EXPECT_THAT(error.message(), HasSubstr("`Filename` of package `base-files` is wrong: ../../pool"));
  }
}

TEST_F(Repositories, ABadDebIsRefusedAndNotKept) {
  for (const auto& [fault, code] :
       {std::pair{"truncated-deb", &codes::size_mismatch}, std::pair{"wrong-deb", &codes::checksum_mismatch}}) {
    const Candidates candidates = read(fault);
    const fs::path debs = scratch_.path() / fault;
    try {
      fetch_packages(run_, resolve_hello(candidates), candidates.repositories, mirrors(fault), debs);
      ADD_FAILURE() << fault << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code().id, code->id) << error.what();
    }
    // What another transfer had begun when the first was refused may be resumed.
    for (const auto& entry : fs::directory_iterator(debs)) EXPECT_EQ(entry.path().extension(), ".partial");
  }
}

TEST_F(Repositories, AWholeDebIsNotFetchedAgain) {
  const Candidates candidates = read("none");
  const auto packages = resolve_hello(candidates);
  const fs::path debs = scratch_.path() / "debs";
  fetch_packages(run_, packages, candidates.repositories, mirrors("none"), debs);
  EXPECT_EQ(fetch_packages(run_, packages, candidates.repositories, mirrors("down"), debs).size(), 3u);
}

}  // namespace
}  // namespace ainode
