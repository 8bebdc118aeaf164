// SPDX-License-Identifier: Apache-2.0
// A validation report: verdicts with measured and expected values and their evidence, bound to a commit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ainode {

enum class Verdict { pass, fail, skip, unmeasurable, infra };
std::string_view to_string(Verdict verdict);
Verdict verdict_from_string(std::string_view text);  ///< throws result_malformed

struct CheckResult {
  std::string id;        ///< family.promise
  std::string sentence;  ///< what it promises
  Verdict verdict = Verdict::infra;
  Json measured, expected;
  std::string evidence;  ///< where it was read: a path, a command, log lines
  std::string reason;    ///< of anything but pass
  std::string place;     ///< recipe line that declared it, if any
  double seconds = 0;    ///< guest CPU-independent wall time in the node

  Json to_json() const;
  static CheckResult from_json(const Json& json);
};

struct Report {
  std::string image, commit, target, topology, kernel_release, builder_version;
  std::vector<std::string> profiles;
  std::vector<CheckResult> checks;
  Json boot;            ///< first word, kernel log size, QEMU's CPU seconds, harness arguments
  std::string failure;  ///< of the run as a whole ("guest panicked: …"); empty when the checks ran

  /// fail if a check failed or the run failed in the guest; infra if only the environment failed; pass otherwise.
  Verdict verdict() const;
  Verdict failure_verdict = Verdict::pass;  ///< of `failure`
  Json to_json() const;                     ///< schema ainode.validate/1
  static Report from_json(const Json& json, const std::string& origin);
};

}  // namespace ainode
