// SPDX-License-Identifier: Apache-2.0
// One batch after the other through the blocks; each token sees itself and all before it.
#include "bench/llm/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/llm/error.h"

namespace ainode::llm {
namespace {

constexpr std::size_t kRowGrain = 4;  // rows of a kernel's tile

std::size_t widest_row(const Shape& shape) {
  return std::max(shape.embedding, shape.feed_forward);
}

std::size_t batch_of(std::size_t capacity) {
  return std::min(Engine::kBatch, capacity);
}

}  // namespace

std::uint64_t engine_memory(const Shape& shape, std::size_t capacity) {
  // The limits of read_model and 2^24 tokens keep each term below 2^63; only their sum may not fit.
  const std::uint64_t batch = batch_of(capacity), wide = widest_row(shape);
  const std::uint64_t per_block = std::uint64_t{capacity} * shape.embedding_kv() * 2 * sizeof(float);
  const std::uint64_t rotations = std::uint64_t{capacity} * (shape.head_size() / 2) * sizeof(Rotation);
  const std::uint64_t working = batch * wide * (4 * 4 + 4 + 1 + 1 + 1) + batch * shape.embedding * 6 * sizeof(float);
  std::uint64_t sum = 0;
  if (__builtin_mul_overflow(per_block, std::uint64_t{shape.blocks}, &sum) ||
      __builtin_add_overflow(sum, rotations + working + shape.vocabulary * sizeof(float), &sum))
    return UINT64_MAX;
  return sum;
}

Engine::Engine(const Model& model, const Kernels& kernels, Threads& threads, std::size_t capacity)
    : model_(model), shape_(model.shape), kernels_(kernels), threads_(threads), capacity_(capacity) {
  if (capacity < 1 || capacity > shape_.context)
    throw Error(Exit::usage,
                fmt::format("{}: has a context of {} tokens, {} are asked for", model.path, shape_.context, capacity));
  require_memory(fmt::format("{}: a cache for {} tokens", model.path, capacity), engine_memory(shape_, capacity),
                 available_memory());
  const std::size_t batch = batch_of(capacity), wide = widest_row(shape_), pairs = shape_.head_size() / 2;
  for (std::size_t position = 0; position < capacity; ++position)
    for (std::size_t pair = 0; pair < pairs; ++pair) rotations_.push_back(rotation_of(position, pair, pairs));
  for (std::vector<float>* cache : {&keys_, &values_}) cache->resize(shape_.blocks * capacity * shape_.embedding_kv());
  for (const Row row : {residual, normed, query, mixed}) buffers_[row].resize(batch * shape_.embedding);
  for (const Row row : {key, value}) buffers_[row].resize(batch * shape_.embedding_kv());
  for (const Row row : {gate, up}) buffers_[row].resize(batch * shape_.feed_forward);
  rounded_.resize(batch * wide);
  quants_.resize(batch * wide);
  scales_.resize(batch * wide / 4);
  offsets_.resize(batch * wide / 4);
  logits_.resize(shape_.vocabulary);
}

std::span<const float> Engine::append(std::span<const Token> tokens) {
  for (const Token token : tokens)
    if (token >= shape_.vocabulary)
      throw Error(Exit::usage, fmt::format("{}: there is no token {}, its vocabulary has {}", model_.path, token,
                                           shape_.vocabulary));
  if (tokens.empty() || tokens.size() > capacity_ - position_)
    throw Error(Exit::usage, fmt::format("{}: {} tokens after {}, where there is room for {}", model_.path,
                                         tokens.size(), position_, capacity_));
  for (std::size_t done = 0; done < tokens.size();) {
    const std::size_t count = std::min(batch_of(capacity_), tokens.size() - done);
    append_batch(tokens.subspan(done, count), done + count == tokens.size());
    done += count;
  }
  for (std::size_t i = 0; i < logits_.size(); ++i)
    if (!std::isfinite(logits_[i]))
      throw Error(Exit::bad,
                  fmt::format("{}: logit {} of position {} is {}", model_.path, i, position_ - 1, logits_[i]));
  return logits_;
}

void Engine::append_batch(std::span<const Token> tokens, bool is_last) {
  const std::size_t width = shape_.embedding, size = row_bytes(model_.embedding.type, width);
  for (std::size_t t = 0; t < tokens.size(); ++t)
    decode_row(model_.embedding.type, model_.embedding.data + tokens[t] * size, {rows(residual) + t * width, width});
  for (std::size_t index = 0; index < model_.blocks.size(); ++index) {
    attend(model_.blocks[index], index, tokens.size());
    feed_forward(model_.blocks[index], tokens.size());
  }
  position_ += tokens.size();
  if (!is_last) return;
  normalise(model_.output_norm, rows(residual) + (tokens.size() - 1) * width, 1);
  multiply({{&model_.output, logits_.data()}}, rows(normed), 1);
}

void Engine::attend(const Block& block, std::size_t index, std::size_t tokens) {
  const std::size_t width_kv = shape_.embedding_kv();
  normalise(block.attention_norm, rows(residual), tokens);
  multiply({{&block.query, rows(query)}, {&block.key, rows(key)}, {&block.value, rows(value)}}, rows(normed), tokens);
  rotate(rows(query), shape_.heads, tokens);
  rotate(rows(key), shape_.heads_kv, tokens);
  std::copy_n(rows(key), tokens * width_kv, cached(keys_, index, position_));
  std::copy_n(rows(value), tokens * width_kv, cached(values_, index, position_));
  threads_.share(tokens * shape_.heads, 1, [&](std::size_t begin, std::size_t end) {
    std::vector<float> scores(position_ + tokens);
    for (std::size_t i = begin; i < end; ++i) attend_head(index, i / shape_.heads, i % shape_.heads, scores);
  });
  multiply({{&block.output, rows(normed)}}, rows(mixed), tokens);
  add_to_residual(rows(normed), tokens);
}

void Engine::attend_head(std::size_t index, std::size_t token, std::size_t head, std::vector<float>& scores) {
  const std::size_t size = shape_.head_size(), width_kv = shape_.embedding_kv(), seen = position_ + token + 1;
  const std::size_t offset_kv = head / (shape_.heads / shape_.heads_kv) * size;
  const float* query_row = rows(query) + token * shape_.embedding + head * size;
  const float* keys = cached(keys_, index, 0) + offset_kv;
  const float* values = cached(values_, index, 0) + offset_kv;
  const float scale = 1.0F / std::sqrt(static_cast<float>(size));
  float largest = -INFINITY;
  for (std::size_t p = 0; p < seen; ++p) {
    scores[p] = kernels_.dot(query_row, keys + p * width_kv, size) * scale;
    largest = std::max(largest, scores[p]);
  }
  for (std::size_t p = 0; p < seen; ++p) scores[p] = exponential(scores[p] - largest);
  float sum = 0;
  for (std::size_t p = 0; p < seen; ++p) sum += scores[p];
  float* out = rows(mixed) + token * shape_.embedding + head * size;
  std::fill_n(out, size, 0.0F);
  for (std::size_t p = 0; p < seen; ++p) kernels_.add_scaled(scores[p] / sum, values + p * width_kv, size, out);
}

void Engine::feed_forward(const Block& block, std::size_t tokens) {
  normalise(block.feed_forward_norm, rows(residual), tokens);
  multiply({{&block.gate, rows(gate)}, {&block.up, rows(up)}}, rows(normed), tokens);
  threads_.share(tokens * shape_.feed_forward, kBlock, [&](std::size_t begin, std::size_t end) {
    float* gates = rows(gate);
    const float* ups = rows(up);
    for (std::size_t i = begin; i < end; ++i) gates[i] = silu(gates[i]) * ups[i];
  });
  multiply({{&block.down, rows(normed)}}, rows(gate), tokens);
  add_to_residual(rows(normed), tokens);
}

void Engine::normalise(const std::vector<float>& weights, const float* from, std::size_t tokens) {
  const std::size_t width = shape_.embedding;
  threads_.share(tokens, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const float* x = from + t * width;
      const float mean = kernels_.dot(x, x, width) / static_cast<float>(width);
      const float scale = 1.0F / std::sqrt(mean + shape_.epsilon);
      float* out = rows(normed) + t * width;
      for (std::size_t i = 0; i < width; ++i) out[i] = x[i] * scale * weights[i];
    }
  });
}

