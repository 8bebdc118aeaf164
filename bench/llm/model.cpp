// SPDX-License-Identifier: Apache-2.0
// From keys and tensors that hold to the format to a model. Limits on hyper-parameters keep all later products of them
// within 64 bits.
#include "bench/llm/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "bench/llm/error.h"

namespace ainode::llm {
namespace {

constexpr double kRopeBase = 10000;

class Reader {
 public:
  explicit Reader(const Gguf& gguf) : gguf_(gguf) {}

  [[noreturn]] void fail(std::string_view kind, std::string_view name, const std::string& what) const {
    throw Error(Exit::bad, fmt::format("{}: {} {}: {}", gguf_.path, kind, name, what));
  }

  const Value* find(const std::string& key) const {
    const auto found = gguf_.keys.find(key);
    return found == gguf_.keys.end() ? nullptr : &found->second;
  }

  std::size_t integer(const std::string& key, std::uint64_t largest) const {
    const Value* value = find(key);
    if (value == nullptr) fail("key", key, "is missing");
    const auto* number = std::get_if<std::uint64_t>(value);
    const auto* with_sign = std::get_if<std::int64_t>(value);
    if (number == nullptr && with_sign == nullptr) fail("key", key, "is no integer");
    if (number != nullptr ? *number < 1 || *number > largest
                          : *with_sign < 1 || static_cast<std::uint64_t>(*with_sign) > largest)
      fail("key", key, fmt::format("is not from 1 to {}", largest));
    return number != nullptr ? *number : static_cast<std::size_t>(*with_sign);
  }

  double real(const std::string& key) const {
    const Value* value = find(key);
    if (value == nullptr) fail("key", key, "is missing");
    const auto* number = std::get_if<double>(value);
    if (number == nullptr) fail("key", key, "is no floating-point number");
    return *number;
  }

  void require_text(const std::string& key, std::string_view expected) const {
    const Value* value = find(key);
    if (value == nullptr) fail("key", key, "is missing");
    const auto* text = std::get_if<std::string>(value);
    if (text == nullptr || *text != expected) fail("key", key, fmt::format("is not \"{}\"", expected));
  }

  const Tensor& tensor(const TensorPlan& plan) const {
    const auto found = gguf_.tensors.find(plan.name);
    if (found == gguf_.tensors.end()) fail("tensor", plan.name, "is missing");
    const Tensor& tensor = found->second;
    std::vector<std::uint64_t> expected = {plan.columns};
    if (!plan.is_norm) expected.push_back(plan.rows);
    if (tensor.dimensions != expected)
      fail("tensor", plan.name,
           fmt::format("has dimensions [{}], its keys ask for [{}]", fmt::join(tensor.dimensions, ", "),
                       fmt::join(expected, ", ")));
    if (plan.is_norm && tensor.type != Type::f32) fail("tensor", plan.name, "a norm's weights must be f32");
    return tensor;
  }

  /// What this engine would silently leave out makes other logits.
  void require_nothing_else(const std::vector<TensorPlan>& plan) const {
    std::set<std::string_view> known;
    for (const TensorPlan& tensor : plan) known.insert(tensor.name);
    for (const auto& [name, tensor] : gguf_.tensors)
      if (!known.contains(name)) fail("tensor", name, "is not part of this architecture");
    for (const auto& [key, value] : gguf_.keys) {
      if (!key.starts_with("llama.rope.") || key == "llama.rope.dimension_count") continue;
      if (key != "llama.rope.freq_base") fail("key", key, "is not known to this engine");
      if (real(key) != kRopeBase) fail("key", key, fmt::format("is not {}", kRopeBase));
    }
  }

