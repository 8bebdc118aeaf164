// SPDX-License-Identifier: Apache-2.0
// What a Release text says, and when it is refused.
#include "builder/packages/release.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace ainode {
namespace {

const std::string kDigest(64, 'a');
constexpr std::int64_t kNow = 1750000000;  // 2025-06-15 15:06:40 UTC
constexpr std::int64_t kDay = 86400;

std::string release_text(const std::string& extra = "") {
  return "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: trixie\nDate: Sat, 14 Jun 2025 10:11:12 UTC\n"
         "Acquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main contrib\n" +
         extra + "SHA256:\n " + kDigest + " 100 main/binary-amd64/Packages\n";
}

Repository trixie() {
  Repository repository;
  repository.distribution.value = "debian";
  repository.suite.value = "trixie";
  repository.suite.place = {"r.yaml", 7, 45, 6, ""};
  return repository;
}

void expect_error(const std::function<void()>& action, const ErrorCode& code, const std::string& message,
                  const std::string& hint) {
  try {
    action();
    ADD_FAILURE() << "no error, but expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, code.id);
    EXPECT_EQ(error.message(), message);
    EXPECT_EQ(error.hint(), hint);
  }
}

TEST(Release, ReadsWhatItNeeds) {
  const Release release = parse_release(release_text("Valid-Until: Sat, 21 Jun 2025 10:11:12 UTC\n"), "InRelease");
  EXPECT_EQ(release.codename, "trixie");
  EXPECT_EQ(format_date(release.date), "2025-06-14 10:11:12 UTC");
  EXPECT_EQ(release.valid_until, release.date + 7 * kDay);
  EXPECT_EQ(release.components, (std::vector<std::string>{"main", "contrib"}));
  EXPECT_TRUE(release.by_hash);
  EXPECT_EQ(release.files.at("main/binary-amd64/Packages").size, 100u);
}

TEST(Release, NeedsSha256) {
  const std::string text = release_text();
  expect_error([&] { parse_release(text.substr(0, text.find("SHA256:")) + "MD5Sum:\n aa 1 x\n", "InRelease"); },
               codes::metadata_weak_hash, "InRelease names no SHA-256 of its indices",
               "MD5 and SHA-1 are not accepted; use an archive that publishes SHA-256");
}

TEST(Release, RefusesMalformedDigestLines) {
  const std::string hint =
      "the archive signed it so, and another mirror will not differ: tell the archive's maintainers";
  expect_error([&] { parse_release(release_text() + " abcd 1 x\n", "InRelease"); }, codes::index_malformed,
               "InRelease: line 11: is not `SHA256 SIZE PATH`", hint);
  expect_error([&] { parse_release(release_text() + "\nOrigin: Elsewhere\n", "InRelease"); }, codes::index_malformed,
               "InRelease: line 12: starts a second stanza", hint);
}

TEST(Release, ReadsDatesWithoutALocale) {
  EXPECT_EQ(parse_date("Thu, 01 Jan 1970 00:00:00 UTC"), 0);
  EXPECT_EQ(parse_date("Sun, 15 Jun 2025 15:06:40 GMT"), kNow);
  EXPECT_EQ(parse_date("Sun, 31 Feb 2025 15:06:40 UTC"), std::nullopt);
  EXPECT_EQ(parse_date("Sun, 15 Jun 2025 25:06:40 UTC"), std::nullopt);
  EXPECT_EQ(parse_date("Sun, 15 Jun 2025 15:06:40 CEST"), std::nullopt);
  EXPECT_EQ(parse_date("yesterday"), std::nullopt);
}

TEST(CheckRelease, AcceptsTheRightArchiveAtTheRightTime) {
  EXPECT_EQ(check_release(parse_release(release_text(), "InRelease"), trixie(), kNow, false), "");
}

TEST(CheckRelease, RefusesAnotherArchive) {
  Release release = parse_release(release_text(), "InRelease");
  release.label = "Elsewhere";
  expect_error([&] { check_release(release, trixie(), kNow, true); }, codes::metadata_wrong_origin,
               "InRelease of debian trixie says Label `Elsewhere`, not `Debian`",
               "the mirror serves another archive there; give the right one: --mirror debian=URI");
}

TEST(CheckRelease, RefusesASuiteNameThatMoves) {
  const Release release = parse_release(release_text(), "InRelease");
  Repository stable = trixie();
  stable.suite.value = "stable";
  expect_error([&] { check_release(release, stable, kNow, true); }, codes::metadata_wrong_origin,
               "InRelease of debian stable says Codename `trixie`, not `stable`",
               "a suite's name moves to the next release; write the codename `trixie`");
}

TEST(CheckRelease, RefusesExpiredMetadataUnlessTold) {
  Release release = parse_release(release_text(), "InRelease");
  release.valid_until = kNow - 1;
  expect_error(
      [&] { check_release(release, trixie(), kNow, false); }, codes::metadata_expired,
      "InRelease of debian trixie expired at 2025-06-15 15:06:39 UTC",
      "this machine's clock says 2025-06-15 15:06:40 UTC; if that is wrong, set it; if the archive is meant to be "
      "this old, give --accept-stale debian");
  EXPECT_EQ(check_release(release, trixie(), kNow, true), "expired at 2025-06-15 15:06:39 UTC");
}

TEST(CheckRelease, RefusesWhatIsOlderThanTheRecipeAllowsUnlessTold) {
  const Release release = parse_release(release_text(), "InRelease");
  Repository repository = trixie();
  repository.max_age = {kNow - release.date, {"r.yaml", 7, 60, 2, ""}};
  EXPECT_EQ(check_release(release, repository, kNow, false), "");
  repository.max_age->value = kDay;
  expect_error(
      [&] { check_release(release, repository, kNow, false); }, codes::metadata_too_old,
      "InRelease of debian trixie is from 2025-06-14 10:11:12 UTC, older than the 1 day that the recipe allows",
      "this machine's clock says 2025-06-15 15:06:40 UTC; if that is wrong, set it; if the archive is meant to be "
      "this old, give --accept-stale debian");
  EXPECT_EQ(check_release(release, repository, kNow, true),
            "is from 2025-06-14 10:11:12 UTC, older than the 1 day that the recipe allows");
  repository.max_age->value = 36 * 60;
  EXPECT_EQ(check_release(release, repository, kNow, true),
            "is from 2025-06-14 10:11:12 UTC, older than the 36 minutes that the recipe allows");
}

TEST(CheckRelease, TakesASnapshotForWhatItIs) {
  Release release = parse_release(release_text(), "InRelease");
  release.valid_until = release.date + kDay;
  Repository repository = trixie();
  repository.max_age = {kDay, {}};
  repository.snapshot = {release.date, {"r.yaml", 7, 60, 10, ""}};
  EXPECT_EQ(check_release(release, repository, kNow + 3000 * kDay, false), "");
  --repository.snapshot->value;
  expect_error([&] { check_release(release, repository, kNow, true); }, codes::metadata_newer,
               "InRelease of debian trixie is from 2025-06-14 10:11:12 UTC, but the recipe asks for the archive of "
               "2025-06-14 10:11:11 UTC",
               "the mirror must serve the archive as it was then; give one that does: --mirror debian=URI");
}

TEST(CheckRelease, TellsAWrongClockFromFutureMetadata) {
  Release release = parse_release(release_text(), "InRelease");
  release.date = kNow + 2 * kDay;
  expect_error(
      [&] { check_release(release, trixie(), kNow, true); }, codes::clock_wrong,
      "this machine's clock says 2025-06-15 15:06:40 UTC, but debian trixie was signed at 2025-06-17 15:06:40 UTC",
      "set the clock (date, timedatectl), then try again");
  release.date = kNow + kDay / 2;
  expect_error([&] { check_release(release, trixie(), kNow, true); }, codes::metadata_future,
               "InRelease of debian trixie is dated in the future: 2025-06-16 03:06:40 UTC",
               "this machine's clock says 2025-06-15 15:06:40 UTC; if that is wrong, set it");
}

TEST(CheckRelease, KnowsItsDistributions) {
  Repository other = trixie();
  other.distribution.value = "fedora";
  expect_error([&] { archive_identity(other); }, codes::bad_value, "no distribution `fedora` is known",
               "known distributions: debian, debian-security; a vendor's archive needs `keyring` and `allow`");
  Repository backports = trixie();
  backports.suite.value = "trixie-backports";
  EXPECT_EQ(archive_identity(backports)->label, "Debian Backports");
}

TEST(CheckRelease, TakesAVendorsArchiveByItsOwnKeysAndAllowList) {
  Repository vendor = trixie();
  vendor.distribution.value = "accelerators";
  vendor.suite.value = "stable";
  vendor.keyring.value = "vendor.gpg";
  vendor.allow = {{"driver-*", {}}};
  EXPECT_FALSE(archive_identity(vendor));
  Release release = parse_release(release_text(), "InRelease");
  release.origin = release.label = "Some Vendor";
  release.suite = "stable";
  EXPECT_EQ(check_release(release, vendor, kNow, false), "");
  release.suite = release.codename = "other";
  EXPECT_THROW(check_release(release, vendor, kNow, false), Error);
  vendor.allow.clear();
  EXPECT_THROW(archive_identity(vendor), Error);
}

}  // namespace
}  // namespace ainode
