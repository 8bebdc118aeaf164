// SPDX-License-Identifier: Apache-2.0
// The named shapes, and the tensors of any shape.
#include "bench/llm/shape.h"

#include <fmt/format.h>

namespace ainode::llm {
namespace {

constexpr std::array<std::pair<Type, std::string_view>, 3> kTypes = {
    {{Type::f32, "f32"}, {Type::f16, "f16"}, {Type::q8_0, "q8_0"}}};

}  // namespace

std::string_view name_of(Type type) {
  for (const auto& [known, name] : kTypes)
    if (known == type) return name;
  return "unknown";
}

std::optional<Type> type_named(std::string_view name) {
  for (const auto& [type, known] : kTypes)
    if (known == name) return type;
  return std::nullopt;
}

std::size_t row_bytes(Type type, std::size_t columns) {
  switch (type) {
    case Type::f32:
      return columns * 4;
    case Type::f16:
      return columns * 2;
    case Type::q8_0:
      return columns / kBlock * sizeof(Q8Block);
  }
  return 0;
}

const std::vector<Shape>& shapes() {
  //  name, vocabulary, context, embedding, blocks, feed forward, heads, of keys and values
  static const std::vector<Shape> all = {
      {"3m", 8192, 512, 128, 4, 448, 4, 2},
      {"24m", 32000, 512, 288, 6, 896, 6, 2},
      {"134m", 32000, 1024, 768, 12, 2400, 12, 4},
  };
  return all;
}

const Shape* shape_named(std::string_view name) {
  for (const Shape& shape : shapes())
    if (shape.name == name) return &shape;
  return nullptr;
}

std::vector<TensorPlan> tensors_of(const Shape& shape) {
  const std::size_t width = shape.embedding, kv = shape.embedding_kv(), inner = shape.feed_forward;
  std::vector<TensorPlan> plan = {{"token_embd.weight", width, shape.vocabulary, false},
                                  {"output_norm.weight", width, 1, true},
                                  {"output.weight", width, shape.vocabulary, false}};
  for (std::size_t block = 0; block < shape.blocks; ++block) {
    const auto add = [&](std::string_view name, std::size_t columns, std::size_t rows, bool is_norm = false) {
      plan.push_back({fmt::format("blk.{}.{}.weight", block, name), columns, rows, is_norm});
    };
    add("attn_norm", width, 1, true);
    add("attn_q", width, width);
    add("attn_k", width, kv);
    add("attn_v", width, kv);
    add("attn_output", width, width);
    add("ffn_norm", width, 1, true);
    add("ffn_gate", width, inner);
    add("ffn_up", width, inner);
    add("ffn_down", inner, width);
  }
  return plan;
}

std::uint64_t parameters_of(const Shape& shape) {
  std::uint64_t sum = 0;
  for (const TensorPlan& tensor : tensors_of(shape)) sum += std::uint64_t{tensor.columns} * tensor.rows;
  return sum;
}

}  // namespace ainode::llm
