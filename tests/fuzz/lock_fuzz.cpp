// SPDX-License-Identifier: Apache-2.0
// Locks: what is accepted is written back byte for byte, with the digest that the text has, and with a right one.
#include <string>

#include "base/crypto.h"
#include "base/lock.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

/// The same text under a digest that fits, so that the checks behind the digest are reached.
std::string sealed(std::string_view text) {
  const std::string_view key = " \"digest\": \"";
  const std::string body(text.substr(0, text.rfind(key)));
  return body + std::string(key) + sha256_hex(body) + "\"\n}\n";
}

}  // namespace

void judge_lock(std::string_view text) {
  Lock lock;
  if (!accepts([&] { lock = read_lock(text, "fuzz.lock"); })) return;
  promise(write_lock(lock) == text, "an accepted lock is written back byte for byte");
  for (const auto* packages : {&lock.packages, &lock.tools}) {
    for (const LockedPackage& package : *packages) {
      promise(package.sha256.size() == 64, "a locked package has its digest");
      promise(("/" + package.path + "/").find("/../") == std::string::npos, "a locked package stays in its pool");
    }
  }
}

}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  ainode::fuzz::judge_lock(text);
  ainode::fuzz::judge_lock(ainode::fuzz::sealed(text));
}
