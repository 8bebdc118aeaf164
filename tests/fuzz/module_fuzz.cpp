// SPDX-License-Identifier: Apache-2.0
// A signed kernel module: the parts lie in it, nobody else's key holds, and a certificate is found where it stands.
#include "base/cms.h"
#include "tests/fuzz/promise.h"
#include "validators/tree/module_files.h"

namespace ainode::fuzz {
namespace {

void judge_message(std::string_view message, std::string_view content, std::string_view whole) {
  for (const CmsSigner& signer : cms_signers(message)) {
    const std::string certificate = find_certificate(whole, signer);
    promise(certificate.empty() || whole.find(certificate) != whole.npos, "a certificate is found where it stands");
    is_signed_by(message, content, certificate);
  }
}

}  // namespace
}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  using namespace ainode;
  fuzz::judge_message(text, "", text);
  const auto parts = tree::split_signature(text);
  if (!parts) return;
  fuzz::promise(fuzz::lies_in(parts->content, text) && fuzz::lies_in(parts->message, text), "parts lie in the module");
  fuzz::promise(parts->content.size() + parts->message.size() <= text.size(), "parts do not overlap");
  fuzz::judge_message(parts->message, parts->content, text);
}
