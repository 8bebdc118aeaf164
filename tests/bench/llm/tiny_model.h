// SPDX-License-Identifier: Apache-2.0
// A model that fits on a page, and ways to spoil its bytes.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/llm/error.h"
#include "bench/llm/model.h"

namespace ainode::llm {

inline const Shape kTiny = {"tiny", 64, 64, 32, 1, 32, 2, 1};

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(const Shape& shape, Type type) {
  Bytes bytes;
  write_gguf(shape, type,
             [&](std::span<const std::byte> piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return bytes;
}

/// The offset of what follows the name of a key (its type) or of a tensor (its number of dimensions).
inline std::size_t after(const Bytes& bytes, const std::string& name) {
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string prefixed(8, '\0');
  prefixed[0] = static_cast<char>(name.size());
  const std::size_t found = text.find(prefixed + name);
  EXPECT_NE(found, std::string::npos) << name;
  return found + 8 + name.size();
}

template <class Number>
void put(Bytes& bytes, std::size_t offset, Number value) {
  ASSERT_LE(offset + sizeof value, bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

struct Refusal {
  std::string message;
  Exit exit = Exit::good;
};

/// What `work` throws; an empty message when it does not.
inline Refusal refusal_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.what(), error.exit()};
  }
  return {};
}

/// Bytes with the model that lies in them.
struct Held {
  explicit Held(Bytes given) : bytes(std::move(given)), model(read_model("tiny.gguf", bytes)) {}
  Held(const Shape& shape, Type type) : Held(bytes_of(shape, type)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  Bytes bytes;
  Model model;
};

}  // namespace ainode::llm
