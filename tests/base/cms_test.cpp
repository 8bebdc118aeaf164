// SPDX-License-Identifier: Apache-2.0
// Signers as openssl-cms(1) writes them.
#include "base/cms.h"

#include <gtest/gtest.h>

#include "tests/base/signer.h"

namespace ainode {
namespace {

TEST(CmsSigners, AreNamedByCertificateOrByKey) {
  const Signer signer("Modules/O=Acme", {"-set_serial", "0x1234abcd"});
  const auto by_certificate = cms_signers(signer.sign("words"));
  ASSERT_EQ(by_certificate.size(), 1U);
  EXPECT_EQ(by_certificate[0].name(), "O=Acme,CN=Modules, serial 1234abcd");
  const auto by_key = cms_signers(signer.sign("words", {"-keyid"}));
  ASSERT_EQ(by_key.size(), 1U);
  EXPECT_EQ(by_key[0].key_id.size(), 40U);
  EXPECT_EQ(by_key[0].name(), "key " + by_key[0].key_id);
  for (const std::string& bytes : {std::string(), std::string("no message"), signer.sign("words").substr(0, 60)})
    EXPECT_TRUE(cms_signers(bytes).empty());
}

TEST(CmsSignature, HoldsOverWhatWasSignedAlone) {
  for (const std::vector<std::string>& key : {std::vector<std::string>{}, {"-newkey", "rsa:2048"}}) {
    const Signer signer("Us", key), other("Them", key);
    for (const std::vector<std::string>& way : {std::vector<std::string>{}, {"-keyid"}, {"-md", "sha512"}}) {
      const std::string message = signer.sign("words", way);
      EXPECT_TRUE(is_signed_by(message, "words", signer.certificate()));
      EXPECT_FALSE(is_signed_by(message, "Words", signer.certificate()));
      EXPECT_FALSE(is_signed_by(message, "words", other.certificate()));
      EXPECT_FALSE(is_signed_by(message, "words", ""));
      EXPECT_FALSE(is_signed_by("", "words", signer.certificate()));
    }
  }
}

TEST(CmsSignature, FailsForEachBitOfItThatChanges) {
  const Signer signer("Us");
  const std::string message = signer.sign("words"), certificate = signer.certificate();
  // The signature's value stands last.
  for (std::size_t i = message.size() - 32; i < message.size(); ++i) {
    std::string changed = message;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(is_signed_by(changed, "words", certificate)) << i;
  }
}

TEST(FindCertificate, AmongOtherBytesByIssuerOrKey) {
  const Signer one("One"), two("Two"), stranger("One");
  // Before each certificate something that starts like one.
  const std::string kernel = "\x30\x82\x01\x01\x30\x82" + one.certificate() + std::string(9000, '\0') +
                             "\x30\x82\xff\xff" + two.certificate() + "end";
  for (const std::vector<std::string>& way : {std::vector<std::string>{}, {"-keyid"}}) {
    EXPECT_EQ(find_certificate(kernel, cms_signers(one.sign("x", way)).at(0)), one.certificate());
    EXPECT_EQ(find_certificate(kernel, cms_signers(two.sign("x", way)).at(0)), two.certificate());
    // The same name, another number and key.
    EXPECT_EQ(find_certificate(kernel, cms_signers(stranger.sign("x", way)).at(0)), "");
  }
  EXPECT_EQ(find_certificate(kernel, {}), "");
  EXPECT_EQ(find_certificate("", cms_signers(one.sign("x")).at(0)), "");
  EXPECT_EQ(find_certificate(one.certificate().substr(0, 200), cms_signers(one.sign("x")).at(0)), "");
}

}  // namespace
}  // namespace ainode
