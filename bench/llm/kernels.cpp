// SPDX-License-Identifier: Apache-2.0
// Chooses kernels by what the processor says of itself, and prepares activations for them.
#include "bench/llm/kernels.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "bench/llm/error.h"
#include "bench/llm/numbers.h"

namespace ainode::llm {

void Kernels::multiply(const Matrix& weights, const Activations& activations, const Part& part, float* outputs) const {
  switch (weights.type) {
    case Type::f32:
      return multiply_f32(weights, activations, part, outputs);
    case Type::f16:
      return multiply_f16(weights, activations, part, outputs);
    case Type::q8_0:
      return multiply_q8(weights, activations, part, outputs);
  }
}

#ifdef __x86_64__
bool converts_halves() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

std::span<const Kernels* const> all_kernels() {
#ifdef __x86_64__
  static constexpr std::array kAll = {&kAvx512Kernels, &kAvx2Kernels, &kScalarKernels};
#else
  static constexpr std::array kAll = {&kScalarKernels};
#endif
  return kAll;
}

const Kernels& kernels_named(const std::string& name) {
  std::string known;
  for (const Kernels* kernels : all_kernels()) {
    known += fmt::format(", {}", kernels->name);
    if (name == "auto" ? !kernels->is_supported() : name != kernels->name) continue;
    if (!kernels->is_supported())
      throw Error(Exit::environment, fmt::format("--kernels {}: this processor does not have them", name));
    return *kernels;
  }
  throw Error(Exit::usage, fmt::format("--kernels {}: is none of auto{}", name, known));
}

void quantise(std::span<const float> values, std::int8_t* quants, float* scales, std::int32_t* offsets) {
  for (std::size_t block = 0; block < values.size() / kBlock; ++block) {
    const float* from = values.data() + block * kBlock;
    std::int8_t* to = quants + block * kBlock;
    // Bits of magnitudes are ordered as the magnitudes, NaN above all: it ends in the scale, and in the logits.
    std::int32_t largest = 0;
    for (std::size_t i = 0; i < kBlock; ++i)
      largest = std::max(largest, static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(from[i]) & 0x7fffffffU));
    const float scale = std::bit_cast<float>(largest) / 127.0F;
    // An infinite inverse (of a denormal scale) would turn zeros into NaN.
    const float inverse = scale > std::numeric_limits<float>::min() ? 1.0F / scale : 0.0F;
    for (std::size_t i = 0; i < kBlock; ++i) to[i] = static_cast<std::int8_t>(to_nearest(from[i] * inverse));
    std::fill_n(scales + block * 8, 8, half_to_float(float_to_half(scale)));
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const std::int8_t* four = to + lane * 4;
      offsets[block * 8 + lane] = -128 * (four[0] + four[1] + four[2] + four[3]);
    }
  }
}

void round_to_half(std::span<const float> values, float* rounded) {
  for (std::size_t i = 0; i < values.size(); ++i) rounded[i] = half_to_float(float_to_half(values[i]));
}

}  // namespace ainode::llm
