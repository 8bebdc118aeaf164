// SPDX-License-Identifier: Apache-2.0
#include "validators/verdict/statistics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace ainode {

namespace {

/// Where a growing function reaches `wanted`, to the last bits that bisection gives.
double inverse(const std::function<double(double)>& grows, double wanted) {
  double low = -1, high = 1;
  while (grows(low) > wanted && low > -1e300) low *= 2;
  while (grows(high) < wanted && high < 1e300) high *= 2;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;  // neighbours
    (grows(middle) < wanted ? low : high) = middle;
  }
}

double normal_distribution(double x) {
  return std::erfc(-x / std::sqrt(2.0)) / 2;
}

double student_distribution(double t, double degrees) {
  const double tail = incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
  return t > 0 ? 1 - tail : tail;
}

/// The fraction of 26.5.8; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kClose = 1e-15;
  constexpr int kMost = 10'000;
  const auto off_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / off_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m <= kMost; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 / off_zero(1 + term * d);
      c = off_zero(1 + term / c);
      value *= c * d;
    }
    if (std::abs(c * d - 1) < kClose) break;
  }
  return value;
}

Interval around(double middle, double half) {
  return {middle - half, middle + half};
}

}  // namespace

double normal_quantile(double probability) {
  return inverse(normal_distribution, probability);
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double logarithm = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return x < (a + 1) / (a + b + 2) ? std::exp(logarithm) * beta_fraction(a, b, x) / a
                                   : 1 - std::exp(logarithm) * beta_fraction(b, a, 1 - x) / b;
}

double student_quantile(double probability, double degrees) {
  return inverse([degrees](double t) { return student_distribution(t, degrees); }, probability);
}

LogSamples::LogSamples(const std::vector<double>& samples) : count(samples.size()) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double sample : samples) {
    const double logarithm = std::log(sample);
    mean += logarithm / static_cast<double>(count);
    least = std::min(least, logarithm);
    most = std::max(most, logarithm);
  }
  spread = most - least;
  if (count < 2) return;
  for (const double sample : samples) variance += std::pow(std::log(sample) - mean, 2) / static_cast<double>(count - 1);
}

std::optional<Interval> welch_interval(const LogSamples& base, const LogSamples& candidate, double alpha) {
  if (base.count < 2 || candidate.count < 2) return std::nullopt;
  const double difference = candidate.mean - base.mean;
  const double one = base.variance / static_cast<double>(base.count);
  const double other = candidate.variance / static_cast<double>(candidate.count);
  if (one + other <= 0) return around(difference, 0);
  const double degrees = std::pow(one + other, 2) / (one * one / static_cast<double>(base.count - 1) +
                                                     other * other / static_cast<double>(candidate.count - 1));
  return around(difference, student_quantile(1 - alpha / 2, degrees) * std::sqrt(one + other));
}

std::optional<double> noise_of_one(const LogSamples& base, const LogSamples& candidate) {
  double squares = 0, degrees = 0;
  for (const LogSamples* each : {&base, &candidate}) {
    squares += each->variance * static_cast<double>(each->count - 1);
    degrees += static_cast<double>(each->count - 1);
  }
  if (degrees < 1) return std::nullopt;
  return std::sqrt(squares / degrees);
}

std::size_t boots_needed(double noise, double margin, double alpha) {
  constexpr double kMost = 1e9;
  const double quantiles = normal_quantile(1 - alpha / 2) + normal_quantile(kPower);
  const double boots = std::ceil(2 * std::pow(quantiles * noise / margin, 2));
  return static_cast<std::size_t>(std::clamp(boots, 2.0, kMost));
}

std::optional<Interval> counted_interval(const LogSamples& base, const LogSamples& candidate, double alpha) {
  const std::optional<Interval> sampled = welch_interval(base, candidate, alpha);
  if (base.spread > kCountedFloor || candidate.spread > kCountedFloor) return sampled;
  const Interval stated = around(candidate.mean - base.mean, kCountedFloor);
  return sampled && sampled->high - sampled->low < stated.high - stated.low ? *sampled : stated;
}

}  // namespace ainode
