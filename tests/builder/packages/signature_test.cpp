// SPDX-License-Identifier: Apache-2.0
// The envelope's grammar, and gpgv's status lines judged.
#include "builder/packages/signature.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace ainode {
namespace {

const std::string kBegin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n";
const std::string kArmour = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n=abcd\n-----END PGP SIGNATURE-----\n";

void expect_error(const std::function<void()>& action, const ErrorCode& code, const std::string& message) {
  try {
    action();
    ADD_FAILURE() << "no error, but expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, code.id);
    EXPECT_EQ(error.message(), message);
  }
}

void expect_refused(const std::string& text, const ErrorCode& code, const std::string& message) {
  expect_error([&] { open_envelope(text, "InRelease"); }, code, message);
}

TEST(Envelope, GivesTheSignedText) {
  EXPECT_EQ(open_envelope(kBegin + "Origin: Debian\n- -dashed\n\n" + kArmour, "InRelease"), "Origin: Debian\n-dashed");
}

TEST(Envelope, RefusesTextAroundTheArmour) {
  const std::string whole = kBegin + "Origin: Debian\n" + kArmour;
  expect_refused("Origin: Elsewhere\n" + whole, codes::metadata_unsigned_text,
                 "InRelease holds text before its signed part");
  expect_refused(whole + "Origin: Elsewhere\n", codes::metadata_unsigned_text,
                 "InRelease holds text after its signature");
  expect_refused(whole + whole, codes::metadata_unsigned_text, "InRelease holds text after its signature");
}

TEST(Envelope, RefusesTextInsideTheArmour) {
  expect_refused("-----BEGIN PGP SIGNED MESSAGE-----\nOrigin: Elsewhere\n\nOrigin: Debian\n" + kArmour,
                 codes::metadata_unsigned_text, "InRelease holds text between its armour header and its signed part");
  expect_refused(kBegin + "Origin: Debian\n-----BEGIN PGP SIGNATURE-----\nOrigin: Elsewhere\n",
                 codes::metadata_unsigned_text, "InRelease holds text inside its signature");
  expect_refused(kBegin + "-----BEGIN PGP SIGNED MESSAGE-----\n" + kArmour, codes::metadata_unsigned_text,
                 "InRelease holds text that is not dash-escaped");
}

TEST(Envelope, RefusesWhatIsCutShort) {
  expect_refused(kBegin + "Origin: Debian\n", codes::signature_bad, "InRelease ends before its signature");
  expect_refused(kBegin + "Origin: Debian\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n", codes::signature_bad,
                 "InRelease ends inside its signature");
}

TEST(Envelope, RefusesUnsignedTextAndWebPages) {
  expect_refused("Origin: Debian\n", codes::signature_missing, "InRelease is not signed");
  expect_refused("", codes::signature_missing, "InRelease is not signed");
  try {
    open_envelope("<html>log in</html>", "InRelease");
    FAIL() << "accepted a web page";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "the server answered with a web page; is there a login page or a proxy in between?");
  }
}

const std::string kGood = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 1111 archive\n";
std::string valid(const std::string& hash) {
  return "[GNUPG:] VALIDSIG SUBKEY 2025-01-01 1735689600 0 4 0 22 " + hash + " 01 PRIMARY\n";
}

void expect_judged(const std::string& status, const ErrorCode& code, const std::string& message) {
  expect_error([&] { judge_signatures(status, "InRelease"); }, code, message);
}

TEST(Signatures, OneGoodOneIsEnoughBesideUnknownKeys) {
  EXPECT_EQ(
      judge_signatures("[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 22 1 8 01 0 9\n[GNUPG:] NO_PUBKEY 22\n" + kGood + valid("10"),
                       "InRelease"),
      "PRIMARY");
}

TEST(Signatures, OneBadOneSpoilsAll) {
  expect_judged(kGood + valid("10") + "[GNUPG:] NEWSIG\n[GNUPG:] BADSIG 22 x\n", codes::signature_bad,
                "InRelease does not fit its signature");
}

// gpgv says VALIDSIG also of keys that have expired or were revoked.
TEST(Signatures, AnExpiredKeyDoesNotCount) {
  expect_judged("[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG 22 x\n" + valid("10"), codes::signature_key_expired,
                "InRelease is signed by an expired key");
  expect_judged("[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG 22 x\n" + valid("10"), codes::signature_key_expired,
                "InRelease is signed by a revoked key");
}

TEST(Signatures, AForeignKeyDoesNotCount) {
  expect_judged("[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 22 1 8 01 0 9\n[GNUPG:] NO_PUBKEY 22AA\n", codes::signer_unknown,
                "InRelease is signed by key 22AA, which is not in the distribution's keyring");
}

TEST(Signatures, Sha1DoesNotCount) {
  expect_judged(kGood + valid("2"), codes::signature_bad, "InRelease is signed with a hash that is too weak");
}

TEST(Signatures, StatusLinesForgedInOtherOutputDoNotCount) {
  expect_judged("GOODSIG 1111\nVALIDSIG SUBKEY 2025 1 0 4 0 22 10 01 PRIMARY\n", codes::signature_bad,
                "InRelease holds no signature that gpgv can read");
}

}  // namespace
}  // namespace ainode
