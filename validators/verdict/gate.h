// SPDX-License-Identifier: Apache-2.0
// Whether a candidate is worse than what it is held to, or whether that cannot be told yet.
//
// A figure's change is mean(candidate) / mean(base), of geometric means, in an interval that holds the true one.
// Against the margin that its limit states it is
//   worse         the change is beyond the margin on the worse side, and the interval is all on that side of no change
//   better        the same on the better side
//   same          the interval lies within the margin on both sides
//   inconclusive  none of these: more boots would tell
// and its limit holds where the interval does not go beyond the margin on the worse side. All intervals of one verdict
// hold together with 1 - kFalseAlarms: each is made for kFalseAlarms / number of figures (Bonferroni). A change beyond
// the margin is found with kPower from boots_needed() for it on (statistics.h).
//
// Timed figures have an interval from two boots of each on, by Welch's t. What was counted has the stated floor
// besides, so one boot can be enough.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error_codes.h"
#include "base/report.h"
#include "validators/verdict/baseline.h"
#include "validators/verdict/policy.h"
#include "validators/verdict/statistics.h"

namespace ainode {

inline constexpr double kFalseAlarms = 0.05;

enum class Change { better, same, worse, inconclusive };
std::string_view to_string(Change change);

struct FigureVerdict {
  std::string name, unit;
  bool is_more_better = true, is_counted = false;
  Change verdict = Change::inconclusive;
  bool holds = false;              ///< its limits are kept, as far as noise allows to say so
  std::optional<double> base;      ///< geometric mean; nothing where it was not measured
  std::optional<double> measured;  ///< of the candidate
  std::size_t base_boots = 0, boots = 0;
  std::optional<double> change;      ///< candidate / base - 1; -0.05: 5 % less
  std::optional<Interval> interval;  ///< of `change`
  Limit limit;
  std::size_t more_boots = 0;  ///< of each, that would probably settle it; 0 unless inconclusive, or not known
  std::string reason;          ///< of worse and inconclusive
  std::string waived;          ///< the tracker, where a waiver counts
};

/// A check that speaks against the candidate.
struct CheckVerdict {
  std::string id;
  Verdict verdict = Verdict::fail;
  std::string reason;
  std::string waived;
};

struct GateResult {
  std::string image, commit, base_commit, machine;
  std::string expires;         ///< of the baseline; empty for `compare`
  std::size_t judged = 0;      ///< figures whose intervals share kFalseAlarms
  std::size_t passed = 0;      ///< checks that passed
  bool is_run_failed = false;  ///< the environment ended the run, or a check of it
  std::vector<FigureVerdict> figures;
  std::vector<CheckVerdict> checks;  ///< failed, or not passed though they must
  std::vector<std::string> notes;    ///< waivers that ended or waive nothing, figures without a limit

  /// bad_verdict: a figure is worse, or a check speaks against it; environment: the run failed of it; nothing_ran: the
  /// report has no figure that has a limit, or nothing was judged; inconclusive: a limit may not hold. What is waived
  /// counts for none of these.
  Exit exit() const;
  Json to_json() const;  ///< schema ainode.gate/1
};

/// A candidate's report, of one boot or merged, against a baseline. `today` (2027-02-28) decides what has expired.
/// Throws baseline_expired, baseline_of_another, figures_of_several.
GateResult gate(const Report& report, const Baseline& baseline, const Policy& policy, const std::string& today);

/// Two sets side by side: each figure that both have, with one margin (0.03) for all.
GateResult compare(const FigureSet& base, const FigureSet& candidate, double margin);

/// For the terminal, within 100 columns where the values allow.
std::string to_table(const GateResult& result, bool colour);

}  // namespace ainode
