// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/speed.h"

#include <time.h>

#include <algorithm>

#include "bench/llm/error.h"
#include "bench/llm/golden.h"

namespace ainode::llm {
namespace {

double now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <class Work>
Repetition time_one(std::size_t tokens, Work&& work) {
  const double start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
  work();
  const double seconds = now(CLOCK_MONOTONIC) - start, cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
  if (!(seconds > 0)) throw Error(Exit::environment, "CLOCK_MONOTONIC: does not move");
  return {static_cast<double>(tokens) / seconds, seconds, cpu};
}

template <class Work>
std::vector<Repetition> repeat(std::size_t times, std::size_t tokens, Work&& work) {
  if (tokens == 0) return {};
  work();
  std::vector<Repetition> all;
  for (std::size_t i = 0; i < times; ++i) all.push_back(time_one(tokens, work));
  return all;
}

}  // namespace

Speed measure_speed(const Model& model, const Kernels& kernels, Threads& threads, const Load& load) {
  const std::size_t longest = std::max({load.prefill, load.decode, std::size_t{1}});
  Engine engine(model, kernels, threads, longest);
  const std::vector<Token> tokens = fixed_tokens(model.shape, longest);
  Speed speed;
  speed.prefill = repeat(load.repeat, load.prefill, [&] {
    engine.clear();
    engine.append(std::span(tokens).first(load.prefill));
  });
  speed.decode = repeat(load.repeat, load.decode, [&] {
    engine.clear();
    for (std::size_t i = 0; i < load.decode; ++i) engine.append(std::span(tokens).subspan(i, 1));
  });
  return speed;
}

double median_of(const std::vector<Repetition>& repetitions) {
  if (repetitions.empty()) return 0;
  std::vector<double> sorted;
  for (const Repetition& repetition : repetitions) sorted.push_back(repetition.tokens_per_second);
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 != 0 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

}  // namespace ainode::llm
