// SPDX-License-Identifier: Apache-2.0
// Published test vectors for every primitive, and keys that must be refused.
#include "base/crypto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::string(error.code().id) + " " + error.message();
  }
  return "no error";
}

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, StartsAnewAfterFinish) {
  Sha256 hash;
  hash.update("something else").finish();
  EXPECT_EQ(hash.update("a").update("bc").finish_hex(), sha256_hex("abc"));
}

TEST(Sha256, HashesAFileLikeItsBytes) {
  const TemporaryDirectory directory("/tmp");
  const std::string bytes(1'000'003, 'x');
  std::ofstream(directory.path() / "file") << bytes;
  EXPECT_EQ(sha256_hex_of_file(directory.path() / "file"), sha256_hex(bytes));
}

TEST(Sha256, NamesTheFileThatIsMissing) {
  EXPECT_THAT(error_of([] { sha256_hex_of_file("/nowhere/file"); }), testing::HasSubstr("/nowhere/file"));
}

TEST(Hex, RoundTripsEveryByte) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
  EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
  EXPECT_EQ(to_hex("\xff\x0a"), "ff0a");
}

TEST(Hex, RefusesWhatItWouldNotWrite) {
  EXPECT_EQ(error_of([] { from_hex("abc"); }), "R0110 hexadecimal text with an odd number of digits");
  EXPECT_EQ(error_of([] { from_hex("AB"); }), "R0110 `AB` is not a lower-case hexadecimal byte");
}

// RFC 4648, section 10.
TEST(Base64, MatchesTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(plain), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
}

TEST(Base64, KeepsZeroBytes) {
  EXPECT_EQ(from_base64(to_base64(std::string(5, '\0'))), std::string(5, '\0'));
}

TEST(Base64, RefusesEveryTextThatIsNotCanonical) {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9v\n", " Zm9v", "Zm9v ", "Zm!v", "====", "Zg==Zg==", "Z===", "=", "_-__"})
    EXPECT_EQ(error_of([&] { from_base64(text); }), "R0110 `" + printable(text) + "` is not canonical base64");
}

TEST(UuidV5, IsAFunctionOfTheName) {
  EXPECT_EQ(uuid_v5("disk"), uuid_v5("disk"));
  EXPECT_NE(uuid_v5("disk"), uuid_v5("root"));
  EXPECT_THAT(uuid_v5("disk"),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

// RFC 4231, test case 2.
TEST(Hmac, MatchesTheRfc) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// RFC 8032, section 7.1, TEST 2: the secret key behind the fixed prefix of PKCS#8.
TEST(Ed25519, MatchesTheRfc) {
  const std::string secret = from_hex(
      "302e020100300506032b657004220420"
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto key = PrivateKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n" + to_base64(secret) + "\n-----END PRIVATE KEY-----\n", "the test's key");
  EXPECT_EQ(to_hex(key.raw_public()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(to_hex(key.sign("\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Ed25519, VerifiesOnlyTheSignedMessageWithTheRightKey) {
  const auto key = PrivateKey::generate_ed25519(), other = PrivateKey::generate_ed25519();
  const std::string signature = key.sign("message");
  EXPECT_TRUE(ed25519_verifies(key.raw_public(), "message", signature));
  EXPECT_FALSE(ed25519_verifies(key.raw_public(), "massage", signature));
  EXPECT_FALSE(ed25519_verifies(other.raw_public(), "message", signature));
  EXPECT_FALSE(ed25519_verifies(key.raw_public(), "message", signature.substr(0, 63)));
  EXPECT_FALSE(ed25519_verifies("", "message", signature));
}

TEST(PrivateKey, SurvivesItsOwnPem) {
  const auto key = PrivateKey::generate_ed25519();
  const auto again = PrivateKey::from_pem(key.pem(), "the test's key");
  EXPECT_EQ(again.raw_public(), key.raw_public());
  EXPECT_EQ(ed25519_public_from_pem(key.public_pem(), "the test's key"), key.raw_public());
  EXPECT_FALSE(PrivateKey::from_pem(PrivateKey::generate_p256().pem(), "the test's key").is_ed25519());
}

TEST(PrivateKey, RefusesAnEncryptedKeyWithoutAsking) {
  const std::string pem =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
  EXPECT_EQ(error_of([&] { PrivateKey::from_pem(pem, "keys/dev/ed25519.pem"); }),
            "T0021 keys/dev/ed25519.pem is encrypted");
}

TEST(PrivateKey, RefusesWhatIsNoKey) {
  EXPECT_EQ(error_of([] { PrivateKey::from_pem("hello", "keys/dev/ed25519.pem"); }),
            "T0021 keys/dev/ed25519.pem does not hold a private key in PEM (PKCS#8)");
  EXPECT_EQ(error_of([] { PrivateKey::from_pem("", "keys/dev/ed25519.pem"); }),
            "T0021 keys/dev/ed25519.pem does not hold a private key in PEM (PKCS#8)");
  EXPECT_EQ(error_of([] { ed25519_public_from_pem(PrivateKey::generate_ed25519().pem(), "k.pem"); }),
            "T0021 k.pem does not hold a public key in PEM");
}

TEST(PrivateKey, RefusesAKeyOfAnotherType) {
  const std::string x25519 =
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIEzNCJso/5baipbbFfSWRqb4YAM6j4p/MVt9xSKmT7j7\n"
      "-----END PRIVATE KEY-----\n";
  EXPECT_EQ(error_of([&] { PrivateKey::from_pem(x25519, "k.pem"); }),
            "T0021 k.pem is neither an ed25519 nor an ECDSA P-256 key");
  EXPECT_EQ(error_of([&] { ed25519_public_from_pem(PrivateKey::generate_p256().public_pem(), "p.pem"); }),
            "T0021 p.pem is not an ed25519 public key");
}

}  // namespace
}  // namespace ainode
