// SPDX-License-Identifier: Apache-2.0
// Foreign text stands only inside <code>, with every character that Markdown or HTML could take for markup written as a
// reference: it renders as itself, wherever GitHub's own filters would make links or mentions of it.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "validators/verdict/report_lines.h"
#include "validators/verdict/report_text.h"

namespace ainode {

namespace {

// GitHub refuses a step's summary of more.
constexpr std::size_t kLargest = std::size_t{1} << 20;

/// How much of a report is shown: tried in turn until it fits. Evidence goes first; the last row fits any report.
struct Room {
  std::size_t evidence, text, checks;
};
constexpr Room kRooms[] = {{8000, 4000, 5000}, {1000, 4000, 5000}, {200, 1000, 1000}, {100, 200, 300}, {60, 60, 50}};

constexpr std::size_t kCommand = 500;  // longest command that is shown: one that is cut repeats something else

/// As inline code that nothing can break out of; newlines become line breaks.
std::string code(const std::string& text, std::size_t limit) {
  constexpr std::string_view kMarkup = "&<>\"'`\\*_[]()|~$!#:^{}=";
  if (text.empty()) return "";
  std::string safe;
  for (const char letter : cut(printable_lines(cut(text, limit)), limit)) {
    if (letter == '\n')
      safe += "<br>";
    else if (letter == '\t')
      safe += ' ';
    else if (letter == '@')
      safe += "&#64;<wbr>";  // addresses are looked for in what the reference stands for
    else if (kMarkup.find(letter) != std::string_view::npos || (letter == '.' && safe.ends_with("www")))
      safe += fmt::format("&#{};", static_cast<int>(letter));
    else
      safe += letter;
  }
  return "<code>" + safe + "</code>";
}

std::string item(std::string_view label, const std::string& text, std::size_t limit) {
  return text.empty() ? "" : fmt::format("- {}: {}\n", label, code(text, limit));
}

std::string repeat_item(const std::string& command) {
  return command.size() <= kCommand ? item("repeat", command, kCommand) : "- repeat: too long, see the JSON report\n";
}

std::string bad_check(const Report& report, const CheckResult& check, const Room& room) {
  return fmt::format("\n#### {} {}\n{}\n\n", to_string(check.verdict), code(check.id, room.text),
                     code(check.sentence, room.text)) +
         item("reason", check.reason, room.text) + item("measured", compact(check.measured), room.text) +
         item("expected", compact(check.expected), room.text) + item("declared", check.place, room.text) +
         item("evidence", check.evidence, room.evidence) + repeat_item(repeat_command(report, check));
}

std::string bad_run(const FailedRun& run, const Room& room) {
  const std::string where = run.target.empty() ? "" : ", on " + code(run.target, room.text);
  return fmt::format("\n#### {} the run as a whole{}\n\n", to_string(run.verdict), where) +
         item("reason", run.reason, room.text) + item("last lines", run.last_lines, room.evidence) +
         item("evidence", run.evidence, room.text) + repeat_item(run.repeat);
}

std::string bad_runs(const Report& report, const Room& room) {
  const std::vector<FailedRun> all = failed_runs(report);
  const std::size_t shown = std::min(all.size(), room.checks);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += bad_run(all[i], room);
  return shown < all.size() ? text + fmt::format("\n{} more failed runs are not shown.\n", all.size() - shown) : text;
}

std::string head(const Report& report, const Room& room) {
  std::string text = fmt::format("## {}: {} on {}\n\n{}\n\n", to_string(report.verdict()),
                                 code(report.image, room.text), code(report.target, room.text), count_line(report));
  text += item("commit", report.commit, room.text) + item("kernel", report.kernel_release, room.text) +
          item("machine", report.topology, room.text) + item("level", report.level, room.text) +
          item("profile", fmt::format("{}", fmt::join(report.profiles, ", ")), room.text);
  const std::string boot = boot_line(report);
  return text + (boot.empty() ? "" : fmt::format("- {}\n", boot)) + item("retries", retries_line(report), room.text);
}

std::string coverage(const Report& report, const Room& room) {
  const Coverage& all = report.coverage;
  if (all.checks == 0) return "";
  std::string text = fmt::format("\n### Covered: {} of {} checks\n\n", all.covered, all.checks);
  if (!all.gaps.empty()) text += "| not covered | checks |\n|---|---|\n";
  for (const std::vector<Gap>& gaps : gaps_by_kind(report)) {
    std::vector<std::string> ids;
    for (const Gap& gap : gaps) ids.insert(ids.end(), gap.checks.begin(), gap.checks.end());
    text += fmt::format("| {} | {} |\n", code(gap_line(report, gaps), room.text),
                        code(fmt::format("{}", fmt::join(ids, " ")), room.text));
  }
  text += "\n" +
          item("families of which no check was covered", fmt::format("{}", fmt::join(all.families, ", ")), room.text);
  return text + item("statements not proven", fmt::format("{}", fmt::join(all.unproven, "\n")), room.text);
}

/// A table, where there are any.
std::string figures(const Report& report, const Room& room) {
  std::string rows;
  std::size_t shown = 0;
  for (const CheckResult& check : report.checks)
    for (const Figure& figure : check.figures)
      if (++shown <= room.checks)
        rows += fmt::format("| {} | {} |\n", code(figure.name, room.text), code(figure_line(figure), room.text));
  return rows.empty() ? "" : "\n| figure | |\n|---|---|\n" + rows;
}

/// Each target's verdict, where they differ.
std::string verdicts_of(const CheckResult& check) {
  const auto is_alike = [&](const TargetVerdict& each) { return each.verdict == check.verdict; };
  if (std::all_of(check.verdicts.begin(), check.verdicts.end(), is_alike)) return "";
  std::string text;
  for (const TargetVerdict& each : check.verdicts)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", each.target, to_string(each.verdict));
  return text;
}

std::string every_check(const Report& report, const Room& room) {
  std::string text =
      fmt::format("\n<details><summary>All {} checks</summary>\n\n| verdict | check | | s |\n|---|---|---|---|\n",
                  report.checks.size());
  const std::size_t shown = std::min(report.checks.size(), room.checks);
  for (std::size_t i = 0; i < shown; ++i) {
    const CheckResult& check = report.checks[i];
    const std::string verdicts = verdicts_of(check);
    const std::string& said = check.verdict == Verdict::pass ? check.sentence : check.reason;
    text +=
        fmt::format("| {} | {} | {}{}{} | {:.2f} |\n", to_string(check.verdict), code(check.id, room.text),
                    code(said, room.text), verdicts.empty() ? "" : "<br>", code(verdicts, room.text), check.seconds);
  }
  if (shown < report.checks.size()) text += fmt::format("\n{} more are not shown.\n", report.checks.size() - shown);
  return text + "\n</details>\n";
}

std::string written(const Report& report, const Room& room) {
  std::string text = head(report, room) + bad_runs(report, room);
  std::size_t bad = 0;
  for (const CheckResult& check : report.checks) {
    if (!is_bad(check) || ++bad > room.checks) continue;
    text += bad_check(report, check, room);
  }
  if (bad > room.checks) text += fmt::format("\n{} more that went wrong are not shown.\n", bad - room.checks);
  return text + figures(report, room) + coverage(report, room) + every_check(report, room);
}

}  // namespace

std::string to_markdown(const Report& report) {
  std::string text;
  for (const Room& room : kRooms) {
    text = written(report, room);
    if (&room != kRooms)
      text += fmt::format(
          "\nShortened to fit into {} bytes: evidence to {}, other texts to {} each; the JSON report has all.\n",
          kLargest, room.evidence, room.text);
    if (text.size() <= kLargest) break;
  }
  return text;
}

}  // namespace ainode
