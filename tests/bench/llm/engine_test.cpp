// SPDX-License-Identifier: Apache-2.0
// The forward pass against a second one, written as the paper has it; batches, steps and threads; what it refuses.
#include "bench/llm/engine.h"

#include <cmath>

#include "bench/llm/golden.h"
#include "tests/bench/llm/tiny_model.h"

namespace ainode::llm {
namespace {

const Shape kSmall = {"small", 96, 300, 96, 2, 160, 6, 2};

std::vector<float> logits_of(const Model& model, std::span<const Token> tokens, std::size_t step,
                             const std::string& kernels = "auto", std::size_t threads = 1) {
  Threads pool(threads);
  Engine engine(model, kernels_named(kernels), pool, tokens.size());
  std::span<const float> logits;
  for (std::size_t i = 0; i < tokens.size(); i += step)
    logits = engine.append(tokens.subspan(i, std::min(step, tokens.size() - i)));
  return {logits.begin(), logits.end()};
}

/// All positions at once, in double, attention over the whole square: nothing in common with the engine.
class Reference {
 public:
  explicit Reference(const Model& model) : model_(model), shape_(model.shape) {}

  std::vector<double> logits(std::span<const Token> tokens) {
    std::vector<Vector> x;
    for (const Token token : tokens) x.push_back(row_of(model_.embedding, token));
    for (const Block& block : model_.blocks) {
      add(x, attended(block, x));
      std::vector<Vector> changes;
      for (const Vector& one : x) {
        const Vector normed = norm(one, block.feed_forward_norm), up = times(block.up, normed);
        Vector gate = times(block.gate, normed);
        for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
        changes.push_back(times(block.down, gate));
      }
      add(x, changes);
    }
    return times(model_.output, norm(x.back(), model_.output_norm));
  }

 private:
  using Vector = std::vector<double>;

  static Vector row_of(const Matrix& matrix, std::size_t row) {
    std::vector<float> values(matrix.columns);
    decode_row(matrix.type, matrix.data + row * row_bytes(matrix.type, matrix.columns), values);
    return {values.begin(), values.end()};
  }
  static Vector times(const Matrix& matrix, const Vector& x) {
    Vector out;
    for (std::size_t r = 0; r < matrix.rows; ++r) {
      const Vector row = row_of(matrix, r);
      double sum = 0;
      for (std::size_t i = 0; i < x.size(); ++i) sum += row[i] * x[i];
      out.push_back(sum);
    }
    return out;
  }
  static void add(std::vector<Vector>& x, const std::vector<Vector>& y) {
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
  }
  Vector norm(Vector x, const std::vector<float>& weights) const {
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + shape_.epsilon);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= scale * weights[i];
    return x;
  }
  void rotate(Vector& x, std::size_t position) const {
    const std::size_t size = shape_.head_size();
    for (std::size_t i = 0; i < x.size(); i += 2) {
      const double angle = static_cast<double>(position) * std::pow(1e4, -static_cast<double>(i % size) / size);
      const double a = x[i], b = x[i + 1];
      x[i] = a * std::cos(angle) - b * std::sin(angle);
      x[i + 1] = a * std::sin(angle) + b * std::cos(angle);
    }
  }
  std::vector<Vector> attended(const Block& block, const std::vector<Vector>& x) const {
    std::vector<Vector> queries, keys, values, out;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Vector normed = norm(x[t], block.attention_norm);
      queries.push_back(times(block.query, normed));
      keys.push_back(times(block.key, normed));
      values.push_back(times(block.value, normed));
      rotate(queries.back(), t);
      rotate(keys.back(), t);
    }
    const std::size_t size = shape_.head_size();
    for (std::size_t t = 0; t < x.size(); ++t) {
      Vector mixed(shape_.embedding);
      for (std::size_t i = 0; i < mixed.size(); ++i) {
        const std::size_t head = i / size, kv = head * shape_.heads_kv / shape_.heads * size;
        double sum = 0, weighted = 0;
        for (std::size_t p = 0; p <= t; ++p) {
          double score = 0;
          for (std::size_t k = 0; k < size; ++k) score += queries[t][head * size + k] * keys[p][kv + k];
          const double weight = std::exp(score / std::sqrt(static_cast<double>(size)));
          sum += weight;
          weighted += weight * values[p][kv + i % size];
        }
        mixed[i] = weighted / sum;
      }
      out.push_back(times(block.output, mixed));
    }
    return out;
  }

  const Model& model_;
  const Shape& shape_;
};

TEST(Engine, ComputesALlama) {
  // Of f16 and q8_0 the activations are rounded too, which the reference does not do.
  for (const auto& [type, tolerance] : {std::pair{Type::f32, 2e-5}, {Type::f16, 2e-3}, {Type::q8_0, 4e-2}}) {
    const Held held(kSmall, type);
    const std::vector<Token> tokens = fixed_tokens(kSmall, 11);
    const std::vector<double> expected = Reference(held.model).logits(tokens);
    const std::vector<float> found = logits_of(held.model, tokens, tokens.size());
    double squares = 0, largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      squares += expected[i] * expected[i];
      largest = std::max(largest, std::abs(found[i] - expected[i]));
    }
    EXPECT_LT(largest / std::sqrt(squares / static_cast<double>(expected.size())), tolerance) << name_of(type);
  }
}

