// SPDX-License-Identifier: Apache-2.0
// Signers as openssl-cms(1) writes them.
#include "base/cms.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"

namespace ainode {
namespace {

std::string openssl(std::vector<std::string> arguments) {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), "openssl");
  return run_or_throw(command);
}

TEST(CmsSigners, AreNamedByCertificateOrByKey) {
  const TemporaryDirectory work(testing::TempDir());
  const std::string key = (work.path() / "key").string(), certificate = (work.path() / "certificate").string(),
                    message = (work.path() / "message").string();
  write_file(message, "words");
  openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=Acme/CN=Modules", "-set_serial", "0x1234abcd",
           "-keyout", key, "-out", certificate});
  const auto sign = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"cms", "-sign", "-binary", "-nocerts", "-noattr", "-outform", "DER",
                                          "-in", message, "-inkey",  key,        "-signer", certificate};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return openssl(arguments);
  };
  const auto by_certificate = cms_signers(sign({}));
  ASSERT_EQ(by_certificate.size(), 1U);
  EXPECT_EQ(by_certificate[0].name(), "CN=Modules,O=Acme, serial 1234abcd");
  const auto by_key = cms_signers(sign({"-keyid"}));
  ASSERT_EQ(by_key.size(), 1U);
  EXPECT_EQ(by_key[0].key_id.size(), 40U);
  EXPECT_EQ(by_key[0].name(), "key " + by_key[0].key_id);
  for (const std::string& bytes : {std::string(), std::string("no message"), sign({}).substr(0, 60)})
    EXPECT_TRUE(cms_signers(bytes).empty());
}

/// One who signs, with a certificate of their own.
class Signer {
 public:
  explicit Signer(const std::string& name, const std::string& algorithm = "rsa:2048") {
    openssl({"req", "-x509", "-newkey", algorithm, "-pkeyopt",
             algorithm == "ec" ? "ec_paramgen_curve:P-256" : "rsa_keygen_bits:2048", "-nodes", "-subj", "/CN=" + name,
             "-keyout", path("key"), "-out", path("certificate")});
  }
  std::string sign(const std::string& content, const std::vector<std::string>& more = {}) const {
    write_file(path("content"), content);
    std::vector<std::string> arguments = {
        "cms", "-sign",         "-binary", "-nocerts",  "-noattr", "-outform",         "DER",
        "-in", path("content"), "-inkey",  path("key"), "-signer", path("certificate")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return openssl(arguments);
  }
  std::string certificate() const { return openssl({"x509", "-in", path("certificate"), "-outform", "DER"}); }

 private:
  std::string path(const char* name) const { return (work_.path() / name).string(); }
  TemporaryDirectory work_{testing::TempDir()};
};

TEST(CmsSignature, HoldsOverWhatWasSignedAlone) {
  for (const char* algorithm : {"rsa:2048", "ec"}) {
    const Signer signer("Us", algorithm), other("Them", algorithm);
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
  const Signer signer("Us", "ec");
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
  EXPECT_EQ(find_certificate(one.certificate().substr(0, 400), cms_signers(one.sign("x")).at(0)), "");
}

}  // namespace
}  // namespace ainode
