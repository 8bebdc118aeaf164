// SPDX-License-Identifier: Apache-2.0
// Each limit becomes a verdict by itself; then checks, waivers, and what is left to say.
#include "validators/verdict/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/suggestion.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

/// How the figures of two sets are judged.
struct Terms {
  double alpha = kFalseAlarms;  ///< of each interval
  bool is_as_fast = true;       ///< timed figures of the two can be compared
  std::string difference;       ///< else: why not
};

/// As logarithms: how far off a change is that `regress` names, on the worse side. The better side is as far.
double margin_of(const FigureVerdict& figure) {
  return figure.is_more_better ? -std::log1p(-*figure.limit.regress) : std::log1p(*figure.limit.regress);
}

std::string boots(std::size_t count) {
  return fmt::format("{} boot{}", count, count == 1 ? "" : "s");
}

/// How far the truth must be told from: a change beyond the margin from none, one within it from the margin.
double distance_to_tell(double change, double margin) {
  constexpr double kLeast = 0.25;  // of the margin: on the margin itself no number of boots would be enough
  const double size = std::abs(change);
  return size > margin ? size : std::max(margin - size, kLeast * margin);
}

/// What more is needed, from the noise that was seen.
void ask_for_more(FigureVerdict& figure, const LogSamples& base, const LogSamples& candidate, double alpha) {
  const std::size_t fewest = std::min(base.count, candidate.count);
  const auto noise = noise_of_one(base, candidate);
  const double distance = distance_to_tell(candidate.mean - base.mean, margin_of(figure));
  const std::size_t needed = noise ? boots_needed(*noise, distance, alpha) : 2;
  figure.more_boots = std::max<std::size_t>(needed, fewest + 1) - fewest;
  const std::string what = figure.interval ? "the interval goes beyond the limit" : "one boot has no interval";
  const std::string why =
      noise ? fmt::format("one boot has {:.2g} % noise", *noise * 100) : "how many in all, their spread will tell";
  figure.reason = fmt::format("{}: about {} more of each ({})", what, boots(figure.more_boots), why);
}

/// Rounding is no change: what was counted twice alike lies on a margin as wide as its floor, not beyond.
bool is_beyond(double value, double margin) {
  constexpr double kRounding = 1e-9;
  return value > margin + kRounding;
}

/// The four words of gate.h. `change` and `interval` are of logarithms, turned so that more is better.
Change word_for(double change, const Interval& interval, double margin) {
  if (interval.high < 0 && is_beyond(-change, margin)) return Change::worse;
  if (interval.low > 0 && is_beyond(change, margin)) return Change::better;
  return is_beyond(-interval.low, margin) || is_beyond(interval.high, margin) ? Change::inconclusive : Change::same;
}

void judge_change(FigureVerdict& figure, const Figure& base_figure, const Figure& candidate_figure,
                  const Terms& terms) {
  const LogSamples base(base_figure.samples), candidate(candidate_figure.samples);
  figure.change = std::expm1(candidate.mean - base.mean);
  if (!figure.is_counted && !terms.is_as_fast) {
    figure.reason = terms.difference;
    return;
  }
  const auto interval =
      figure.is_counted ? counted_interval(base, candidate, terms.alpha) : welch_interval(base, candidate, terms.alpha);
  if (!interval) return ask_for_more(figure, base, candidate, terms.alpha);
  figure.interval = Interval{std::expm1(interval->low), std::expm1(interval->high)};
  const double margin = margin_of(figure);
  const Interval turned = figure.is_more_better ? *interval : Interval{-interval->high, -interval->low};
  figure.verdict = word_for((turned.low + turned.high) / 2, turned, margin);
  figure.holds = !is_beyond(-turned.low, margin);
  if (figure.verdict == Change::worse) figure.reason = "worse by more than the limit allows";
  if (figure.verdict == Change::inconclusive) ask_for_more(figure, base, candidate, terms.alpha);
  if (figure.verdict == Change::inconclusive && figure.holds)
    figure.reason = "no worse than the limit; whether it is better needs more boots";
}

