// SPDX-License-Identifier: Apache-2.0
// The definition of the products, in plain C++: what the other kernels must equal to the bit, and what runs where a
// processor has nothing better. Lanes are arrays, so compilers use the vectors that every x86-64 has.
#include <cstring>

#include "bench/llm/kernels.h"
#include "bench/llm/numbers.h"

namespace ainode::llm {
namespace {

float sum_of(float (&lanes)[kLanes]) {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2)
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

float dot(const float* a, const float* b, std::size_t length) {
  float lanes[kLanes] = {};
  for (std::size_t k = 0; k < length; k += kLanes)
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] += a[k + i] * b[k + i];
  return sum_of(lanes);
}

float dot_f16(const std::byte* row, const float* activations, std::size_t length) {
  float lanes[kLanes] = {};
  for (std::size_t k = 0; k < length; k += kLanes) {
    std::uint16_t halves[kLanes];
    std::memcpy(halves, row + k * sizeof(std::uint16_t), sizeof halves);
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] += half_to_float(halves[i]) * activations[k + i];
  }
  return sum_of(lanes);
}

float dot_q8(const std::byte* row, const Activations& x, std::size_t token) {
  const std::int8_t* quants = x.quants + token * x.columns;
  const float* scales = x.scales + token * x.lanes();
  float lanes[kLanes] = {};
  for (std::size_t b = 0; b < x.columns / kBlock; ++b) {
    Q8Block block;
    std::memcpy(&block, row + b * sizeof block, sizeof block);
    const float scale = half_to_float(block.scale) * scales[b * 8];
    for (std::size_t i = 0; i < 8; ++i) {
      std::int32_t sum = 0;
      for (std::size_t k = 4 * i; k < 4 * i + 4; ++k) sum += block.values[k] * quants[b * kBlock + k];
      lanes[b % 2 * 8 + i] += scale * static_cast<float>(sum);
    }
  }
  return sum_of(lanes);
}

template <class Dot>
void multiply(const Matrix& weights, const Part& part, float* outputs, Dot&& dot_of) {
  const std::size_t size = row_bytes(weights.type, weights.columns);
  for (std::size_t row = part.first_row; row < part.last_row; ++row)
    for (std::size_t token = 0; token < part.tokens; ++token)
      outputs[token * part.stride + row] = dot_of(weights.data + row * size, token);
}

void multiply_f32(const Matrix& weights, const Activations& x, const Part& part, float* outputs) {
  multiply(weights, part, outputs, [&](const std::byte* row, std::size_t token) {
    return dot(reinterpret_cast<const float*>(row), x.floats + token * x.columns, x.columns);
  });
}

void multiply_f16(const Matrix& weights, const Activations& x, const Part& part, float* outputs) {
  multiply(weights, part, outputs, [&](const std::byte* row, std::size_t token) {
    return dot_f16(row, x.floats + token * x.columns, x.columns);
  });
}

void multiply_q8(const Matrix& weights, const Activations& x, const Part& part, float* outputs) {
  multiply(weights, part, outputs, [&](const std::byte* row, std::size_t token) { return dot_q8(row, x, token); });
}

void add_scaled(float factor, const float* values, std::size_t length, float* sums) {
  for (std::size_t i = 0; i < length; ++i) sums[i] += factor * values[i];
}

}  // namespace

const Kernels kScalarKernels = {"scalar", [] { return true; }, multiply_f32, multiply_f16, multiply_q8,
                                dot,      add_scaled};

}  // namespace ainode::llm