TEST(Engine, StepsAndBatchesAndThreadsGiveTheSameBits) {
  for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
    const Held held(kSmall, type);
    const std::vector<Token> tokens = fixed_tokens(kSmall, 150);  // more than a batch
    const std::vector<float> expected = logits_of(held.model, tokens, tokens.size(), "scalar");
    for (const std::size_t step : {1, 7, 128}) EXPECT_EQ(logits_of(held.model, tokens, step), expected) << step;
    for (const Kernels* kernels : all_kernels()) {
      if (!kernels->is_supported()) continue;
      EXPECT_EQ(logits_of(held.model, tokens, 50, kernels->name), expected) << kernels->name;
    }
    const std::size_t threads = std::thread::hardware_concurrency() > 1 ? 2 : 1;
    EXPECT_EQ(logits_of(held.model, tokens, 50, "auto", threads), expected);
  }
}

TEST(Engine, ForgetsASequence) {
  const Held held(kTiny, Type::q8_0);
  Threads threads(1);
  Engine engine(held.model, kernels_named("auto"), threads, 8);
  const std::vector<Token> tokens = {3, 1, 4, 1, 5};
  const std::span<const float> first = engine.append(tokens);
  const std::vector<float> before(first.begin(), first.end());
  engine.clear();
  const std::span<const float> second = engine.append(tokens);
  EXPECT_EQ(std::vector<float>(second.begin(), second.end()), before);
}

TEST(Engine, RefusesTokensAndLengthsThatThereAreNot) {
  const Held held(kTiny, Type::f32);
  Threads threads(1);
  Engine engine(held.model, kernels_named("auto"), threads, 2);
  const auto append = [&](std::vector<Token> tokens) { return refusal_of([&] { engine.append(tokens); }); };
  EXPECT_EQ(append({64}).message, "tiny.gguf: there is no token 64, its vocabulary has 64");
  EXPECT_EQ(append({1, 2, 3}).message, "tiny.gguf: 3 tokens after 0, where there is room for 2");
  EXPECT_EQ(append({}).exit, Exit::usage);
  const Refusal refusal = refusal_of([&] { Engine(held.model, kernels_named("auto"), threads, 65); });
  EXPECT_EQ(refusal.message, "tiny.gguf: has a context of 64 tokens, 65 are asked for");
  EXPECT_EQ(refusal.exit, Exit::usage);
}

TEST(Engine, SaysWhenALogitIsNoNumber) {
  // The scale of one block, the weight of one norm.
  for (const char* name : {"blk.0.ffn_down.weight", "blk.0.attn_norm.weight"}) {
    Bytes bytes = bytes_of(kTiny, Type::q8_0);
    const std::byte* data = read_gguf("tiny.gguf", bytes).tensors.at(name).data.data();
    put(bytes, static_cast<std::size_t>(data - bytes.data()), 0x7fc07e00U);  // NaN as f32 and as f16
    const Held held(std::move(bytes));
    const Refusal refusal = refusal_of([&] { logits_of(held.model, std::vector<Token>{1, 2}, 2); });
    EXPECT_EQ(refusal.message, "tiny.gguf: logit 0 of position 1 is nan") << name;
    EXPECT_EQ(refusal.exit, Exit::bad);
  }
}

TEST(Engine, AsksForMemoryBeforeItTakesAny) {
  Shape wide = kTiny;
  wide.context = std::size_t{1} << 24;
  const Held held(wide, Type::q8_0);
  EXPECT_GT(engine_memory(wide, wide.context), std::uint64_t{1} << 31);
  const Refusal refusal = refusal_of([] { require_memory("tiny.gguf: a cache for 9 tokens", 5U << 20, 3U << 20); });
  EXPECT_EQ(refusal.message, "tiny.gguf: a cache for 9 tokens: needs 6 MiB of memory, 3 MiB are available");
  EXPECT_EQ(refusal.exit, Exit::environment);
  EXPECT_GT(available_memory(), std::uint64_t{1} << 20);
}

TEST(Engine, RefusesAModelWhoseCacheIsLargerThanTheMachine) {
  Held held(kTiny, Type::q8_0);
  held.model.shape.blocks = 1024;  // more than this model has: it is refused before any is touched
  held.model.shape.context = std::size_t{1} << 24;
  Threads threads(1);
  const Refusal refusal =
      refusal_of([&] { Engine(held.model, kernels_named("auto"), threads, held.model.shape.context); });
  EXPECT_TRUE(refusal.message.starts_with("tiny.gguf: a cache for 16777216 tokens: needs 2098177 MiB of memory, "))
      << refusal.message;
  EXPECT_EQ(refusal.exit, Exit::environment);
}

TEST(Threads, TakeEachPartOnce) {
  Threads threads(std::min<std::size_t>(2, std::thread::hardware_concurrency()));
  for (const std::size_t count : {0, 1, 5, 64, 1000}) {
    std::vector<std::atomic<int>> taken(count);
    threads.share(count, 4, [&](std::size_t begin, std::size_t end) {
      EXPECT_EQ(begin % 4, 0U);
      for (std::size_t i = begin; i < end; ++i) ++taken[i];
    });
    for (const auto& times : taken) ASSERT_EQ(times, 1);
  }
}

TEST(Threads, AreNoMoreThanProcessors) {
  const Refusal refusal = refusal_of([] { Threads threads(1000000); });
  EXPECT_TRUE(refusal.message.starts_with("--threads 1000000: this process may use ")) << refusal.message;
  EXPECT_EQ(refusal.exit, Exit::environment);
}

}  // namespace
}  // namespace ainode::llm
