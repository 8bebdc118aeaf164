// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/threads.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <span>

#include "bench/llm/error.h"

namespace ainode::llm {
namespace {

constexpr int kSpins = 4096;  // some microseconds: the next piece of work is mostly there by then

std::vector<std::size_t> usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {};
  std::vector<std::size_t> all;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) all.push_back(cpu);
  return all;
}

/// Where a sandbox forbids it, the figures scatter more, and stay right.
void pin_this_thread(std::span<const std::size_t> processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::size_t processor : processors) CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

Threads::Threads(std::size_t count) : processors_(usable_processors()) {
  if (count > std::max<std::size_t>(processors_.size(), 1))
    throw Error(Exit::environment,
                fmt::format("--threads {}: this process may use {} processors", count, processors_.size()));
  if (processors_.empty()) return;
  pin_this_thread({&processors_[0], 1});
  for (std::size_t index = 1; index < count; ++index) {
    others_.emplace_back([this, index] {
      pin_this_thread({&processors_[index], 1});
      serve(index);
    });
  }
}

Threads::~Threads() {
  is_over_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& thread : others_) thread.join();
  if (!processors_.empty()) pin_this_thread(processors_);
}

void Threads::take_part(std::size_t index) const {
  const std::size_t threads = others_.size() + 1, grains = (count_ + grain_ - 1) / grain_;
  const std::size_t begin = grains * index / threads * grain_, end = grains * (index + 1) / threads * grain_;
  if (begin < std::min(end, count_)) (*work_)(begin, std::min(end, count_));
}

void Threads::serve(std::size_t index) {
  for (unsigned seen = 0;; ++seen) {
    for (int spin = 0; spin < kSpins && round_ == seen; ++spin) {
    }
    round_.wait(seen);
    if (is_over_) return;
    take_part(index);
    if (--running_ == 0) running_.notify_one();
  }
}

void Threads::share(std::size_t count, std::size_t grain, const Work& work) {
  work_ = &work;
  count_ = count;
  grain_ = grain;
  running_ = others_.size();
  ++round_;
  if (!others_.empty()) round_.notify_all();
  take_part(0);
  for (int spin = 0; spin < kSpins && running_ != 0; ++spin) {
  }
  for (std::size_t left = running_; left != 0; left = running_) running_.wait(left);
}

}  // namespace ainode::llm
