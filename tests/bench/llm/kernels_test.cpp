// SPDX-License-Identifier: Apache-2.0
// Whatever kernels a processor has, their sums are those of the plain C++ ones, bit for bit.
#include "bench/llm/kernels.h"

#include <bit>
#include <cmath>
#include <limits>

#include "bench/llm/numbers.h"
#include "tests/bench/llm/tiny_model.h"

namespace ainode::llm {
namespace {

/// Random weights and activations of one product.
struct Product {
  Product(Type type, std::size_t columns, std::size_t rows, std::size_t tokens) : tokens(tokens) {
    matrix = {type, nullptr, columns, rows};
    const Weights draw(columns * 1000 + rows);
    std::vector<float> row(columns);
    weights.resize(row_bytes(type, columns) * rows);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < columns; ++i) row[i] = draw(r * columns + i);
      encode_row(type, row, weights.data() + r * row_bytes(type, columns));
    }
    matrix.data = weights.data();
    floats.resize(columns * tokens);
    for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = 50 * draw(1000000 + i);
    if (type == Type::f16) round_to_half(floats, floats.data());
    quants.resize(columns * tokens);
    scales.resize(columns * tokens / 4);
    offsets.resize(columns * tokens / 4);
    quantise(floats, quants.data(), scales.data(), offsets.data());
  }

  std::vector<float> multiplied(const Kernels& kernels, std::size_t first, std::size_t last) const {
    std::vector<float> outputs(tokens * matrix.rows, -1);
    const Activations x{matrix.columns, floats.data(), quants.data(), scales.data(), offsets.data()};
    kernels.multiply(matrix, x, {first, last, tokens, matrix.rows}, outputs.data());
    return outputs;
  }

  std::size_t tokens;
  Matrix matrix;
  std::vector<std::byte> weights;
  std::vector<float> floats, scales;
  std::vector<std::int8_t> quants;
  std::vector<std::int32_t> offsets;
};

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> all;
  for (const Kernels* kernels : all_kernels())
    if (kernels->is_supported()) all.push_back(kernels);
  return all;
}

TEST(Kernels, GiveTheSameBitsAsPlainCpp) {
  for (const Kernels* kernels : supported_kernels()) {
    for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
      // One block, an odd number of them, whole tiles and edges.
      for (const auto& [columns, rows, tokens] : {std::tuple{32, 1, 1}, {96, 7, 5}, {288, 9, 8}, {2400, 4, 3}}) {
        const Product product(type, columns, rows, tokens);
        const std::size_t all = static_cast<std::size_t>(rows);
        EXPECT_EQ(bits_of(product.multiplied(*kernels, 0, all)), bits_of(product.multiplied(kScalarKernels, 0, all)))
            << kernels->name << " " << name_of(type) << " " << columns;
      }
    }
  }
}

TEST(Kernels, ComputeWhatTheDefinitionSays) {
  for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
    const Product product(type, 288, 3, 2);
    const std::vector<float> outputs = product.multiplied(kScalarKernels, 0, 3);
    std::vector<float> row(288);
    for (std::size_t token = 0; token < 2; ++token) {
      for (std::size_t r = 0; r < 3; ++r) {
        decode_row(type, product.weights.data() + r * row_bytes(type, 288), row);
        double sum = 0;
        for (std::size_t i = 0; i < row.size(); ++i) sum += double{row[i]} * product.floats[token * 288 + i];
        EXPECT_NEAR(outputs[token * 3 + r], sum, type == Type::q8_0 ? 5e-3 : 1e-5) << name_of(type);
      }
    }
  }
}

TEST(Kernels, FillTheirPartOnly) {
  for (const Kernels* kernels : supported_kernels()) {
    const Product product(Type::q8_0, 64, 12, 2);
    const std::vector<float> outputs = product.multiplied(*kernels, 4, 9);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(outputs[i] == -1, i % 12 < 4 || i % 12 >= 9) << kernels->name << " " << i;
  }
}

TEST(Kernels, TakeTheLargestIntegersWithoutOverflow) {
  for (const Kernels* kernels : supported_kernels()) {
    Product product(Type::q8_0, 64, 1, 1);
    const Q8Block least = {float_to_half(1), [] {
                             std::array<std::int8_t, 32> values;
                             values.fill(-128);
                             return values;
                           }()};
    for (std::size_t block = 0; block < 2; ++block)
      std::memcpy(product.weights.data() + block * sizeof least, &least, sizeof least);
    quantise(std::vector<float>(64, 127), product.quants.data(), product.scales.data(), product.offsets.data());
    EXPECT_EQ(product.multiplied(*kernels, 0, 1)[0], -128.0F * 127 * 64) << kernels->name;
  }
}

TEST(Kernels, CarryNotANumberOn) {
  for (const Kernels* kernels : supported_kernels()) {
    for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
      Product product(type, 96, 1, 1);
      product.floats[70] = std::numeric_limits<float>::quiet_NaN();
      quantise(product.floats, product.quants.data(), product.scales.data(), product.offsets.data());
      EXPECT_TRUE(std::isnan(product.multiplied(*kernels, 0, 1)[0])) << kernels->name << " " << name_of(type);
    }
  }
}

TEST(Kernels, AreChosenByName) {
  EXPECT_STREQ(kernels_named("scalar").name, "scalar");
  EXPECT_TRUE(kernels_named("auto").is_supported());
  const Refusal refusal = refusal_of([] { kernels_named("neon"); });
  EXPECT_EQ(refusal.message, "--kernels neon: is none of auto, avx512, avx2, scalar");
  EXPECT_EQ(refusal.exit, Exit::usage);
}

TEST(Numbers, HalvesAreTheProcessorsOwn) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const float value = half_to_float(static_cast<std::uint16_t>(half));
    if (std::isnan(value)) continue;
    ASSERT_EQ(float_to_half(value), half) << value;
    // Halfway to the next one: to even.
    const float next = half_to_float(static_cast<std::uint16_t>(half + 1));
    if (half % 0x8000 < 0x7bff) {
      ASSERT_EQ(float_to_half((value + next) / 2), half + half % 2) << value;
    }
  }
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(half_to_float(0x3c00), 1.0F);
  EXPECT_EQ(half_to_float(0x0001), std::ldexp(1.0F, -24));
}

TEST(Numbers, FunctionsAreAsExactAsFloatsAllow) {
  for (int i = -800; i < 800; i += 3) {
    const float x = static_cast<float>(i) / 10;
    EXPECT_NEAR(exponential(x) / std::exp(double{x}), 1, 3e-7) << x;
  }
  EXPECT_TRUE(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
  for (const std::size_t position : {0, 1, 7, 500, 100000}) {
    for (std::size_t pair = 0; pair < 24; ++pair) {
      const double angle = static_cast<double>(position) * std::pow(10000.0, -static_cast<double>(pair) / 24);
      EXPECT_NEAR(rotation_of(position, pair, 24).cosine, std::cos(angle), 6e-8) << position << " " << pair;
      EXPECT_NEAR(rotation_of(position, pair, 24).sine, std::sin(angle), 6e-8) << position << " " << pair;
    }
  }
}

}  // namespace
}  // namespace ainode::llm
