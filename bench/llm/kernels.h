// SPDX-License-Identifier: Apache-2.0
// The products that take all the time, for several kinds of processors, with one result to the bit.
//
// The order of the sums is part of the interface: a dot product has sixteen partial sums ("lanes"), each filled by
// multiplication and addition, both rounded (never fused); then lane i takes lane i+8, then i+4, i+2, i+1.
//   f32, f16: element k goes to lane k mod 16. For f16 the activations are rounded to f16 as well, as llama.cpp does.
//   q8_0:     activations are quantised alike. Block b fills lanes 8*(b mod 2)+j, j below 8, each with the block's four
//             products from 4j on, summed as integers, times (scale of weights * scale of activations).
// So whatever a processor offers, a model gives the same logits, and golden values need no tolerance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/llm/memory.h"
#include "bench/llm/shape.h"

namespace ainode::llm {

inline constexpr std::size_t kLanes = 16;

/// Some rows of weights, as they lie in the file.
struct Matrix {
  Type type = Type::f32;
  const std::byte* data = nullptr;
  std::size_t columns = 0;
  std::size_t rows = 0;
};

/// A batch of activation vectors. `scales` and `offsets` hold eight numbers a block, ready for vector registers; an
/// offset is -128 times the sum of four values, what instructions for unsigned weights need added.
struct Activations {
  std::size_t columns = 0;
  const float* floats = nullptr;
  const std::int8_t* quants = nullptr;
  const float* scales = nullptr;
  const std::int32_t* offsets = nullptr;

  std::size_t lanes() const { return columns / 4; }
};

/// Which part of outputs[token * stride + row] to fill.
struct Part {
  std::size_t first_row;
  std::size_t last_row;
  std::size_t tokens;
  std::size_t stride;
};

/// One set of functions for one kind of processor. `columns` is a multiple of kBlock for the products, a length of
/// kLanes for `dot` and `add_scaled`.
struct Kernels {
  const char* name;
  bool (*is_supported)();
  void (*multiply_f32)(const Matrix&, const Activations&, const Part&, float* outputs);
  void (*multiply_f16)(const Matrix&, const Activations&, const Part&, float* outputs);
  void (*multiply_q8)(const Matrix&, const Activations&, const Part&, float* outputs);
  float (*dot)(const float* a, const float* b, std::size_t length);
  /// sums[i] += factor * values[i]
  void (*add_scaled)(float factor, const float* values, std::size_t length, float* sums);

  void multiply(const Matrix& weights, const Activations& activations, const Part& part, float* outputs) const;
};

extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

/// The fastest first; the last one runs everywhere.
std::span<const Kernels* const> all_kernels();
/// By name, or the fastest that this processor has for "auto". Throws Error(usage) for a name that there is not,
/// Error(environment) where the processor lacks it.
const Kernels& kernels_named(const std::string& name);

#ifdef __x86_64__
/// Whether the processor turns halves into floats (F16C), which __builtin_cpu_supports of clang 14 has no name for.
bool converts_halves();
#endif

/// Fills quants, scales and offsets of one vector.
void quantise(std::span<const float> values, std::int8_t* quants, float* scales, std::int32_t* offsets);
/// Each number to the nearest f16.
void round_to_half(std::span<const float> values, float* rounded);

}  // namespace ainode::llm
