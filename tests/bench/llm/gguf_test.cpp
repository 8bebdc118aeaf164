// SPDX-License-Identifier: Apache-2.0
// The writer's bytes never change; the reader refuses whatever does not hold to the format, and says where.
#include "bench/llm/gguf.h"

#include <cmath>

#include "bench/llm/numbers.h"
#include "tests/bench/llm/tiny_model.h"

namespace ainode::llm {
namespace {

std::uint64_t digest_of(const Shape& shape, Type type) {
  Digest digest;
  write_gguf(shape, type, [&](std::span<const std::byte> piece) { digest.add(piece.data(), piece.size()); });
  return digest.value();
}

TEST(GgufWriter, MakesTheSameBytesAlways) {
  EXPECT_EQ(digest_of(*shape_named("3m"), Type::f32), 0xd6a0982f5d3df79eU);
  EXPECT_EQ(digest_of(*shape_named("3m"), Type::f16), 0xfd069161f2f17237U);
  EXPECT_EQ(digest_of(*shape_named("3m"), Type::q8_0), 0x76c490f174d9b30fU);
}

TEST(GgufWriter, KnowsItsSizeBeforehand) {
  for (const Type type : {Type::f32, Type::f16, Type::q8_0})
    EXPECT_EQ(gguf_size(kTiny, type), bytes_of(kTiny, type).size()) << name_of(type);
}

TEST(GgufWriter, NamesShapesByTheirParameters) {
  EXPECT_EQ(parameters_of(*shape_named("3m")), 2983040U);
  EXPECT_EQ(parameters_of(*shape_named("24m")), 24407712U);
  EXPECT_EQ(parameters_of(*shape_named("134m")), 134400768U);
}

TEST(GgufWriter, DrawsWeightsFromANormalDistribution) {
  const Weights weights(3);
  const int count = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < count; ++i) {
    const double x = weights(i) / 0.02;
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1, 0.01);
  EXPECT_NEAR(fourth / count, 2.85, 0.05);  // eight uniform numbers; a normal distribution has 3
}

TEST(GgufReader, FindsWhatWasWritten) {
  const Bytes bytes = bytes_of(kTiny, Type::f16);
  const Gguf gguf = read_gguf("tiny.gguf", bytes);
  EXPECT_EQ(std::get<std::string>(gguf.keys.at("general.architecture")), "llama");
  EXPECT_EQ(std::get<std::uint64_t>(gguf.keys.at("llama.embedding_length")), 32U);
  EXPECT_EQ(gguf.tensors.size(), tensors_of(kTiny).size());
  const Tensor& tensor = gguf.tensors.at("blk.0.attn_k.weight");
  EXPECT_EQ(tensor.dimensions, (std::vector<std::uint64_t>{32, 16}));
  EXPECT_EQ((tensor.data.data() - bytes.data()) % 32, 0);
  std::vector<float> row(32);
  decode_row(tensor.type, tensor.data.data(), row);
  EXPECT_EQ(row[5], half_to_float(float_to_half(Weights(5)(5))));
}

TEST(GgufReader, KeepsEightBitsOfEachWeight) {
  std::vector<float> values(64), back(64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = Weights(1)(i);
  std::vector<std::byte> row(row_bytes(Type::q8_0, 64));
  encode_row(Type::q8_0, values, row.data());
  decode_row(Type::q8_0, row.data(), back);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(back[i], values[i], 0.1 / 127);
}

struct Case {
  const char* what;
  std::function<void(Bytes&)> spoil;
  std::string message;
};

std::size_t tensor_at(const Bytes& bytes) {
  return after(bytes, "blk.0.attn_q.weight");  // u32 dimensions, u64 × 2, u32 type, u64 offset
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"nothing", [](Bytes& b) { b.clear(); }, "offset 0: the mark of a GGUF file needs 4 bytes, the file has 0 more"},
      {"another format", [](Bytes& b) { b[0] = std::byte{'g'}; },
       "offset 0: is no GGUF file: it does not begin with \"GGUF\""},
      {"version", [](Bytes& b) { put(b, 4, 2U); }, "offset 4: GGUF version 2, only version 3 is read"},
      {"tensors", [](Bytes& b) { put(b, 8, ~std::uint64_t{0}); },
       "offset 8: the number of tensors is 18446744073709551615, more than a file of 12608 bytes can hold"},
      {"keys", [](Bytes& b) { put(b, 16, std::uint64_t{1000}); },
       "offset 16: the number of keys is 1000, more than a file of 12608 bytes can hold"},
      {"a long name", [](Bytes& b) { put(b, 24, std::uint64_t{4097}); },
       "offset 24: a key's name has 4097 bytes, at most 4096 are read"},
      {"less than its counts", [](Bytes& b) { b.resize(40); },
       "offset 8: the number of tensors is 12, more than a file of 40 bytes can hold"},
      {"a name over the end", [](Bytes& b) { b.resize(390); },
       "offset 379: a key's name needs 25 bytes, the file has 11 more"},
      {"a name with a line end", [](Bytes& b) { b[32] = std::byte{'\n'}; },
       "offset 24: a key's name is empty or has other than printable ASCII characters"},
      {"a type of values", [](Bytes& b) { put(b, after(b, "general.architecture"), 13U); },
       "offset 52: key general.architecture: no type of values has the number 13"},
      {"an array of arrays",
       [](Bytes& b) {
         put(b, after(b, "general.architecture"), 9U);
         put(b, after(b, "general.architecture") + 4, 9U);
       },
       "offset 56: key general.architecture: an array of arrays"},
      {"a long array",
       [](Bytes& b) {
         const std::size_t at = after(b, "general.name");
         put(b, at, 9U);
         put(b, at + 4, 12U);
         put(b, at + 8, ~std::uint64_t{0} / 8);
       },
       "offset 97: the length of the array of key general.name is 2305843009213693951, more than a file of 12608 bytes "
       "can hold"},
      {"a key twice",
       [](Bytes& b) { std::memcpy(b.data() + after(b, "llama.block_count") - 17, "general.alignment", 17); },
       "offset 338: key general.alignment is there twice"},
      {"alignment", [](Bytes& b) { put(b, after(b, "general.alignment") + 4, 24U); },
       "key general.alignment: is no power of two from 8 to 65536"},
      {"no dimensions", [](Bytes& b) { put(b, tensor_at(b), 0U); },
       "tensor blk.0.attn_q.weight: 0 dimensions, from 1 to 4 are read"},
      {"many dimensions", [](Bytes& b) { put(b, tensor_at(b), 5U); },
       "tensor blk.0.attn_q.weight: 5 dimensions, from 1 to 4 are read"},
      {"a dimension of nothing", [](Bytes& b) { put(b, tensor_at(b) + 12, std::uint64_t{0}); },
       "tensor blk.0.attn_q.weight: dimension 1 is 0"},
      {"overflow", [](Bytes& b) { put(b, tensor_at(b) + 12, std::uint64_t{1} << 59U); },
       "tensor blk.0.attn_q.weight: has more elements than 64 bits can count"},
      {"a type of tensors", [](Bytes& b) { put(b, tensor_at(b) + 20, 2U); },
       "tensor blk.0.attn_q.weight: type 2 is none of f32 (0), f16 (1), q8_0 (8)"},
      {"half a block", [](Bytes& b) { put(b, tensor_at(b) + 4, std::uint64_t{33}); },
       "tensor blk.0.attn_q.weight: rows of 33 numbers are no whole blocks of 32"},
      {"an odd offset", [](Bytes& b) { put(b, tensor_at(b) + 24, std::uint64_t{8}); },
       "tensor blk.0.attn_q.weight: offset 8 is no multiple of 32"},
      {"an offset beyond the end", [](Bytes& b) { put(b, tensor_at(b) + 24, ~std::uint64_t{31}); },
       "tensor blk.0.attn_q.weight: 1088 bytes at offset 18446744073709551584 of the data, which has 11264 bytes"},
      {"a tensor over another", [](Bytes& b) { put(b, tensor_at(b) + 24, std::uint64_t{0}); },
       "tensor blk.0.attn_q.weight: lies over tensor token_embd.weight"},
      {"a tensor over the end", [](Bytes& b) { b.resize(b.size() - 32); },
       "tensor blk.0.ffn_down.weight: 1088 bytes at offset 10176 of the data, which has 11232 bytes"},
      {"a tensor twice", [](Bytes& b) { b[after(b, "blk.0.attn_q.weight") - 8] = std::byte{'k'}; },
       "tensor blk.0.attn_k.weight: is there twice"},
  };
  return all;
}