void Engine::rotate(float* vectors, std::size_t heads, std::size_t tokens) const {
  const std::size_t pairs = shape_.head_size() / 2;
  for (std::size_t t = 0; t < tokens; ++t) {
    const Rotation* rotations = rotations_.data() + (position_ + t) * pairs;
    for (std::size_t head = 0; head < heads; ++head) {
      float* vector = vectors + (t * heads + head) * 2 * pairs;
      for (std::size_t i = 0; i < pairs; ++i) {
        const float a = vector[2 * i], b = vector[2 * i + 1];
        vector[2 * i] = a * rotations[i].cosine - b * rotations[i].sine;
        vector[2 * i + 1] = a * rotations[i].sine + b * rotations[i].cosine;
      }
    }
  }
}

Activations Engine::prepare(Type type, const float* from, std::size_t columns, std::size_t tokens) {
  Activations prepared{columns, from, quants_.data(), scales_.data(), offsets_.data()};
  if (type == Type::f32) return prepared;
  if (type == Type::f16) prepared.floats = rounded_.data();
  threads_.share(tokens, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::span<const float> vector(from + t * columns, columns);
      const std::size_t lanes = t * columns / 4;
      if (type == Type::f16)
        round_to_half(vector, rounded_.data() + t * columns);
      else
        quantise(vector, quants_.data() + t * columns, scales_.data() + lanes, offsets_.data() + lanes);
    }
  });
  return prepared;
}

void Engine::multiply(std::initializer_list<std::pair<const Matrix*, float*>> products, const float* from,
                      std::size_t tokens) {
  const Matrix* before = nullptr;
  Activations prepared;
  for (const auto& [matrix, outputs] : products) {
    if (before == nullptr || before->type != matrix->type)
      prepared = prepare(matrix->type, from, matrix->columns, tokens);
    before = matrix;
    threads_.share(matrix->rows, kRowGrain,
                   [&, matrix = matrix, outputs = outputs](std::size_t begin, std::size_t end) {
                     kernels_.multiply(*matrix, prepared, {begin, end, tokens, matrix->rows}, outputs);
                   });
  }
}

void Engine::add_to_residual(const float* values, std::size_t tokens) {
  float* sums = rows(residual);
  for (std::size_t i = 0; i < tokens * shape_.embedding; ++i) sums[i] += values[i];
}

float* Engine::cached(std::vector<float>& cache, std::size_t index, std::size_t position) const {
  return cache.data() + (index * capacity_ + position) * shape_.embedding_kv();
}

}  // namespace ainode::llm
