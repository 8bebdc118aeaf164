// SPDX-License-Identifier: Apache-2.0
// Whether this machine computes a named shape's logits as the plain C++ kernels once did. Arithmetic is defined to the
// bit (kernels.h), so the digest over all logits must be equal; a tolerance is for those who compare other engines.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/llm/engine.h"

namespace ainode::llm {

inline constexpr std::size_t kSamples = 64;

/// What golden_values.cpp holds; samples are the bits of logits spread evenly over the vocabulary.
struct Golden {
  std::string_view shape;
  Type type;
  std::uint64_t digest;
  std::array<std::uint32_t, kSamples> samples;
};
std::span<const Golden> golden_values();
/// Null when there are none for this model.
const Golden* golden_of(const Shape& shape, Type type);

/// `count` tokens of the vocabulary, the same always.
std::vector<Token> fixed_tokens(const Shape& shape, std::size_t count);

inline constexpr std::size_t kGoldenBatch = 12, kGoldenSteps = 4;
/// Twelve tokens at once, then four one by one: prefill and decode.
std::vector<float> golden_logits(const Model& model, const Kernels& kernels, Threads& threads);

Golden golden_from(const Shape& shape, Type type, std::span<const float> logits);

struct Comparison {
  bool is_identical = false;
  double deviation = 0;  // the largest difference of the samples, in units of their root mean square
  bool is_good = false;
};
/// With tolerance 0 all logits must be identical, else the samples' deviation may be `tolerance`.
Comparison compare(const Golden& expected, std::span<const float> logits, double tolerance);

/// The text of golden_values.cpp, made by the plain C++ kernels; takes all shapes in all types: 600 MB, a minute.
std::string remake_golden_values(Threads& threads);

}  // namespace ainode::llm
