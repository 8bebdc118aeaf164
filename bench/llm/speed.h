// SPDX-License-Identifier: Apache-2.0
// Tokens a second, defined as llama-bench does: prefill is a prompt in batches, decode one token a step, each from an
// empty sequence, no tokenizer, no sampling, after one run that does not count.
#pragma once

#include <cstddef>
#include <vector>

#include "bench/llm/engine.h"

namespace ainode::llm {

struct Repetition {
  double tokens_per_second = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads
};

struct Load {
  std::size_t prefill = 128;
  std::size_t decode = 32;
  std::size_t repeat = 5;
};

struct Speed {
  std::vector<Repetition> prefill, decode;
};

/// A load of 0 tokens is left out. Throws Error(environment) when the clock does not move.
Speed measure_speed(const Model& model, const Kernels& kernels, Threads& threads, const Load& load);

double median_of(const std::vector<Repetition>& repetitions);

}  // namespace ainode::llm
