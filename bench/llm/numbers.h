// SPDX-License-Identifier: Apache-2.0
// Arithmetic that gives the same bits on every processor and with every compiler: IEEE additions, multiplications and
// integers only, no fused operations, nothing of libm (whose variants differ by processor).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace ainode::llm {

/// IEEE binary16 to float, exact; NaN stays NaN.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffU;
  // 2^112 moves the exponent's bias from 15 to 127, for denormals too.
  const float scaled = std::bit_cast<float>(magnitude << 13) * std::bit_cast<float>(239U << 23);
  std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
  bits |= magnitude >= 0x7c00U ? 0x7f800000U : 0U;
  return std::bit_cast<float>(bits | (half & 0x8000U) << 16);
}

/// Float to IEEE binary16, to nearest even as processors do it; NaN stays NaN, what is too large becomes infinite.
inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U, magnitude = bits & 0x7fffffffU;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000U) {
    half = 0x7e00U;
  } else if (magnitude >= 0x477ff000U) {
    half = 0x7c00U;
  } else if (magnitude >= 0x38800000U) {
    half = (magnitude - 0x38000000U + 0xfffU + (magnitude >> 13 & 1U)) >> 13;
  } else {
    // The addition itself rounds to a multiple of the smallest denormal, 2^-24.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// To the nearest integer, ties to even, for magnitudes below 2^22; anything else gives some integer.
inline std::int32_t to_nearest(float value) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: from here on, the last bit of a float is worth one
  return static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(value + kMagic) - std::bit_cast<std::uint32_t>(kMagic));
}

/// e^x within two units of the last place; clamped to e^-87 and e^88; NaN stays NaN. Loops over it vectorise.
inline float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const std::int32_t n = to_nearest(x * 1.44269504F);
  const float whole = static_cast<float>(n);
  const float r = (x - whole * 0.693359375F) - whole * -2.12194440e-4F;  // ln 2 in two parts, the first one exact
  float sum = 1.0F / 5040;
  for (const float term : {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F}) sum = sum * r + term;
  return sum * std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}

/// x * sigmoid(x), the gate of SwiGLU.
inline float silu(float x) {
  return x / (1.0F + exponential(-x));
}

struct Rotation {
  float cosine;
  float sine;
};
/// The angle of rotary position embedding for pair `pair` of `pairs` at `position`: position * 10000^(-pair/pairs).
Rotation rotation_of(std::size_t position, std::size_t pair, std::size_t pairs);

/// Weights from N(0, 0.02), as sums of eight uniform numbers (so none lies beyond 0.098): value `index` of the stream
/// `stream`, each found without those before it.
class Weights {
 public:
  explicit Weights(std::uint64_t stream) : start_(mixed(stream * 2 + 1)) {}
  float operator()(std::uint64_t index) const {
    const std::uint64_t first = mixed(start_ + (2 * index + 1) * kStep),
                        second = mixed(start_ + (2 * index + 2) * kStep);
    const std::int32_t sum = static_cast<std::int32_t>(sum_of_four(first) + sum_of_four(second)) - 4 * 65535;
    return static_cast<float>(sum) * kScale;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;
  static constexpr float kScale = 3.73762473e-7F;  // 0.02 / sqrt(8 * (2^32 - 1) / 12)

  static std::uint64_t mixed(std::uint64_t z) {  // splitmix64: Steele, Lea, Flood, OOPSLA 2014
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
  }
  static std::uint32_t sum_of_four(std::uint64_t word) {
    constexpr std::uint64_t kLow = 0x0000ffff0000ffffU;
    const std::uint64_t pairs = (word & kLow) + (word >> 16 & kLow);
    return static_cast<std::uint32_t>(pairs) + static_cast<std::uint32_t>(pairs >> 32);
  }

  std::uint64_t start_;
};

/// FNV-1a over bytes: tells whether two results are the same, against accidents, not against an adversary.
class Digest {
 public:
  void add(const void* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      value_ = (value_ ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3U;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace ainode::llm
