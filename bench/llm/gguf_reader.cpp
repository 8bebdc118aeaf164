// SPDX-License-Identifier: Apache-2.0
// Reads a GGUF file that anyone may have made. Nothing is believed: a count is held against the bytes that are left, an
// offset against the size, a sum against overflow, before either is used.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "bench/llm/error.h"
#include "bench/llm/gguf.h"
#include "bench/llm/numbers.h"

namespace ainode::llm {
namespace {

constexpr std::uint64_t kMaxName = 4096;      // bytes of a key's or tensor's name
constexpr std::uint64_t kMaxText = 1U << 20;  // bytes of a value
constexpr std::size_t kMaxDimensions = 4;

/// A place in the bytes; every error says where it is.
class Cursor {
 public:
  Cursor(const std::string& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  [[noreturn]] void fail(std::size_t offset, const std::string& what) const {
    throw Error(Exit::bad, fmt::format("{}: offset {}: {}", path_, offset, what));
  }
  std::size_t offset() const { return offset_; }
  std::size_t left() const { return bytes_.size() - offset_; }

  std::span<const std::byte> take(std::uint64_t size, std::string_view what) {
    if (size > left()) fail(offset_, fmt::format("{} needs {} bytes, the file has {} more", what, size, left()));
    const std::span<const std::byte> taken = bytes_.subspan(offset_, size);
    offset_ += size;
    return taken;
  }
  template <class Number>
  Number number(std::string_view what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string text(std::string_view what, std::uint64_t limit) {
    const std::size_t start = offset_;
    const auto length = number<std::uint64_t>(what);
    if (length > limit) fail(start, fmt::format("{} has {} bytes, at most {} are read", what, length, limit));
    const std::span<const std::byte> taken = take(length, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  /// A count of things that need at least `least` bytes each.
  std::uint64_t count(std::string_view what, std::uint64_t least) {
    const std::size_t start = offset_;
    const auto value = number<std::uint64_t>(what);
    if (value > bytes_.size() / least)
      fail(start, fmt::format("{} is {}, more than a file of {} bytes can hold", what, value, bytes_.size()));
    return value;
  }
  std::string name(std::string_view what) {
    const std::size_t start = offset_;
    std::string found = text(what, kMaxName);
    const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
    if (found.empty() || !std::all_of(found.begin(), found.end(), is_plain))
      fail(start, fmt::format("{} is empty or has other than printable ASCII characters", what));
    return found;
  }

 private:
  const std::string& path_;
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
};

std::size_t size_of(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    default:
      return 0;
  }
}

ValueType value_type(Cursor& cursor, const std::string& key) {
  const std::size_t start = cursor.offset();
  const auto type = cursor.number<std::uint32_t>("the type of key " + key);
  if (type > static_cast<std::uint32_t>(ValueType::f64))
    cursor.fail(start, fmt::format("key {}: no type of values has the number {}", key, type));
  return static_cast<ValueType>(type);
}

/// Arrays hold tokenizers, which this program has no use for: they are held to their length and passed over.
void pass_array(Cursor& cursor, const std::string& key) {
  const std::size_t start = cursor.offset();
  const ValueType type = value_type(cursor, key);
  if (type == ValueType::array) cursor.fail(start, fmt::format("key {}: an array of arrays", key));
  const std::size_t size = size_of(type);
  const std::string what = "the array of key " + key;
  const std::uint64_t count = cursor.count("the length of " + what, size == 0 ? 8 : size);
  if (size != 0) {
    cursor.take(count * size, what);
  } else {
    for (std::uint64_t i = 0; i < count; ++i) cursor.text("an element of key " + key, kMaxText);
  }
}

Value read_value(Cursor& cursor, const std::string& key) {
  const ValueType type = value_type(cursor, key);
  const std::string what = "the value of key " + key;
  switch (type) {
    case ValueType::u8:
    case ValueType::boolean:
      return std::uint64_t{cursor.number<std::uint8_t>(what)};
    case ValueType::i8:
      return std::int64_t{cursor.number<std::int8_t>(what)};
    case ValueType::u16:
      return std::uint64_t{cursor.number<std::uint16_t>(what)};
    case ValueType::i16:
      return std::int64_t{cursor.number<std::int16_t>(what)};
    case ValueType::u32:
      return std::uint64_t{cursor.number<std::uint32_t>(what)};
    case ValueType::i32:
      return std::int64_t{cursor.number<std::int32_t>(what)};
    case ValueType::u64:
      return cursor.number<std::uint64_t>(what);
    case ValueType::i64:
      return cursor.number<std::int64_t>(what);
    case ValueType::f32:
      return double{cursor.number<float>(what)};
    case ValueType::f64:
      return cursor.number<double>(what);
    case ValueType::string:
      return cursor.text(what, kMaxText);
    case ValueType::array:
      pass_array(cursor, key);
      break;
  }
  return std::monostate{};
}

void read_header(Cursor& cursor) {
  const std::span<const std::byte> magic = cursor.take(4, "the mark of a GGUF file");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) cursor.fail(0, "is no GGUF file: it does not begin with \"GGUF\"");
  const auto version = cursor.number<std::uint32_t>("the version");
  if (version != 3) cursor.fail(4, fmt::format("GGUF version {}, only version 3 is read", version));
}

std::uint64_t alignment_of(const Gguf& gguf) {
  const auto found = gguf.keys.find("general.alignment");
  if (found == gguf.keys.end()) return kAlignment;
  const auto* value = std::get_if<std::uint64_t>(&found->second);
  if (value == nullptr || *value < 8 || *value > 1U << 16 || !std::has_single_bit(*value))
    throw Error(Exit::bad, fmt::format("{}: key general.alignment: is no power of two from 8 to 65536", gguf.path));
  return *value;
}

/// A tensor's description; `offset` and `size` become bytes once all descriptions are read.
struct Described {
  Tensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  [[noreturn]] void fail(const std::string& path, const std::string& what) const {
    throw Error(Exit::bad, fmt::format("{}: tensor {}: {}", path, tensor.name, what));
  }
};

Type tensor_type(std::uint32_t number, const Described& described, const std::string& path) {
  for (const Type type : {Type::f32, Type::f16, Type::q8_0})
    if (static_cast<std::uint32_t>(type) == number) return type;
  described.fail(path, fmt::format("type {} is none of f32 (0), f16 (1), q8_0 (8)", number));
}

void read_dimensions(Cursor& cursor, Described& described, const std::string& path) {
  const std::string what = "the dimensions of tensor " + described.tensor.name;
  const auto count = cursor.number<std::uint32_t>(what);
  if (count < 1 || count > kMaxDimensions)
    described.fail(path, fmt::format("{} dimensions, from 1 to {} are read", count, kMaxDimensions));
  std::uint64_t elements = 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto dimension = cursor.number<std::uint64_t>(what);
    if (dimension == 0) described.fail(path, fmt::format("dimension {} is 0", i));
    if (__builtin_mul_overflow(elements, dimension, &elements) ||
        elements > std::numeric_limits<std::uint64_t>::max() / 8)
      described.fail(path, "has more elements than 64 bits can count");
    described.tensor.dimensions.push_back(dimension);
  }
}

Described read_description(Cursor& cursor, const std::string& path) {
  Described described;
  described.tensor.name = cursor.name("a tensor's name");
  read_dimensions(cursor, described, path);
  Tensor& tensor = described.tensor;
  tensor.type = tensor_type(cursor.number<std::uint32_t>("the type of tensor " + tensor.name), described, path);
  described.offset = cursor.number<std::uint64_t>("the offset of tensor " + tensor.name);
  const std::uint64_t columns = tensor.dimensions[0];
  if (tensor.type == Type::q8_0 && columns % kBlock != 0)
    described.fail(path, fmt::format("rows of {} numbers are no whole blocks of {}", columns, kBlock));
  std::uint64_t rows = 1;
  for (std::size_t i = 1; i < tensor.dimensions.size(); ++i) rows *= tensor.dimensions[i];
  described.size = row_bytes(tensor.type, columns) * rows;  // below 2^64: elements are below 2^61
  return described;
}

void place(std::vector<Described>& all, std::span<const std::byte> data, std::uint64_t alignment, Gguf& gguf) {
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  const Described* before = nullptr;
  for (Described& described : all) {
    if (described.offset % alignment != 0)
      described.fail(gguf.path, fmt::format("offset {} is no multiple of {}", described.offset, alignment));
    if (described.offset > data.size() || described.size > data.size() - described.offset)
      described.fail(gguf.path, fmt::format("{} bytes at offset {} of the data, which has {} bytes", described.size,
                                            described.offset, data.size()));
    if (before != nullptr && before->offset + before->size > described.offset)
      described.fail(gguf.path, fmt::format("lies over tensor {}", before->tensor.name));
    described.tensor.data = data.subspan(described.offset, described.size);
    before = &described;
  }
  for (Described& described : all) {
    const std::string name = described.tensor.name;
    if (!gguf.tensors.emplace(name, std::move(described.tensor)).second)
      throw Error(Exit::bad, fmt::format("{}: tensor {}: is there twice", gguf.path, name));
  }
}

}  // namespace

Gguf read_gguf(const std::string& path, std::span<const std::byte> bytes) {
  Cursor cursor(path, bytes);
  read_header(cursor);
  const std::uint64_t tensors = cursor.count("the number of tensors", 32),
                      keys = cursor.count("the number of keys", 13);
  Gguf gguf{path, {}, {}};
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::size_t start = cursor.offset();
    const std::string key = cursor.name("a key's name");
    if (!gguf.keys.emplace(key, read_value(cursor, key)).second)
      cursor.fail(start, fmt::format("key {} is there twice", key));
  }
  std::vector<Described> described;
  for (std::uint64_t i = 0; i < tensors; ++i) described.push_back(read_description(cursor, path));
  // From here on, positions count from where the data begins.
  const std::uint64_t alignment = alignment_of(gguf);
  const std::uint64_t padding = (alignment - cursor.offset() % alignment) % alignment;
  cursor.take(described.empty() ? 0 : padding, "the padding before the data");
  place(described, bytes.subspan(cursor.offset()), alignment, gguf);
  return gguf;
}

void decode_row(Type type, const std::byte* row, std::span<float> values) {
  switch (type) {
    case Type::f32:
      std::memcpy(values.data(), row, values.size_bytes());
      break;
    case Type::f16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint16_t half = 0;
        std::memcpy(&half, row + i * sizeof half, sizeof half);
        values[i] = half_to_float(half);
      }
      break;
    case Type::q8_0:
      for (std::size_t i = 0; i < values.size() / kBlock; ++i) {
        Q8Block block;
        std::memcpy(&block, row + i * sizeof block, sizeof block);
        for (std::size_t k = 0; k < kBlock; ++k)
          values[i * kBlock + k] = half_to_float(block.scale) * static_cast<float>(block.values[k]);
      }
      break;
  }
}

}  // namespace ainode::llm
