// SPDX-License-Identifier: Apache-2.0
// Sine, cosine and powers in double by their series: exact enough that the float made of them hardly ever differs from
// the true one, and the same everywhere.
#include "bench/llm/numbers.h"

namespace ainode::llm {
namespace {

constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
constexpr double kHalfPiHigh = 1.57079632673412561417, kHalfPiLow = 6.07710050650619224932e-11;
constexpr double kLogOfBase = 9.21034037197618273608;  // ln 10000

/// e^-x for 0 <= x <= ln 10000: e^-(x/64) by its series, squared six times.
double decay(double x) {
  const double r = x / 64;
  double sum = 1;
  for (int n = 14; n >= 1; --n) sum = 1 - sum * r / n;
  for (int i = 0; i < 6; ++i) sum *= sum;
  return sum;
}

}  // namespace

Rotation rotation_of(std::size_t position, std::size_t pair, std::size_t pairs) {
  const double exponent = static_cast<double>(pair) / static_cast<double>(pairs);
  const double angle = static_cast<double>(position) * decay(exponent * kLogOfBase);
  const double quarters = (angle / kHalfPiHigh + kMagic) - kMagic;
  const double r = (angle - quarters * kHalfPiHigh) - quarters * kHalfPiLow;
  double sine = 1, cosine = 1;
  for (int n = 9; n >= 1; --n) {
    sine = 1 - sine * r * r / (2 * n * (2 * n + 1));
    cosine = 1 - cosine * r * r / (2 * n * (2 * n - 1));
  }
  sine *= r;
  switch (static_cast<long long>(quarters) & 3) {
    case 0:
      return {static_cast<float>(cosine), static_cast<float>(sine)};
    case 1:
      return {static_cast<float>(-sine), static_cast<float>(cosine)};
    case 2:
      return {static_cast<float>(-cosine), static_cast<float>(-sine)};
    default:
      return {static_cast<float>(sine), static_cast<float>(-cosine)};
  }
}

}  // namespace ainode::llm
