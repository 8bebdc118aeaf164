// SPDX-License-Identifier: Apache-2.0
// What a model is made of: its hyper-parameters, and the tensors that follow from them. Writer, reader and engine take
// the list of tensors from here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::llm {

/// How a tensor's numbers lie in the file, by GGUF's own numbering (ggml.h, enum ggml_type).
enum class Type : std::uint32_t { f32 = 0, f16 = 1, q8_0 = 8 };
std::string_view name_of(Type type);
std::optional<Type> type_named(std::string_view name);

/// Thirty-two numbers, each an eighth of a byte more than a byte: half of the scale, then what is multiplied by it.
struct Q8Block {
  std::uint16_t scale;
  std::array<std::int8_t, 32> values;
};
static_assert(sizeof(Q8Block) == 34);
inline constexpr std::size_t kBlock = 32;

/// Bytes of a row of `columns` numbers, a multiple of kBlock.
std::size_t row_bytes(Type type, std::size_t columns);

/// Hyper-parameters of a llama (Touvron et al., 2023) with grouped-query attention.
struct Shape {
  std::string name;
  std::size_t vocabulary = 0;
  std::size_t context = 0;
  std::size_t embedding = 0;
  std::size_t blocks = 0;
  std::size_t feed_forward = 0;
  std::size_t heads = 0;
  std::size_t heads_kv = 0;
  float epsilon = 1e-5F;

  std::size_t head_size() const { return embedding / heads; }
  std::size_t embedding_kv() const { return head_size() * heads_kv; }
};

/// 3m and 24m for guests, 134m for hosts: larger than a last-level cache in every type but, for guests, q8_0.
const std::vector<Shape>& shapes();
const Shape* shape_named(std::string_view name);

struct TensorPlan {
  std::string name;
  std::size_t columns;  // the numbers that lie side by side; GGUF's first dimension
  std::size_t rows;     // 1: a vector
  bool is_norm;         // always f32, around 1
};
/// In the order of the file.
std::vector<TensorPlan> tensors_of(const Shape& shape);
std::uint64_t parameters_of(const Shape& shape);

}  // namespace ainode::llm