/// Limits that stand by themselves: of the mean, whatever its noise.
void judge_bounds(FigureVerdict& figure) {
  const auto [least, most] = std::pair(figure.limit.at_least, figure.limit.at_most);
  const bool is_low = least && *figure.measured < *least, is_high = most && *figure.measured > *most;
  if (is_low || is_high) {
    figure.verdict = Change::worse;
    figure.holds = false;
    figure.reason = fmt::format("{} {} is {} than {}", figure_number(*figure.measured), figure.unit,
                                is_low ? "less" : "more", figure_number(is_low ? *least : *most));
  } else if (!figure.limit.regress) {
    figure.verdict = Change::same;
    figure.holds = true;
  }
}

double mean_of(const Figure& figure) {
  return std::exp(LogSamples(figure.samples).mean);
}

std::string not_measured(const Limit& limit, const FigureSet& base, const FigureSet& candidate) {
  std::vector<std::string_view> known;
  for (const FigureSet* set : {&candidate, &base})
    for (const Figure& each : set->figures) known.push_back(each.name);
  const std::string near = nearest(limit.figure, known);
  return fmt::format("neither report nor baseline has it{}",
                     near.empty() ? ": ask for the check that measures it" : fmt::format(": did you mean {}?", near));
}

FigureVerdict judge(const Limit& limit, const FigureSet& base, const FigureSet& candidate, const Terms& terms) {
  FigureVerdict figure;
  figure.name = limit.figure;
  figure.limit = limit;
  const Figure *before = base.find(limit.figure), *now = candidate.find(limit.figure);
  if (const Figure* any = now ? now : before)
    figure.unit = any->unit, figure.is_more_better = any->is_more_better, figure.is_counted = any->is_counted;
  if (before) figure.base = mean_of(*before), figure.base_boots = before->samples.size();
  if (now) figure.measured = mean_of(*now), figure.boots = now->samples.size();
  if (!now) {
    figure.reason = before ? "the report does not have it: ask for the check that measures it"
                           : not_measured(limit, base, candidate);
    return figure;
  }
  if (limit.regress && !before)
    figure.reason = "the baseline does not have it: make one of reports that do";
  else if (limit.regress && !before->is_alike(*now))
    figure.reason = fmt::format("the baseline measured it in another way (in `{}`): make a new one", before->unit);
  else if (limit.regress)
    judge_change(figure, *before, *now, terms);
  judge_bounds(figure);
  return figure;
}

/// Those whose intervals must hold together.
std::size_t count_changes(const std::vector<Limit>& limits, const FigureSet& base, const FigureSet& candidate) {
  return static_cast<std::size_t>(std::count_if(limits.begin(), limits.end(), [&](const Limit& limit) {
    return limit.regress && base.find(limit.figure) && candidate.find(limit.figure);
  }));
}

void judge_all(GateResult& result, const std::vector<Limit>& limits, const FigureSet& base,
               const FigureSet& candidate) {
  Terms terms;
  result.judged = count_changes(limits, base, candidate);
  if (result.judged > 1) terms.alpha /= static_cast<double>(result.judged);
  terms.is_as_fast = base.machine.is_as_fast(candidate.machine);
  const auto host = [](const MachineFacts& facts) {
    return facts.processor.empty() ? "hosts that are not known or differ" : printable(facts.processor);
  };
  terms.difference = fmt::format("timed on different hosts ({} and {}): time both on one", host(base.machine),
                                 host(candidate.machine));
  for (const Limit& limit : limits) result.figures.push_back(judge(limit, base, candidate, terms));
}

