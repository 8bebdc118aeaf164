// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace ainode::llm {

const Golden* golden_of(const Shape& shape, Type type) {
  for (const Golden& golden : golden_values())
    if (golden.shape == shape.name && golden.type == type) return &golden;
  return nullptr;
}

std::vector<Token> fixed_tokens(const Shape& shape, std::size_t count) {
  std::vector<Token> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((i * 7919 + 13) % shape.vocabulary);
  return tokens;
}

std::vector<float> golden_logits(const Model& model, const Kernels& kernels, Threads& threads) {
  Engine engine(model, kernels, threads, kGoldenBatch + kGoldenSteps);
  const std::vector<Token> tokens = fixed_tokens(model.shape, kGoldenBatch + kGoldenSteps);
  std::span<const float> logits = engine.append(std::span(tokens).first(kGoldenBatch));
  for (std::size_t i = 0; i < kGoldenSteps; ++i) logits = engine.append(std::span(tokens).subspan(kGoldenBatch + i, 1));
  return {logits.begin(), logits.end()};
}

Golden golden_from(const Shape& shape, Type type, std::span<const float> logits) {
  Golden golden{shape.name, type, 0, {}};
  Digest digest;
  digest.add(logits.data(), logits.size_bytes());
  golden.digest = digest.value();
  for (std::size_t i = 0; i < kSamples; ++i)
    golden.samples[i] = std::bit_cast<std::uint32_t>(logits[i * logits.size() / kSamples]);
  return golden;
}

Comparison compare(const Golden& expected, std::span<const float> logits, double tolerance) {
  const Golden found = golden_from({}, expected.type, logits);
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < kSamples; ++i) {
    const double wanted = std::bit_cast<float>(expected.samples[i]), got = std::bit_cast<float>(found.samples[i]);
    squares += wanted * wanted;
    const double difference = std::abs(got - wanted);
    if (!(difference <= largest)) largest = difference;  // also what is no number
  }
  Comparison comparison;
  comparison.is_identical = found.digest == expected.digest;
  comparison.deviation = largest / std::sqrt(squares / kSamples);
  comparison.is_good = comparison.is_identical || (tolerance > 0 && comparison.deviation <= tolerance);
  return comparison;
}

std::string remake_golden_values(Threads& threads) {
  std::string text =
      "// SPDX-License-Identifier: Apache-2.0\n"
      "// Made by: ainode-llm golden --remake >bench/llm/golden_values.cpp, then clang-format. Data of golden.h.\n"
      "#include \"bench/llm/golden.h\"\n\nnamespace ainode::llm {\nnamespace {\n\nconstexpr Golden kGolden[] = {\n";
  for (const Shape& shape : shapes()) {
    for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
      const Memory memory = make_model(shape, type);
      const Model model = read_model(shape.name, memory.bytes());
      const Golden golden = golden_from(shape, type, golden_logits(model, kScalarKernels, threads));
      text += fmt::format("{{\"{}\", Type::{}, {:#018x}U, {{{:#010x}", shape.name, name_of(type), golden.digest,
                          fmt::join(golden.samples, ", "));
      text += "}},\n";
    }
  }
  return text +
         "};\n\n}  // namespace\n\nstd::span<const Golden> golden_values() {\n  return kGolden;\n}\n\n"
         "}  // namespace ainode::llm\n";
}

}  // namespace ainode::llm
