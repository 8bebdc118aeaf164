// SPDX-License-Identifier: Apache-2.0
// A few threads, each on a processor of its own, that take equal parts of one piece of work after the other.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace ainode::llm {

class Threads {
 public:
  /// The caller is the first of `count` threads. Each is pinned to one of the processors that this process may use.
  /// Throws Error(environment) when there are fewer processors: threads that share one only wait for each other.
  explicit Threads(std::size_t count);
  /// The caller may use all of its processors again.
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  /// Calls work(begin, end) for parts of [0, count), side by side; they begin at multiples of `grain`. Returns when all
  /// are done. `work` must not throw.
  using Work = std::function<void(std::size_t begin, std::size_t end)>;
  void share(std::size_t count, std::size_t grain, const Work& work);

 private:
  void take_part(std::size_t index) const;
  void serve(std::size_t index);

  std::vector<std::thread> others_;
  std::vector<std::size_t> processors_;  // that the caller might use before
  const Work* work_ = nullptr;
  std::size_t count_ = 0;
  std::size_t grain_ = 1;
  std::atomic<unsigned> round_ = 0;       // raised for each piece of work
  std::atomic<std::size_t> running_ = 0;  // others that are not done with it
  std::atomic<bool> is_over_ = false;
};

}  // namespace ainode::llm
