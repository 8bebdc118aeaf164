// SPDX-License-Identifier: Apache-2.0
// One who signs as openssl-cms(1) does, with a certificate of their own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/process.h"

namespace ainode {

inline std::string openssl(std::vector<std::string> arguments) {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), "openssl");
  return run_or_throw(command);
}

class Signer {
 public:
  /// `more`: words for openssl-req(1), as {"-set_serial", "0x12"} and {"-newkey", "rsa:2048"}.
  explicit Signer(const std::string& name, std::vector<std::string> more = {}) {
    if (std::find(more.begin(), more.end(), "-newkey") == more.end())
      more.insert(more.end(), {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"});
    more.insert(more.begin(), {"req", "-x509", "-nodes", "-subj", "/CN=" + name, "-keyout", path("key"), "-out",
                               path("certificate")});
    openssl(std::move(more));
  }
  /// A CMS message in DER over the content, which it does not hold; `more`: words for openssl-cms(1).
  std::string sign(const std::string& content, std::vector<std::string> more = {}) const {
    write_file(path("content"), content);
    more.insert(more.begin(), {"cms", "-sign", "-binary", "-nocerts", "-noattr", "-outform", "DER", "-in",
                               path("content"), "-inkey", path("key"), "-signer", path("certificate")});
    return openssl(std::move(more));
  }
  std::string certificate() const { return openssl({"x509", "-in", path("certificate"), "-outform", "DER"}); }

 private:
  std::string path(const char* name) const { return (work_.path() / name).string(); }
  TemporaryDirectory work_{testing::TempDir()};
};

}  // namespace ainode