 private:
  const Gguf& gguf_;
};

Shape read_shape(const Reader& reader) {
  reader.require_text("general.architecture", "llama");
  const std::string head_count = "llama.attention.head_count";
  Shape shape;
  shape.vocabulary = reader.integer("llama.vocab_size", 1U << 24);
  shape.context = reader.integer("llama.context_length", 1U << 24);
  shape.embedding = reader.integer("llama.embedding_length", 1U << 16);
  shape.blocks = reader.integer("llama.block_count", 1024);
  shape.feed_forward = reader.integer("llama.feed_forward_length", 1U << 20);
  shape.heads = reader.integer(head_count, 1024);
  shape.heads_kv = reader.integer(head_count + "_kv", 1024);
  shape.epsilon = static_cast<float>(reader.real("llama.attention.layer_norm_rms_epsilon"));
  if (!(shape.epsilon > 0 && shape.epsilon < 1))
    reader.fail("key", "llama.attention.layer_norm_rms_epsilon", "is not between 0 and 1");
  if (shape.embedding % kBlock != 0)
    reader.fail("key", "llama.embedding_length", fmt::format("is no multiple of {}", kBlock));
  if (shape.feed_forward % kBlock != 0)
    reader.fail("key", "llama.feed_forward_length", fmt::format("is no multiple of {}", kBlock));
  if (shape.embedding % shape.heads != 0 || shape.head_size() % kLanes != 0)
    reader.fail("key", head_count, fmt::format("makes no heads whose size is a multiple of {}", kLanes));
  if (shape.heads % shape.heads_kv != 0) reader.fail("key", head_count + "_kv", "does not divide the number of heads");
  if (reader.integer("llama.rope.dimension_count", 1U << 16) != shape.head_size())
    reader.fail("key", "llama.rope.dimension_count", "is not the size of a head");
  return shape;
}

std::string name_of(const Shape& shape) {
  const auto key = [](const Shape& s) {
    return std::tuple(s.vocabulary, s.context, s.embedding, s.blocks, s.feed_forward, s.heads, s.heads_kv, s.epsilon);
  };
  for (const Shape& named : shapes())
    if (key(named) == key(shape)) return named.name;
  return "";
}

}  // namespace

Model read_model(const std::string& path, std::span<const std::byte> bytes) {
  const Gguf gguf = read_gguf(path, bytes);
  const Reader reader(gguf);
  Model model;
  model.path = path;
  model.shape = read_shape(reader);
  model.shape.name = name_of(model.shape);
  const std::vector<TensorPlan> plan = tensors_of(model.shape);
  reader.require_nothing_else(plan);
  // The plan's order is that of the members below.
  std::size_t next = 0;
  const auto matrix = [&] {
    const TensorPlan& tensor = plan[next++];
    const Tensor& found = reader.tensor(tensor);
    model.bytes += found.data.size();
    return Matrix{found.type, found.data.data(), tensor.columns, tensor.rows};
  };
  const auto norm = [&] {
    const Tensor& found = reader.tensor(plan[next++]);
    model.bytes += found.data.size();
    std::vector<float> values(found.data.size() / sizeof(float));
    std::memcpy(values.data(), found.data.data(), found.data.size());
    return values;
  };
  model.embedding = matrix();
  model.output_norm = norm();
  model.output = matrix();
  model.type = model.output.type;
  for (std::size_t i = 0; i < model.shape.blocks; ++i) {
    Block block;
    block.attention_norm = norm();
    for (Matrix* part : {&block.query, &block.key, &block.value, &block.output}) *part = matrix();
    block.feed_forward_norm = norm();
    for (Matrix* part : {&block.gate, &block.up, &block.down}) *part = matrix();
    model.blocks.push_back(std::move(block));
  }
  return model;
}

Memory make_model(const Shape& shape, Type type) {
  Memory memory(fmt::format("the model {} in {}", shape.name, name_of(type)), gguf_size(shape, type));
  std::size_t offset = 0;
  write_gguf(shape, type, [&](std::span<const std::byte> piece) {
    if (!piece.empty()) std::memcpy(memory.bytes().data() + offset, piece.data(), piece.size());
    offset += piece.size();
  });
  return memory;
}

}  // namespace ainode::llm
