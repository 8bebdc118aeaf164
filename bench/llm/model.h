// SPDX-License-Identifier: Apache-2.0
// A GGUF file that is a llama this engine computes rightly: the keys it needs have values it can take, each tensor is
// there with its dimensions, and there is nothing that it would leave out.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bench/llm/gguf.h"
#include "bench/llm/kernels.h"
#include "bench/llm/memory.h"
#include "bench/llm/shape.h"

namespace ainode::llm {

struct Block {
  std::vector<float> attention_norm, feed_forward_norm;
  Matrix query, key, value, output, gate, up, down;
};

/// Its matrices lie within the bytes that it was made of, which must outlive it.
struct Model {
  std::string path;         // for messages
  Shape shape;              // its name is empty unless it is one of shapes()
  Type type = Type::f32;    // of the output matrix
  std::uint64_t bytes = 0;  // of all tensors
  Matrix embedding, output;
  std::vector<float> output_norm;
  std::vector<Block> blocks;
};

/// Throws Error(bad) that names the file, and the key or the tensor.
Model read_model(const std::string& path, std::span<const std::byte> bytes);

/// The bytes of a named shape, made in memory.
Memory make_model(const Shape& shape, Type type);

}  // namespace ainode::llm
