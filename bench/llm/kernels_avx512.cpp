// SPDX-License-Identifier: Apache-2.0
// Products for processors with AVX-512 and its integer dot products, VNNI (Ice Lake, Zen 4 and later): one register
// holds the sixteen lanes.
#ifdef __x86_64__
#ifndef __clang__
// g++ 12 warns of its own header, whose undefined vectors are made by `__m512 y = y`.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstring>

#include "bench/llm/kernels.h"
#include "bench/llm/tiles.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")))

namespace ainode::llm {
namespace {

constexpr std::size_t kRows = 4, kTokens = 4;

AVX512 inline float sum_of(__m512 lanes) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX512 inline __m512 plus_product(__m512 sum, __m512 a, __m512 b) {
  return _mm512_add_ps(sum, _mm512_mul_ps(a, b));
}

AVX512 inline __m512 load_f32(const std::byte* row, std::size_t k) {
  return _mm512_loadu_ps(reinterpret_cast<const float*>(row) + k);
}

AVX512 inline __m512 load_f16(const std::byte* row, std::size_t k) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + k * sizeof(std::uint16_t))));
}

template <__m512 (*Load)(const std::byte*, std::size_t), std::size_t Rows, std::size_t Tokens>
AVX512 void float_tile(const std::byte* rows, std::size_t size, const float* x, std::size_t columns, float* outputs,
                       std::size_t stride) {
  __m512 sums[Rows][Tokens];
  for (auto& row : sums)
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  for (std::size_t k = 0; k < columns; k += kLanes) {
    __m512 w[Rows];
    for (std::size_t r = 0; r < Rows; ++r) w[r] = Load(rows + r * size, k);
    for (std::size_t t = 0; t < Tokens; ++t) {
      const __m512 values = _mm512_loadu_ps(x + t * columns + k);
      for (std::size_t r = 0; r < Rows; ++r) sums[r][t] = plus_product(sums[r][t], w[r], values);
    }
  }
  for (std::size_t t = 0; t < Tokens; ++t)
    for (std::size_t r = 0; r < Rows; ++r) outputs[t * stride + r] = sum_of(sums[r][t]);
}

template <__m512 (*Load)(const std::byte*, std::size_t)>
void multiply_floats(const Matrix& w, const Activations& x, const Part& part, float* outputs) {
  const std::size_t size = row_bytes(w.type, w.columns);
  in_tiles<kRows, kTokens>(part, [&]<std::size_t R, std::size_t T>(std::size_t row, std::size_t token) {
    float_tile<Load, R, T>(w.data + row * size, size, x.floats + token * x.columns, x.columns,
                           outputs + token * part.stride + row, part.stride);
  });
}

/// A pair of blocks of weights, as unsigned numbers 128 too large: what the instruction takes.
struct Pair {
  __m512i values;
  __m512 scales;
};

AVX512 inline __m256i values_of(const std::byte* block) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(std::uint16_t)));
}
AVX512 inline __m256 scale_of(const std::byte* block) {
  std::uint16_t half = 0;
  std::memcpy(&half, block, sizeof half);
  return _mm256_set1_ps(_cvtsh_ss(half));
}

AVX512 inline Pair load_pair(const std::byte* blocks) {
  const std::byte* second = blocks + sizeof(Q8Block);
  const __m512i values = _mm512_inserti64x4(_mm512_castsi256_si512(values_of(blocks)), values_of(second), 1);
  return {_mm512_xor_si512(values, _mm512_set1_epi8(-128)),
          _mm512_insertf32x8(_mm512_castps256_ps512(scale_of(blocks)), scale_of(second), 1)};
}
/// The last block where their number is odd: lanes 8 to 15 take nothing.
AVX512 inline Pair load_last(const std::byte* block) {
  return {_mm512_zextsi256_si512(_mm256_xor_si256(values_of(block), _mm256_set1_epi8(-128))),
          _mm512_zextps256_ps512(scale_of(block))};
}

template <std::size_t Rows, std::size_t Tokens>
AVX512 inline void add_pair(const Pair (&w)[Rows], const Activations& x, std::size_t token, std::size_t b,
                            __mmask16 lanes, __m512 (&sums)[Rows][Tokens]) {
  for (std::size_t t = 0; t < Tokens; ++t) {
    const std::size_t vector = (token + t) * x.columns, vector_lanes = (token + t) * x.lanes();
    const __m512i quants = _mm512_maskz_loadu_epi32(lanes, x.quants + vector + b * kBlock);
    const __m512i offsets = _mm512_maskz_loadu_epi32(lanes, x.offsets + vector_lanes + b * 8);
    const __m512 scales = _mm512_maskz_loadu_ps(lanes, x.scales + vector_lanes + b * 8);
    for (std::size_t r = 0; r < Rows; ++r) {
      const __m512 products = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(offsets, w[r].values, quants));
      const __m512 sum = plus_product(sums[r][t], _mm512_mul_ps(w[r].scales, scales), products);
      sums[r][t] = _mm512_mask_mov_ps(sums[r][t], lanes, sum);
    }
  }
}

template <std::size_t Rows, std::size_t Tokens>
AVX512 void q8_tile(const std::byte* rows, std::size_t size, const Activations& x, std::size_t token, float* outputs,
                    std::size_t stride) {
  __m512 sums[Rows][Tokens];
  for (auto& row : sums)
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  const std::size_t blocks = x.columns / kBlock;
  Pair w[Rows];
  for (std::size_t b = 0; b + 1 < blocks; b += 2) {
    for (std::size_t r = 0; r < Rows; ++r) w[r] = load_pair(rows + r * size + b * sizeof(Q8Block));
    add_pair<Rows, Tokens>(w, x, token, b, 0xffff, sums);
  }
  if (blocks % 2 != 0) {
    for (std::size_t r = 0; r < Rows; ++r) w[r] = load_last(rows + r * size + (blocks - 1) * sizeof(Q8Block));
    add_pair<Rows, Tokens>(w, x, token, blocks - 1, 0x00ff, sums);
  }
  for (std::size_t t = 0; t < Tokens; ++t)
    for (std::size_t r = 0; r < Rows; ++r) outputs[t * stride + r] = sum_of(sums[r][t]);
}

void multiply_q8(const Matrix& w, const Activations& x, const Part& part, float* outputs) {
  const std::size_t size = row_bytes(w.type, w.columns);
  in_tiles<kRows, kTokens>(part, [&]<std::size_t R, std::size_t T>(std::size_t row, std::size_t token) {
    q8_tile<R, T>(w.data + row * size, size, x, token, outputs + token * part.stride + row, part.stride);
  });
}

AVX512 float dot(const float* a, const float* b, std::size_t length) {
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t k = 0; k < length; k += kLanes)
    sum = plus_product(sum, _mm512_loadu_ps(a + k), _mm512_loadu_ps(b + k));
  return sum_of(sum);
}

AVX512 void add_scaled(float factor, const float* values, std::size_t length, float* sums) {
  const __m512 factors = _mm512_set1_ps(factor);
  for (std::size_t k = 0; k < length; k += kLanes)
    _mm512_storeu_ps(sums + k, plus_product(_mm512_loadu_ps(sums + k), factors, _mm512_loadu_ps(values + k)));
}

bool is_supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && converts_halves();
}

}  // namespace

const Kernels kAvx512Kernels = {
    "avx512", is_supported, multiply_floats<load_f32>, multiply_floats<load_f16>, multiply_q8, dot, add_scaled};

}  // namespace ainode::llm
#endif
