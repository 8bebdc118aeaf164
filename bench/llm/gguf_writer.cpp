// SPDX-License-Identifier: Apache-2.0
// Writes a model that was never trained: header first, which says where everything will lie, then row after row.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "bench/llm/gguf.h"
#include "bench/llm/numbers.h"

namespace ainode::llm {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::uint64_t padding_after(std::uint64_t size) {
  return (kAlignment - size % kAlignment) % kAlignment;
}

Type type_of(const TensorPlan& tensor, Type type) {
  return tensor.is_norm ? Type::f32 : type;
}
std::uint64_t size_of(const TensorPlan& tensor, Type type) {
  return std::uint64_t{row_bytes(type_of(tensor, type), tensor.columns)} * tensor.rows;
}

class Header {
 public:
  template <class Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(std::uint64_t{value.size()});
    bytes_ += value;
  }
  void key(std::string_view name, std::uint64_t value) {
    named(name, ValueType::u32);
    number(static_cast<std::uint32_t>(value));
  }
  void key(std::string_view name, float value) {
    named(name, ValueType::f32);
    number(value);
  }
  void key(std::string_view name, std::string_view value) {
    named(name, ValueType::string);
    text(value);
  }
  std::string take() {
    bytes_.append(padding_after(bytes_.size()), '\0');
    return std::move(bytes_);
  }
  void magic() { bytes_ = "GGUF"; }

 private:
  void named(std::string_view name, ValueType type) {
    text(name);
    number(static_cast<std::uint32_t>(type));
  }

  std::string bytes_;
};

/// llama.cpp's name for "mostly this type" (llama.h, enum llama_ftype).
std::uint64_t file_type(Type type) {
  return type == Type::q8_0 ? 7 : type == Type::f16 ? 1 : 0;
}

constexpr std::uint64_t kKeys = 15;

void add_keys(Header& header, const Shape& shape, Type type) {
  header.key("general.architecture", std::string_view("llama"));
  header.key("general.name", "ainode-synthetic-" + shape.name);
  header.key("general.alignment", kAlignment);
  header.key("general.file_type", file_type(type));
  header.key("general.quantization_version", std::uint64_t{2});
  header.key("llama.vocab_size", shape.vocabulary);
  header.key("llama.context_length", shape.context);
  header.key("llama.embedding_length", shape.embedding);
  header.key("llama.block_count", shape.blocks);
  header.key("llama.feed_forward_length", shape.feed_forward);
  header.key("llama.attention.head_count", shape.heads);
  header.key("llama.attention.head_count_kv", shape.heads_kv);
  header.key("llama.attention.layer_norm_rms_epsilon", shape.epsilon);
  header.key("llama.rope.dimension_count", shape.head_size());
  header.key("tokenizer.ggml.model", std::string_view("no_vocab"));
}

std::string header_of(const Shape& shape, Type type) {
  const std::vector<TensorPlan> plan = tensors_of(shape);
  Header header;
  header.magic();
  header.number(std::uint32_t{3});
  header.number(std::uint64_t{plan.size()});
  header.number(kKeys);
  add_keys(header, shape, type);
  std::uint64_t offset = 0;
  for (const TensorPlan& tensor : plan) {
    header.text(tensor.name);
    header.number(std::uint32_t{tensor.rows == 1 ? 1U : 2U});
    header.number(std::uint64_t{tensor.columns});
    if (tensor.rows != 1) header.number(std::uint64_t{tensor.rows});
    header.number(static_cast<std::uint32_t>(type_of(tensor, type)));
    header.number(offset);
    offset += size_of(tensor, type) + padding_after(size_of(tensor, type));
  }
  return header.take();
}

void encode_block(const float* values, std::byte* out) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffU);
  const float scale = std::bit_cast<float>(largest) / 127.0F;
  const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
  Q8Block block = {float_to_half(scale), {}};
  for (std::size_t i = 0; i < kBlock; ++i) block.values[i] = static_cast<std::int8_t>(to_nearest(values[i] * inverse));
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void encode_row(Type type, std::span<const float> values, std::byte* row) {
  switch (type) {
    case Type::f32:
      std::memcpy(row, values.data(), values.size_bytes());
      break;
    case Type::f16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t half = float_to_half(values[i]);
        std::memcpy(row + i * sizeof half, &half, sizeof half);
      }
      break;
    case Type::q8_0:
      for (std::size_t i = 0; i < values.size() / kBlock; ++i)
        encode_block(values.data() + i * kBlock, row + i * sizeof(Q8Block));
      break;
  }
}

void write_gguf(const Shape& shape, Type type, const Sink& sink) {
  const std::string header = header_of(shape, type);
  sink(std::as_bytes(std::span(header)));
  std::uint64_t stream = 0;
  for (const TensorPlan& tensor : tensors_of(shape)) {
    const Weights weights(stream++);
    std::vector<float> values(tensor.columns);
    std::vector<std::byte> row(row_bytes(type_of(tensor, type), tensor.columns));
    for (std::uint64_t r = 0; r < tensor.rows; ++r) {
      for (std::uint64_t i = 0; i < tensor.columns; ++i)
        values[i] = (tensor.is_norm ? 1.0F : 0.0F) + weights(r * tensor.columns + i);
      encode_row(type_of(tensor, type), values, row.data());
      sink(row);
    }
    sink(std::vector<std::byte>(padding_after(size_of(tensor, type))));
  }
}

std::uint64_t gguf_size(const Shape& shape, Type type) {
  std::uint64_t size = header_of(shape, type).size();
  for (const TensorPlan& tensor : tensors_of(shape))
    size += size_of(tensor, type) + padding_after(size_of(tensor, type));
  return size;
}

}  // namespace ainode::llm