void judge_checks(GateResult& result, const Report& report, const Policy& policy) {
  if (!report.failure.empty() && report.failure_verdict == Verdict::fail)
    result.checks.push_back({"run.finished", Verdict::fail, report.failure, ""});
  result.is_run_failed = report.verdict() == Verdict::infra;
  std::set<std::string> must(policy.must_pass.begin(), policy.must_pass.end());
  for (const CheckResult& check : report.checks) {
    const bool is_due = must.erase(check.id) > 0;
    if (check.verdict == Verdict::pass) ++result.passed;
    if (check.verdict == Verdict::fail || (is_due && check.verdict != Verdict::pass && check.verdict != Verdict::infra))
      result.checks.push_back({check.id, check.verdict, check.reason, ""});
  }
  for (const std::string& id : must)
    result.checks.push_back({id, Verdict::skip, "must pass, and the report does not have it", ""});
}

void apply_waivers(GateResult& result, const Policy& policy, const std::string& today) {
  for (const Waiver& waiver : policy.waivers) {
    bool is_used = false;
    const bool counts = today <= waiver.expires;
    const auto apply = [&](std::string& waived) {
      is_used = true;
      if (counts) waived = waiver.tracker;
    };
    for (FigureVerdict& figure : result.figures)
      if (figure.name == waiver.subject && !figure.holds) apply(figure.waived);
    for (CheckVerdict& check : result.checks)
      if (check.id == waiver.subject) apply(check.waived);
    if (!is_used)
      result.notes.push_back(fmt::format("the waiver of {} waives nothing: remove it", waiver.subject));
    else if (!counts)
      result.notes.push_back(
          fmt::format("the waiver of {} ended on {} ({})", waiver.subject, waiver.expires, waiver.tracker));
  }
}

/// What was measured and nobody holds to anything.
void note_unlimited(GateResult& result, const FigureSet& candidate) {
  for (const Figure& figure : candidate.figures) {
    const auto is_it = [&](const FigureVerdict& each) { return each.name == figure.name; };
    if (std::none_of(result.figures.begin(), result.figures.end(), is_it))
      result.notes.push_back(fmt::format("{} has no limit", figure.name));
  }
}

void require_fitting(const Report& report, const FigureSet& candidate, const Baseline& baseline,
                     const std::string& today) {
  const FigureSet& base = baseline.set;
  const char* const cure =
      "make a baseline of reports of this image on this machine: `ainode baseline REPORT... -o FILE`";
  if (report.image != base.image)
    throw Error(codes::baseline_of_another, fmt::format("the report is of image {}, and the baseline of {}",
                                                        printable(report.image), printable(base.image)))
        .help(cure);
  if (!candidate.figures.empty() && !candidate.machine.is_alike(base.machine))
    throw Error(codes::baseline_of_another,
                fmt::format("the report's figures are of {}, and the baseline's of {}",
                            printable(candidate.machine.str()), printable(base.machine.str())))
        .help(cure);
  if (baseline.expires < today)
    throw Error(codes::baseline_expired, fmt::format("the baseline of {} (commit {}) held until {}",
                                                     printable(base.image), printable(base.commit), baseline.expires))
        .help("boot its image again and make a new one: `ainode baseline REPORT... -o FILE`");
}

Json json_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json figure_json(const FigureVerdict& figure) {
  Json limit = Json::object();
  if (figure.limit.regress) limit["regress"] = *figure.limit.regress;
  if (figure.limit.at_least) limit["at-least"] = *figure.limit.at_least;
  if (figure.limit.at_most) limit["at-most"] = *figure.limit.at_most;
  return {{"name", figure.name},
          {"unit", figure.unit},
          {"better", figure.is_more_better ? "higher" : "lower"},
          {"counted", figure.is_counted},
          {"verdict", to_string(figure.verdict)},
          {"holds", figure.holds},
          {"base", json_or_null(figure.base)},
          {"base_boots", figure.base_boots},
          {"measured", json_or_null(figure.measured)},
          {"boots", figure.boots},
          {"change", json_or_null(figure.change)},
          {"interval", figure.interval ? Json{figure.interval->low, figure.interval->high} : Json(nullptr)},
          {"limit", std::move(limit)},
          {"more_boots", figure.more_boots},
          {"reason", figure.reason},
          {"waived", figure.waived}};
}

