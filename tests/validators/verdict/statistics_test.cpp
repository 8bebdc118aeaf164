// SPDX-License-Identifier: Apache-2.0
// Quantiles against printed tables; intervals by how often they are right, over simulated boots of a fixed seed.
#include "validators/verdict/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ainode {
namespace {

TEST(Quantiles, OfTheNormalDistributionAreThoseOfTheTables) {
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-12);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963985, 1e-8);
  EXPECT_NEAR(normal_quantile(0.9), 1.281551566, 1e-8);
  EXPECT_NEAR(normal_quantile(0.0005), -3.290526731, 1e-8);
}

TEST(Quantiles, OfStudentAreThoseOfTheTables) {
  EXPECT_NEAR(student_quantile(0.975, 1), 12.7062047, 1e-6);
  EXPECT_NEAR(student_quantile(0.975, 2), 4.30265273, 1e-7);
  EXPECT_NEAR(student_quantile(0.95, 5), 2.01504837, 1e-7);
  EXPECT_NEAR(student_quantile(0.995, 14), 2.97684273, 1e-7);
  EXPECT_NEAR(student_quantile(0.975, 30), 2.04227246, 1e-7);
  EXPECT_NEAR(student_quantile(0.025, 30), -2.04227246, 1e-7);
  EXPECT_NEAR(student_quantile(0.975, 1e6), 1.959966, 1e-5);
}

TEST(IncompleteBeta, HasItsClosedForms) {
  EXPECT_NEAR(incomplete_beta(1, 1, 0.3), 0.3, 1e-14);
  EXPECT_NEAR(incomplete_beta(2, 3, 0.4), 0.5248, 1e-13);  // 6x² - 8x³ + 3x⁴
  EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.25), 1.0 / 3, 1e-13);
  EXPECT_EQ(incomplete_beta(2, 3, 0), 0);
  EXPECT_EQ(incomplete_beta(2, 3, 1), 1);
}

/// A worked example: variances 1/3 and 16/3 of four samples each, about 3.37 degrees of freedom.
TEST(WelchInterval, IsThatOfAWorkedExample) {
  const auto powers = [](const std::vector<double>& exponents) {
    std::vector<double> samples;
    for (const double each : exponents) samples.push_back(std::exp(each));
    return LogSamples(samples);
  };
  const LogSamples base = powers({0, 0, 1, 1}), candidate = powers({0, 0, 4, 4});
  EXPECT_NEAR(base.variance, 1.0 / 3, 1e-12);
  EXPECT_NEAR(candidate.variance, 16.0 / 3, 1e-12);
  const auto interval = welch_interval(base, candidate, 0.05);
  ASSERT_TRUE(interval);
  EXPECT_NEAR((interval->low + interval->high) / 2, 1.5, 1e-12);
  const double degrees = std::pow(17.0 / 12, 2) / ((1.0 / 144 + 256.0 / 144) / 3);
  EXPECT_NEAR(interval->high - 1.5, student_quantile(0.975, degrees) * std::sqrt(17.0 / 12), 1e-9);
}

TEST(WelchInterval, NeedsTwoSamplesOfEach) {
  EXPECT_FALSE(welch_interval(LogSamples({1}), LogSamples({1, 2, 3}), 0.05));
  EXPECT_FALSE(welch_interval(LogSamples({1, 2, 3}), LogSamples({1}), 0.05));
}

TEST(WelchInterval, OfSamplesWithoutSpreadHasNoWidth) {
  const auto interval = welch_interval(LogSamples({2, 2}), LogSamples({3, 3}), 0.05);
  ASSERT_TRUE(interval);
  EXPECT_EQ(interval->low, interval->high);
}

std::vector<double> boots(std::mt19937_64& random, std::size_t count, double mean, double noise) {
  std::normal_distribution<double> normal(0, noise);
  std::vector<double> samples;
  for (std::size_t i = 0; i < count; ++i) samples.push_back(mean * std::exp(normal(random)));
  return samples;
}

/// For unequal noise and unequal counts too: what a pooled variance would get wrong.
TEST(WelchInterval, HoldsTheTruthAsOftenAsItSays) {
  std::mt19937_64 random(7);
  constexpr int kTrials = 4000;
  int missed = 0;
  for (int i = 0; i < kTrials; ++i) {
    const auto interval =
        welch_interval(LogSamples(boots(random, 12, 1, 0.01)), LogSamples(boots(random, 5, 1, 0.05)), 0.05);
    missed += interval->low > 0 || interval->high < 0 ? 1 : 0;
  }
  EXPECT_NEAR(missed / static_cast<double>(kTrials), 0.05, 0.015);
}

TEST(BootsNeeded, AreThoseOfTheFormula) {
  EXPECT_EQ(boots_needed(0.03, 0.05, 0.05), 8U);
  EXPECT_EQ(boots_needed(0.26, 0.05, 0.05), 569U);
  EXPECT_EQ(boots_needed(0.03, 0.05, 0.01), 11U);  // of five figures
  EXPECT_EQ(boots_needed(0, 0.05, 0.05), 2U);
  EXPECT_EQ(boots_needed(1e9, 0.001, 0.05), 1'000'000'000U);
}

TEST(NoiseOfOneBoot, IsPooledOverWhatHasSamples) {
  EXPECT_FALSE(noise_of_one(LogSamples({1}), LogSamples({2})));
  EXPECT_NEAR(*noise_of_one(LogSamples({1}), LogSamples({1, std::exp(0.2)})), 0.2 / std::sqrt(2), 1e-12);
}

TEST(CountedInterval, IsTheStatedFloorOfOneSampleEach) {
  const auto interval = counted_interval(LogSamples({1000}), LogSamples({1000}), 0.05);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->high, kCountedFloor);
  EXPECT_DOUBLE_EQ(interval->low, -kCountedFloor);
}

TEST(CountedInterval, IsThatOfTheSamplesWhereItIsNarrower) {
  const LogSamples base({1000, 1000.1, 1000.2, 1000.1}), candidate({1000, 1000.1, 1000.2, 1000.1});
  EXPECT_LT(counted_interval(base, candidate, 0.05)->high, 0.0003);
  // Two samples each say little by themselves.
  EXPECT_DOUBLE_EQ(counted_interval(LogSamples({1000, 1004}), LogSamples({1000, 1004}), 0.01)->high, kCountedFloor);
}

TEST(CountedInterval, DoesNotTrustAFloorThatTheSamplesContradict) {
  EXPECT_FALSE(counted_interval(LogSamples({1000, 1010}), LogSamples({1000}), 0.05));
  const LogSamples wide({1000, 1010, 1020});
  EXPECT_GT(counted_interval(wide, wide, 0.05)->high, kCountedFloor);
}

}  // namespace
}  // namespace ainode