TEST(GgufReader, RefusesEachKindOfCorruptionWithItsMessage) {
  for (const Case& one : cases()) {
    Bytes bytes = bytes_of(kTiny, Type::q8_0);
    one.spoil(bytes);
    const Refusal refusal = refusal_of([&] { read_gguf("tiny.gguf", bytes); });
    EXPECT_EQ(refusal.message, "tiny.gguf: " + one.message) << one.what;
    EXPECT_EQ(refusal.exit, Exit::bad) << one.what;
  }
}

TEST(GgufReader, RefusesAFileThatEndsAnywhere) {
  const Bytes whole = bytes_of(kTiny, Type::q8_0);
  for (std::size_t size = 0; size < whole.size() - 31; ++size) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_NE(refusal_of([&] { read_gguf("tiny.gguf", part); }).message, "") << size << " of " << whole.size();
  }
}

TEST(GgufReader, PassesOverTheArraysOfATokenizer) {
  const Bytes whole = bytes_of(kTiny, Type::q8_0);
  const std::size_t type = after(whole, "general.name");  // u32 type; a text of 21 bytes with its length: 29 bytes
  Bytes numbers = whole, texts = whole;
  for (Bytes* bytes : {&numbers, &texts}) put(*bytes, type, 9U);
  put(numbers, type + 4, 0U);  // seventeen u8
  put(numbers, type + 8, std::uint64_t{17});
  put(texts, type + 4, 8U);  // a text of no bytes, one of one
  put(texts, type + 8, std::uint64_t{2});
  put(texts, type + 16, std::uint64_t{0});
  put(texts, type + 24, std::uint64_t{1});
  for (const Bytes& bytes : {numbers, texts}) {
    const Gguf gguf = read_gguf("tiny.gguf", bytes);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(gguf.keys.at("general.name")));
    EXPECT_EQ(gguf.tensors.size(), tensors_of(kTiny).size());
  }
}

}  // namespace
}  // namespace ainode::llm
