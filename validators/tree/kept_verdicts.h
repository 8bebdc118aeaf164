// SPDX-License-Identifier: Apache-2.0
// What the checks of an image's files came to, kept in the cache: the files need not be read again to say it again.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/report.h"
#include "base/steps.h"
#include "validators/checks/expected.h"

namespace ainode::tree {

/// Names, sizes, inodes and times of a repository's objects, as a hash: whoever writes to one changes it. Nothing where
/// it cannot be told, and for two seconds after a change: a second one could have the same time.
std::optional<std::string> state_of_objects(const std::filesystem::path& repository);

/// Verdicts on `commit` by these programs for what is expected of it, from objects in this state. Nothing is kept where
/// the cache cannot be written, of objects that changed meanwhile, and of checks that did not run.
class KeptVerdicts {
 public:
  KeptVerdicts(const std::filesystem::path& repository, const checks::Expected& expected);
  std::optional<std::vector<CheckResult>> recall() const;
  void remember(const Report& report) const;

 private:
  std::filesystem::path repository_, directory_;
  std::optional<std::string> state_;
  std::optional<StepKey> key_;
};

}  // namespace ainode::tree
