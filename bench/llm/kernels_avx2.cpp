// SPDX-License-Identifier: Apache-2.0
// Products for processors with AVX2 and F16C (Haswell, Zen and later): two registers hold the sixteen lanes.
#ifdef __x86_64__
#include <immintrin.h>

#include <cstring>

#include "bench/llm/kernels.h"
#include "bench/llm/tiles.h"

#define AVX2 __attribute__((target("avx2,f16c")))

namespace ainode::llm {
namespace {

constexpr std::size_t kRows = 2, kTokens = 2;

/// Lanes 0 to 7, and 8 to 15.
struct Lanes {
  __m256 low, high;
};

AVX2 inline float sum_of(const Lanes& lanes) {
  const __m256 eight = _mm256_add_ps(lanes.low, lanes.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX2 inline __m256 plus_product(__m256 sum, __m256 a, __m256 b) {
  return _mm256_add_ps(sum, _mm256_mul_ps(a, b));
}

AVX2 inline Lanes load_f32(const std::byte* row, std::size_t k) {
  const float* values = reinterpret_cast<const float*>(row) + k;
  return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)};
}

AVX2 inline Lanes load_f16(const std::byte* row, std::size_t k) {
  const auto* halves = reinterpret_cast<const __m128i*>(row + k * sizeof(std::uint16_t));
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}

template <Lanes (*Load)(const std::byte*, std::size_t), std::size_t Rows, std::size_t Tokens>
AVX2 void float_tile(const std::byte* rows, std::size_t size, const float* x, std::size_t columns, float* outputs,
                     std::size_t stride) {
  Lanes sums[Rows][Tokens];
  for (auto& row : sums)
    for (Lanes& sum : row) sum = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (std::size_t k = 0; k < columns; k += kLanes) {
    for (std::size_t r = 0; r < Rows; ++r) {
      const Lanes w = Load(rows + r * size, k);
      for (std::size_t t = 0; t < Tokens; ++t) {
        sums[r][t].low = plus_product(sums[r][t].low, w.low, _mm256_loadu_ps(x + t * columns + k));
        sums[r][t].high = plus_product(sums[r][t].high, w.high, _mm256_loadu_ps(x + t * columns + k + 8));
      }
    }
  }
  for (std::size_t t = 0; t < Tokens; ++t)
    for (std::size_t r = 0; r < Rows; ++r) outputs[t * stride + r] = sum_of(sums[r][t]);
}

template <Lanes (*Load)(const std::byte*, std::size_t)>
void multiply_floats(const Matrix& w, const Activations& x, const Part& part, float* outputs) {
  const std::size_t size = row_bytes(w.type, w.columns);
  in_tiles<kRows, kTokens>(part, [&]<std::size_t R, std::size_t T>(std::size_t row, std::size_t token) {
    float_tile<Load, R, T>(w.data + row * size, size, x.floats + token * x.columns, x.columns,
                           outputs + token * part.stride + row, part.stride);
  });
}

/// Adds block `b` to the eight lanes it belongs to.
template <std::size_t Rows, std::size_t Tokens>
AVX2 inline void add_block(const std::byte* rows, std::size_t size, const Activations& x, std::size_t token,
                           std::size_t b, __m256 (&sums)[Rows][Tokens]) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::size_t r = 0; r < Rows; ++r) {
    const std::byte* block = rows + r * size + b * sizeof(Q8Block);
    std::uint16_t half = 0;
    std::memcpy(&half, block, sizeof half);
    const __m256 scale = _mm256_set1_ps(_cvtsh_ss(half));
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof half));
    const __m256i magnitude = _mm256_abs_epi8(w);
    for (std::size_t t = 0; t < Tokens; ++t) {
      const std::int8_t* quants = x.quants + (token + t) * x.columns + b * kBlock;
      const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(quants));
      // |w| * (q with w's sign); a pair is at most 2 * 128 * 127, which 16 bits hold.
      const __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(q, w));
      const __m256 products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
      const __m256 scales = _mm256_mul_ps(scale, _mm256_loadu_ps(x.scales + (token + t) * x.lanes() + b * 8));
      sums[r][t] = plus_product(sums[r][t], scales, products);
    }
  }
}

template <std::size_t Rows, std::size_t Tokens>
AVX2 void q8_tile(const std::byte* rows, std::size_t size, const Activations& x, std::size_t token, float* outputs,
                  std::size_t stride) {
  __m256 low[Rows][Tokens], high[Rows][Tokens];
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t t = 0; t < Tokens; ++t) low[r][t] = high[r][t] = _mm256_setzero_ps();
  const std::size_t blocks = x.columns / kBlock;
  for (std::size_t b = 0; b + 1 < blocks; b += 2) {
    add_block<Rows, Tokens>(rows, size, x, token, b, low);
    add_block<Rows, Tokens>(rows, size, x, token, b + 1, high);
  }
  if (blocks % 2 != 0) add_block<Rows, Tokens>(rows, size, x, token, blocks - 1, low);
  for (std::size_t t = 0; t < Tokens; ++t)
    for (std::size_t r = 0; r < Rows; ++r) outputs[t * stride + r] = sum_of({low[r][t], high[r][t]});
}

void multiply_q8(const Matrix& w, const Activations& x, const Part& part, float* outputs) {
  const std::size_t size = row_bytes(w.type, w.columns);
  in_tiles<kRows, kTokens>(part, [&]<std::size_t R, std::size_t T>(std::size_t row, std::size_t token) {
    q8_tile<R, T>(w.data + row * size, size, x, token, outputs + token * part.stride + row, part.stride);
  });
}

AVX2 float dot(const float* a, const float* b, std::size_t length) {
  Lanes sum = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (std::size_t k = 0; k < length; k += kLanes) {
    sum.low = plus_product(sum.low, _mm256_loadu_ps(a + k), _mm256_loadu_ps(b + k));
    sum.high = plus_product(sum.high, _mm256_loadu_ps(a + k + 8), _mm256_loadu_ps(b + k + 8));
  }
  return sum_of(sum);
}

AVX2 void add_scaled(float factor, const float* values, std::size_t length, float* sums) {
  const __m256 factors = _mm256_set1_ps(factor);
  for (std::size_t k = 0; k < length; k += 8)
    _mm256_storeu_ps(sums + k, plus_product(_mm256_loadu_ps(sums + k), factors, _mm256_loadu_ps(values + k)));
}

bool is_supported() {
  return __builtin_cpu_supports("avx2") && converts_halves();
}

}  // namespace

const Kernels kAvx2Kernels = {"avx2", is_supported, multiply_floats<load_f32>, multiply_floats<load_f16>, multiply_q8,
                              dot,    add_scaled};

}  // namespace ainode::llm
#endif
