// SPDX-License-Identifier: Apache-2.0
// GGUF version 3, the file of a model: a header, keys with values, the tensors' descriptions, padding, their data.
// Specification: docs/gguf.md of the ggml project. All numbers are little-endian.
//
//   "GGUF", u32 version, u64 tensors, u64 keys
//   key:    string name, u32 type, value          string: u64 length, bytes; array: u32 type, u64 count, elements
//   tensor: string name, u32 dimensions, u64 each, u32 type, u64 offset counted from where the data begins
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bench/llm/shape.h"

namespace ainode::llm {

inline constexpr std::size_t kAlignment = 32;

enum class ValueType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// Integers of any width, floats of any width, text; arrays are checked and passed over, and are monostate.
using Value = std::variant<std::monostate, std::uint64_t, std::int64_t, double, std::string>;

struct Tensor {
  std::string name;
  Type type = Type::f32;
  std::vector<std::uint64_t> dimensions;
  std::span<const std::byte> data;  // within the file's bytes
};

/// A file that was read and holds to the format. Its tensors lie within `bytes`, which must outlive it.
struct Gguf {
  std::string path;
  std::map<std::string, Value> keys;
  std::map<std::string, Tensor> tensors;
};

/// Takes foreign bytes: every count, offset, length, type and dimension is checked. Throws Error(bad) that names the
/// file, and the offset, key or tensor. `bytes` begin at a multiple of 8.
Gguf read_gguf(const std::string& path, std::span<const std::byte> bytes);

/// What is written, piece by piece.
using Sink = std::function<void(std::span<const std::byte>)>;

/// The same bytes for the same shape and type, always. Weights are N(0, 0.02), those of norms 1 + N(0, 0.02).
void write_gguf(const Shape& shape, Type type, const Sink& sink);
/// How many bytes that will be.
std::uint64_t gguf_size(const Shape& shape, Type type);

/// A row of numbers as `type` has them; columns is a multiple of kBlock.
void encode_row(Type type, std::span<const float> values, std::byte* row);
void decode_row(Type type, const std::byte* row, std::span<float> values);

}  // namespace ainode::llm
