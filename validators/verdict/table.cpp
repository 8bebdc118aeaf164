// SPDX-License-Identifier: Apache-2.0
// One line a check, with what went wrong below it; foreign text is made printable before it is cut and wrapped.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "validators/verdict/report_lines.h"
#include "validators/verdict/report_text.h"

namespace ainode {

namespace {

constexpr std::size_t kWidth = 100, kIndent = 15, kLongest = 600;
constexpr std::size_t kIdWidth = 26;

struct Look {
  Verdict verdict;
  std::string_view word, colour;
};
constexpr Look kLooks[] = {{Verdict::pass, "pass", "32"},
                           {Verdict::fail, "FAIL", "1;31"},
                           {Verdict::skip, "skip", "2"},
                           {Verdict::unmeasurable, "unmeas", "2"},
                           {Verdict::infra, "infra", "33"}};

const Look& look_of(Verdict verdict) {
  return *std::find_if(std::begin(kLooks), std::end(kLooks), [&](const Look& look) { return look.verdict == verdict; });
}

std::string painted(std::string_view text, std::string_view colour, bool colourful) {
  return colourful ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : std::string(text);
}

/// Lines of at most `width` bytes, broken at blanks where there are any.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = std::min(start + width, text.size());
    if (const std::size_t newline = text.find('\n', start); newline < end) {
      lines.push_back(text.substr(start, newline - start));
      start = newline + 1;
      continue;
    }
    if (end < text.size()) {
      const std::size_t blank = text.rfind(' ', end);
      if (blank != std::string::npos && blank > start) end = blank;
      while (end > start + 1 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    }
    lines.push_back(text.substr(start, end - start));
    start = end < text.size() && text[end] == ' ' ? end + 1 : end;
  }
  return lines;
}

std::string detail(std::string_view label, const std::string& text) {
  if (text.empty()) return "";
  std::string block;
  for (const std::string& line : wrapped(cut(printable_lines(text), kLongest), kWidth - kIndent)) {
    block += fmt::format("    {:<10} {}\n", block.empty() ? label : "", line);
  }
  return block;
}

/// On one line however long, so that it can be pasted into a shell.
std::string command_line(std::string_view label, const std::string& command) {
  return command.empty() ? "" : fmt::format("    {:<10} {}\n", label, printable(command));
}

std::string check_lines(const CheckResult& check, const Report& report, bool colour) {
  const Look& look = look_of(check.verdict);
  const std::string word = painted(fmt::format("{:<6}", look.word), look.colour, colour);
  const std::string id = cut(printable(check.id), 60);
  const std::size_t room = kWidth - (2 + 6 + 2 + std::max(kIdWidth, id.size()) + 1);
  const std::string reason = printable(check.reason);
  // What a failed run kept from running is told once, with the run.
  const bool fits =
      check.verdict == Verdict::infra && check.measured.is_null() && (reason.size() <= room || !report.failure.empty());
  const bool is_on_line = check.verdict == Verdict::skip || check.verdict == Verdict::unmeasurable || fits;
  std::string lines =
      fmt::format("  {}  {:<{}} {}\n", word, id, kIdWidth, cut(is_on_line ? reason : printable(check.sentence), room));
  for (const Figure& figure : check.figures)
    lines += detail("figure", fmt::format("{}: {}", figure.name, figure_line(figure)));
  if (check.verdict == Verdict::pass || is_on_line) return lines;
  lines += detail("reason", check.reason);
  lines += detail("measured", compact(check.measured));
  lines += detail("expected", compact(check.expected));
  lines += detail("declared", check.place);
  lines += detail("evidence", check.evidence);
  return lines + command_line("repeat", repeat_command(report, check));
}

std::string run_lines(const FailedRun& run, bool colour) {
  const Look& look = look_of(run.verdict);
  const std::string word = painted(fmt::format("{:<6}", look.word), look.colour, colour);
  const std::string where = run.target.empty() ? "" : ", on " + cut(printable(run.target), kWidth - kIndent - 20);
  return fmt::format("\n  {}  the run as a whole{}\n", word, where) + detail("reason", run.reason) +
         detail("last lines", run.last_lines) + detail("evidence", run.evidence) + command_line("repeat", run.repeat);
}

/// What the report says nothing of, wrapped below the verdict.
std::string coverage_lines(const Report& report) {
  std::string lines;
  const auto add = [&](const std::string& text) {
    for (const std::string& line : wrapped(cut(printable(text), kLongest), kWidth - 2)) lines += "  " + line + "\n";
  };
  add(coverage_line(report));
  add(unproven_line(report));
  return lines;
}

}  // namespace

std::string to_table(const Report& report, bool colour) {
  std::string table =
      cut(printable(fmt::format("{} on {}{}, kernel {}", report.image, report.target,
                                report.topology.empty() ? "" : " (" + report.topology + ")", report.kernel_release)),
          kWidth) +
      "\n";
  table += fmt::format("  commit {}\n", printable(report.commit));
  if (const std::string boot = boot_line(report); !boot.empty()) table += fmt::format("  {}\n", boot);
  for (const std::string& line : wrapped(cut(printable(retries_line(report)), kLongest), kWidth - 2))
    table += "  " + line + "\n";
  table += "\n";
  for (const CheckResult& check : report.checks) table += check_lines(check, report, colour);
  for (const FailedRun& run : failed_runs(report)) table += run_lines(run, colour);
  const Look& look = look_of(report.verdict());
  table += fmt::format("\n{}: {}\n", painted(look.word, look.colour, colour), count_line(report));
  return table + coverage_lines(report);
}

}  // namespace ainode
