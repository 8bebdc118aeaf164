// SPDX-License-Identifier: Apache-2.0
// The names of certificates, held against openssl(1).
#include "base/certificate.h"

#include <gtest/gtest.h>

#include "base/process.h"

namespace ainode {
namespace {

TEST(CertificateName, IsOfOneWholeCertificateOnly) {
  Command make;
  make.argv = {"openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=One", "-keyout", "/dev/null"};
  const std::string one = run_or_throw(make);
  const auto name = name_of_only_certificate(one);
  ASSERT_TRUE(name);
  Command hash;
  hash.argv = {"openssl", "x509", "-noout", "-hash"};
  hash.input = one;
  EXPECT_EQ(name->subject_hash + "\n", run_or_throw(hash));
  EXPECT_EQ(name->fingerprint.size(), 20U);
  for (const std::string& text : {std::string(), one + one, one.substr(0, one.size() / 2), std::string("\0\xff", 2)})
    EXPECT_FALSE(name_of_only_certificate(text)) << text.size();
}

}  // namespace
}  // namespace ainode
