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

}  // namespace
}  // namespace ainode