std::string_view word_of(Exit exit) {
  switch (exit) {
    case Exit::done:
      return "good";
    case Exit::bad_verdict:
      return "bad";
    case Exit::environment:
      return "infra";
    case Exit::inconclusive:
      return "inconclusive";
    default:
      return "nothing";
  }
}

}  // namespace

std::string_view to_string(Change change) {
  switch (change) {
    case Change::better:
      return "better";
    case Change::same:
      return "same";
    case Change::worse:
      return "worse";
    case Change::inconclusive:
      break;
  }
  return "inconclusive";
}

Exit GateResult::exit() const {
  const auto is_bad = [](const FigureVerdict& each) { return each.verdict == Change::worse && each.waived.empty(); };
  const auto is_open = [](const FigureVerdict& each) { return !each.holds && each.waived.empty(); };
  const auto objects = [](const CheckVerdict& each) { return each.waived.empty(); };
  if (std::any_of(figures.begin(), figures.end(), is_bad) || std::any_of(checks.begin(), checks.end(), objects))
    return Exit::bad_verdict;
  if (is_run_failed) return Exit::environment;
  const auto is_measured = [](const FigureVerdict& each) { return each.measured.has_value(); };
  if (!figures.empty() && std::none_of(figures.begin(), figures.end(), is_measured)) return Exit::nothing_ran;
  if (std::any_of(figures.begin(), figures.end(), is_open)) return Exit::inconclusive;
  return figures.empty() && checks.empty() && passed == 0 ? Exit::nothing_ran : Exit::done;
}

Json GateResult::to_json() const {
  Json all_figures = Json::array(), all_checks = Json::array();
  for (const FigureVerdict& each : figures) all_figures.push_back(figure_json(each));
  for (const CheckVerdict& each : checks)
    all_checks.push_back({{"id", each.id},
                          {"verdict", ainode::to_string(each.verdict)},
                          {"reason", each.reason},
                          {"waived", each.waived}});
  return {{"schema", "ainode.gate/1"},
          {"verdict", word_of(exit())},
          {"exit_code", static_cast<int>(exit())},
          {"image", image},
          {"commit", commit},
          {"base_commit", base_commit},
          {"machine", machine},
          {"expires", expires},
          {"confidence", 1 - kFalseAlarms},
          {"correction", "Bonferroni"},
          {"figures_judged", judged},
          {"figures", std::move(all_figures)},
          {"checks_passed", passed},
          {"checks", std::move(all_checks)},
          {"notes", notes}};
}

GateResult gate(const Report& report, const Baseline& baseline, const Policy& policy, const std::string& today) {
  const FigureSet candidate = figures_of(report);
  require_fitting(report, candidate, baseline, today);
  GateResult result;
  result.image = report.image;
  result.commit = report.commit;
  result.base_commit = baseline.set.commit;
  result.machine = baseline.set.machine.str();
  result.expires = baseline.expires;
  judge_all(result, policy.limits, baseline.set, candidate);
  judge_checks(result, report, policy);
  apply_waivers(result, policy, today);
  note_unlimited(result, candidate);
  return result;
}

GateResult compare(const FigureSet& base, const FigureSet& candidate, double margin) {
  GateResult result;
  result.image = candidate.image == base.image ? base.image : fmt::format("{} to {}", base.image, candidate.image);
  result.commit = candidate.commit;
  result.base_commit = base.commit;
  result.machine = base.machine.str();
  std::vector<Limit> limits;
  for (const Figure& figure : base.figures)
    if (candidate.find(figure.name)) limits.push_back({figure.name, margin, {}, {}});
  judge_all(result, limits, base, candidate);
  if (!base.machine.is_alike(candidate.machine)) {
    result.machine += " to " + candidate.machine.str();
    result.notes.emplace_back("the machines differ: what changed may be the machine's doing");
  }
  for (const FigureSet* set : {&base, &candidate})
    for (const Figure& figure : set->figures)
      if (!(set == &base ? candidate : base).find(figure.name))
        result.notes.push_back(fmt::format("only {} has {}", set == &base ? "the first" : "the second", figure.name));
  return result;
}

}  // namespace ainode
