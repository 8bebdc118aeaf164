// SPDX-License-Identifier: Apache-2.0
// How much two sets of samples differ, with the interval that this much noise allows. Everything works on logarithms: a
// change is a ratio, and a ratio and its inverse are then equally far from none.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace ainode {

/// Of the standard normal distribution, by bisection of its distribution function (Abramowitz and Stegun 26.2).
/// 0 < probability < 1.
double normal_quantile(double probability);

/// The incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated as Lentz
/// 1976). a, b > 0, 0 <= x <= 1.
double incomplete_beta(double a, double b, double x);

/// Of Student's t: P(T <= t) = probability. Degrees of freedom need not be whole. 0 < probability < 1.
double student_quantile(double probability, double degrees);

struct Interval {
  double low = 0, high = 0;
};

/// Samples that are above 0, as logarithms.
struct LogSamples {
  explicit LogSamples(const std::vector<double>& samples);  ///< at least one
  std::size_t count = 0;
  double mean = 0;
  double variance = 0;  ///< of one sample, with count - 1 below; 0 for one sample
  double spread = 0;    ///< the greatest less the least
};

/// The interval of mean(candidate) - mean(base) that holds the true difference with 1 - `alpha`, by Welch's t with the
/// degrees of freedom of Satterthwaite (Welch 1947). Nothing where either has fewer than two samples.
std::optional<Interval> welch_interval(const LogSamples& base, const LogSamples& candidate, double alpha);

/// The standard deviation of one boot: pooled over the sets that have two samples or more; nothing where none has.
/// About the coefficient of variation, since these are logarithms.
std::optional<double> noise_of_one(const LogSamples& base, const LogSamples& candidate);

/// Boots that each of two images needs so that a change of `margin` is told from none with probability kPower, by an
/// interval of 1 - `alpha`: 2 (z(1 - alpha/2) + z(kPower))² (noise / margin)². At least 2. Of 3 % noise and a margin of
/// 5 %, 8; of 26 %, 569.
std::size_t boots_needed(double noise, double margin, double alpha);
inline constexpr double kPower = 0.9;

/// Two boots that do the same count the same events within this (as a logarithm): what QEMU's -icount leaves of timer
/// ticks and wake-ups.
inline constexpr double kCountedFloor = 0.0049875;  // log(1 + 0.5 %)

/// As welch_interval, for events that were counted: the stated floor where there are too few samples for an interval,
/// or where theirs would be wider; but not where a set contradicts the floor, because its own samples are further
/// apart.
std::optional<Interval> counted_interval(const LogSamples& base, const LogSamples& candidate, double alpha);

}  // namespace ainode
