// SPDX-License-Identifier: Apache-2.0
// Interrupting one piece of work of a process that does others besides: a signal ends them all, a flag just this one.
#pragma once

#include <atomic>

namespace ainode {

using InterruptFlag = std::atomic<bool>;

/// While it lives, throw_if_interrupted() on this thread answers `flag` too, and on the threads that parallel_for
/// starts from it. Borrows the flag. They nest; each thread has its own.
class AnswersFlag {
 public:
  explicit AnswersFlag(const InterruptFlag* flag);
  AnswersFlag(const AnswersFlag&) = delete;
  AnswersFlag& operator=(const AnswersFlag&) = delete;
  ~AnswersFlag();

 private:
  const InterruptFlag* before_;
};

/// The flag that this thread answers; null where there is none. For handing on to a thread that does a part of it.
const InterruptFlag* answered_flag();

}  // namespace ainode
