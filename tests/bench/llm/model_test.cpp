// SPDX-License-Identifier: Apache-2.0
// A file may hold to the format and yet be no model that this engine computes rightly: each reason has its message.
#include "bench/llm/model.h"

#include "tests/bench/llm/tiny_model.h"

namespace ainode::llm {
namespace {

void rename_in(Bytes& bytes, const std::string& name, const std::string& other) {
  ASSERT_EQ(name.size(), other.size());
  std::memcpy(bytes.data() + after(bytes, name) - name.size(), other.data(), other.size());
}

/// The value of a key of type u32 or f32.
template <class Number>
void set_key(Bytes& bytes, const std::string& name, Number value) {
  put(bytes, after(bytes, name) + 4, value);
}

TEST(Model, KnowsTheNamedShapes) {
  const Memory memory = make_model(*shape_named("3m"), Type::q8_0);
  const Model model = read_model("3m", memory.bytes());
  EXPECT_EQ(model.shape.name, "3m");
  EXPECT_EQ(model.type, Type::q8_0);
  EXPECT_EQ(Held(kTiny, Type::f32).model.shape.name, "");
}

struct Case {
  std::function<void(Bytes&)> spoil;
  std::string message;
};

TEST(Model, RefusesWhatItWouldComputeWrongly) {
  const std::string epsilon = "llama.attention.layer_norm_rms_epsilon", heads = "llama.attention.head_count";
  const std::vector<Case> cases = {
      {[](Bytes& b) { put(b, after(b, "general.architecture") + 12, 'f'); },
       "key general.architecture: is not \"llama\""},
      {[](Bytes& b) { rename_in(b, "general.architecture", "general.architektur_"); },
       "key general.architecture: is missing"},
      {[](Bytes& b) { rename_in(b, "llama.block_count", "llama.block_kount"); }, "key llama.block_count: is missing"},
      {[](Bytes& b) { put(b, after(b, "llama.block_count"), 6U); }, "key llama.block_count: is no integer"},
      {[](Bytes& b) { set_key(b, "llama.block_count", 0U); }, "key llama.block_count: is not from 1 to 1024"},
      {[](Bytes& b) { set_key(b, "llama.block_count", 2U); }, "tensor blk.1.attn_norm.weight: is missing"},
      {[](Bytes& b) { set_key(b, "llama.embedding_length", 48U); }, "key llama.embedding_length: is no multiple of 32"},
      {[](Bytes& b) { set_key(b, "llama.feed_forward_length", 33U); },
       "key llama.feed_forward_length: is no multiple of 32"},
      {[&](Bytes& b) { set_key(b, heads, 4U); },
       "key llama.attention.head_count: makes no heads whose size is a multiple of 16"},
      {[&](Bytes& b) { set_key(b, heads + "_kv", 3U); },
       "key llama.attention.head_count_kv: does not divide the number of heads"},
      {[](Bytes& b) { set_key(b, "llama.rope.dimension_count", 8U); },
       "key llama.rope.dimension_count: is not the size of a head"},
      {[&](Bytes& b) { set_key(b, epsilon, -1.0F); }, "key " + epsilon + ": is not between 0 and 1"},
      {[&](Bytes& b) { put(b, after(b, epsilon), 4U); }, "key " + epsilon + ": is no floating-point number"},
      {[](Bytes& b) { rename_in(b, "general.file_type", "llama.rope.scale_"); },
       "key llama.rope.scale_: is not known to this engine"},
      {[](Bytes& b) { set_key(b, "llama.vocab_size", 128U); },
       "tensor token_embd.weight: has dimensions [32, 64], its keys ask for [32, 128]"},
      {[](Bytes& b) { put(b, after(b, "output_norm.weight") + 12, 1U); },
       "tensor output_norm.weight: a norm's weights must be f32"},
      {[](Bytes& b) { rename_in(b, "blk.0.attn_q.weight", "blk.0.attn_q.weighs"); },
       "tensor blk.0.attn_q.weighs: is not part of this architecture"},
  };
  for (const Case& one : cases) {
    Bytes bytes = bytes_of(kTiny, Type::f32);
    one.spoil(bytes);
    const Refusal refusal = refusal_of([&] { read_model("tiny.gguf", bytes); });
    EXPECT_EQ(refusal.message, "tiny.gguf: " + one.message);
    EXPECT_EQ(refusal.exit, Exit::bad);
  }
}

}  // namespace
}  // namespace ainode::llm
