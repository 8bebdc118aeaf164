// SPDX-License-Identifier: Apache-2.0
// Refused system calls: the filter holds the caller, this side notes what was asked and answers EPERM.
#pragma once

#include <string>
#include <vector>

namespace ainode {

class Refusals {
 public:
  /// Answers one call that waits at the listener (seccomp_unotify(2)). Does not block when one does.
  void answer(int listener);
  /// "mount, asked for by dpkg": each once, in order; at most 16.
  const std::vector<std::string>& noted() const { return noted_; }

 private:
  void note(const std::string& call, int process);

  std::vector<std::string> noted_;
};

}  // namespace ainode
