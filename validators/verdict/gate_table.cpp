// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "validators/verdict/gate.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

constexpr std::size_t kCommitShown = 12, kLongest = 400;

struct Look {
  Change change;
  std::string_view word, colour;
};
constexpr std::array<Look, 4> kLooks = {{{Change::better, "better", "32"},
                                         {Change::same, "same", "32"},
                                         {Change::worse, "WORSE", "1;31"},
                                         {Change::inconclusive, "unsure", "33"}}};

std::string painted(std::string_view text, std::string_view colour, bool colourful) {
  return colourful ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : std::string(text);
}

std::string said(const std::string& text) {
  return cut(printable(text), kLongest);
}

std::string percent(double share) {
  return fmt::format("{:+.2f} %", share * 100);
}

/// "-5.10 % (-8.02 % to -2.20 %)".
std::string change_text(const FigureVerdict& figure) {
  if (!figure.change) return "";
  const std::string change = ", " + percent(*figure.change);
  return figure.interval
             ? fmt::format("{} ({} to {})", change, percent(figure.interval->low), percent(figure.interval->high))
             : change;
}

std::string limit_text(const Limit& limit) {
  std::string text;
  const auto add = [&](const std::string& each) { text += (text.empty() ? "limit " : ", ") + each; };
  if (limit.regress) add(fmt::format("{:.3g} % worse", *limit.regress * 100));
  if (limit.at_least) add("at least " + figure_number(*limit.at_least));
  if (limit.at_most) add("at most " + figure_number(*limit.at_most));
  return text;
}

std::string value_text(const std::optional<double>& value, std::size_t count) {
  return value ? fmt::format("{} ({})", figure_number(*value), count) : "-";
}

std::string figure_lines(const FigureVerdict& figure, bool colour) {
  const Look& look =
      *std::find_if(kLooks.begin(), kLooks.end(), [&](const Look& each) { return each.change == figure.verdict; });
  std::string lines =
      fmt::format("  {}  {}: {} to {} {}{}\n", painted(fmt::format("{:<6}", look.word), look.colour, colour),
                  said(figure.name), value_text(figure.base, figure.base_boots),
                  value_text(figure.measured, figure.boots), said(figure.unit), change_text(figure));
  std::string below = limit_text(figure.limit);
  if (!figure.reason.empty()) below += "; " + said(figure.reason);
  if (!figure.waived.empty()) below += fmt::format("; waived ({})", said(figure.waived));
  return fmt::format("{}          {}\n", lines, below);
}

std::string check_line(const CheckVerdict& check, bool colour) {
  std::string line = fmt::format("  {}  {}: {}", painted("FAIL  ", "1;31", colour), said(check.id), said(check.reason));
  if (check.verdict != Verdict::fail) line += fmt::format(" ({}, and it must pass)", to_string(check.verdict));
  if (!check.waived.empty()) line += fmt::format("; waived ({})", said(check.waived));
  return line + "\n";
}

std::string count_text(const GateResult& result) {
  std::string text;
  for (const Look& look : kLooks) {
    const auto count = std::count_if(result.figures.begin(), result.figures.end(),
                                     [&](const FigureVerdict& each) { return each.verdict == look.change; });
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(look.change));
  }
  if (!text.empty()) return text;
  return fmt::format("no figure was judged, {} check{} passed", result.passed, result.passed == 1 ? "" : "s");
}

struct Outcome {
  Exit exit;
  std::string_view word, colour;
};
constexpr std::array<Outcome, 5> kOutcomes = {{{Exit::done, "good", "32"},
                                               {Exit::bad_verdict, "BAD", "1;31"},
                                               {Exit::environment, "the run failed of its environment", "33"},
                                               {Exit::inconclusive, "inconclusive", "33"},
                                               {Exit::nothing_ran, "nothing to judge", "33"}}};

}  // namespace

std::string to_table(const GateResult& result, bool colour) {
  std::string table =
      fmt::format("{} on {}\n  commit {} held to {}{}\n", said(result.image), said(result.machine),
                  said(result.commit.substr(0, kCommitShown)), said(result.base_commit.substr(0, kCommitShown)),
                  result.expires.empty() ? "" : ", whose baseline holds until " + result.expires);
  if (!result.figures.empty() || !result.checks.empty() || !result.notes.empty()) table += "\n";
  for (const FigureVerdict& figure : result.figures) table += figure_lines(figure, colour);
  for (const CheckVerdict& check : result.checks) table += check_line(check, colour);
  for (const std::string& note : result.notes) table += "  note    " + said(note) + "\n";
  const Exit exit = result.exit();
  const auto* const outcome =
      std::find_if(kOutcomes.begin(), kOutcomes.end(), [&](const Outcome& each) { return each.exit == exit; });
  table += fmt::format("\n{}: {}", painted(outcome->word, outcome->colour, colour), count_text(result));
  if (result.judged > 0)
    table += fmt::format("; intervals hold together with {:.0f} %{}", (1 - kFalseAlarms) * 100,
                         result.judged > 1 ? fmt::format(" (Bonferroni, {} figures)", result.judged) : "");
  return table + "\n";
}

}  // namespace ainode
