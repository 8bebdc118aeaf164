// SPDX-License-Identifier: Apache-2.0
// One loop over all cores. The first exception stops it and is thrown to the caller.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/interruption.h"
#include "base/steps.h"

namespace ainode {

/// Calls body(0) … body(count-1), each once, on up to `jobs` threads, in rising order of start. Answers interrupts.
template <class Body>
void parallel_for(int jobs, std::size_t count, const Body& body) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> has_failed{false};
  std::exception_ptr failure;
  std::mutex failure_lock;
  const auto work = [&, flag = answered_flag()] {
    const AnswersFlag answers(flag);
    try {
      for (std::size_t i = next++; i < count && !has_failed; i = next++) {
        throw_if_interrupted();
        body(i);
      }
    } catch (...) {
      const std::lock_guard guard(failure_lock);
      if (!has_failed.exchange(true)) failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  const std::size_t wanted = std::min(count, static_cast<std::size_t>(std::max(1, jobs)));
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ainode
