// SPDX-License-Identifier: Apache-2.0
// The forward pass of a llama (Touvron et al., 2023): RMSNorm, rotary positions on interleaved pairs, grouped-query
// attention over a cache of keys and values in f32, SwiGLU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/llm/kernels.h"
#include "bench/llm/memory.h"
#include "bench/llm/model.h"
#include "bench/llm/numbers.h"
#include "bench/llm/threads.h"

namespace ainode::llm {

using Token = std::uint32_t;

/// Bytes that an engine for `capacity` tokens takes, beside the model.
std::uint64_t engine_memory(const Shape& shape, std::size_t capacity);

/// One sequence of tokens. Model, kernels and threads must outlive it.
class Engine {
 public:
  static constexpr std::size_t kBatch = 128;

  /// Throws Error(usage) when the model has no context of `capacity` tokens, Error(environment) when memory lacks.
  Engine(const Model& model, const Kernels& kernels, Threads& threads, std::size_t capacity);

  /// Appends tokens to the sequence, in batches of at most kBatch, and returns the logits of the last one, valid until
  /// the next call. Batches of any size give the same bits. Throws Error(usage) for a token that there is not, or one
  /// more than the capacity; Error(bad) when a logit is no finite number.
  std::span<const float> append(std::span<const Token> tokens);
  /// Forgets the sequence.
  void clear() { position_ = 0; }

 private:
  enum Row : std::size_t { residual, normed, query, key, value, mixed, gate, up, kRows };
  float* rows(Row row) { return buffers_[row].data(); }

  void append_batch(std::span<const Token> tokens, bool is_last);
  void attend(const Block& block, std::size_t index, std::size_t tokens);
  void feed_forward(const Block& block, std::size_t tokens);
  void normalise(const std::vector<float>& weights, const float* from, std::size_t tokens);
  void rotate(float* vectors, std::size_t heads, std::size_t tokens) const;
  void attend_head(std::size_t index, std::size_t token, std::size_t head, std::vector<float>& scores);
  /// outputs[token * rows + row]; `from` holds matrix.columns numbers a token.
  void multiply(std::initializer_list<std::pair<const Matrix*, float*>> products, const float* from,
                std::size_t tokens);
  Activations prepare(Type type, const float* from, std::size_t columns, std::size_t tokens);
  void add_to_residual(const float* values, std::size_t tokens);
  float* cached(std::vector<float>& cache, std::size_t index, std::size_t position) const;

  const Model& model_;
  const Shape& shape_;
  const Kernels& kernels_;
  Threads& threads_;
  std::size_t capacity_;
  std::size_t position_ = 0;
  std::vector<Rotation> rotations_;   // a position's pairs
  std::vector<float> keys_, values_;  // a block's positions
  std::vector<float> buffers_[kRows];
  std::vector<float> rounded_, scales_;
  std::vector<std::int8_t> quants_;
  std::vector<std::int32_t> offsets_;
  std::vector<float> logits_;
};

}  // namespace ainode::llm
