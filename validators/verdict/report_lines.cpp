// SPDX-License-Identifier: Apache-2.0
#include "validators/verdict/report_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"

namespace ainode {

namespace {

constexpr Verdict kVerdicts[] = {Verdict::pass, Verdict::fail, Verdict::skip, Verdict::unmeasurable, Verdict::infra};

std::string seconds_at(const Json& object, const char* key) {
  const bool has = object.is_object() && object.contains(key) && object[key].is_number();
  return has ? fmt::format("{:.1f}", object[key].get<double>()) : "?";
}

/// "an HMAT, an IOMMU or memory tiers".
std::string alternatives(const std::set<std::string>& things) {
  std::string text;
  std::size_t left = things.size();
  for (const std::string& thing : things) {
    text += (text.empty() ? "" : left == 1 ? " or " : ", ") + thing;
    --left;
  }
  return text;
}

/// As few targets as a greedy choice finds that fill what can be filled.
std::vector<std::string> fewest_targets(std::vector<Gap> gaps) {
  std::vector<std::string> chosen;
  while (true) {
    std::map<std::string, std::size_t> filled;
    for (const Gap& gap : gaps)
      for (const std::string& target : gap.targets) filled[target] += gap.checks.size();
    if (filled.empty()) return chosen;
    const auto best = std::max_element(filled.begin(), filled.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    chosen.push_back(best->first);
    std::erase_if(gaps, [&](const Gap& gap) {
      return std::find(gap.targets.begin(), gap.targets.end(), chosen.back()) != gap.targets.end();
    });
  }
}

std::string reason_of(const Report& report, GapKind kind, std::size_t count, const std::set<std::string>& lacking) {
  switch (kind) {
    case GapKind::machine:
      return fmt::format("{} {}", count == 1 ? "needs" : "need", alternatives(lacking));
    case GapKind::kernel:
      return fmt::format("{} a kernel with {}", count == 1 ? "needs" : "need", fmt::join(lacking, ", "));
    case GapKind::nothing:
      return "found nothing to judge";
    case GapKind::emulation:
      return "unmeasurable under emulation";
    case GapKind::unmeasurable:
      return "unmeasurable here";
    case GapKind::run:
      return "did not run to an end";
    case GapKind::target:
      return "not for this target";
    case GapKind::level:
      return fmt::format("outside level {}", report.level);
    case GapKind::profile:
      return fmt::format("outside profile {}", fmt::join(report.profiles, ", "));
    case GapKind::selection:
      return "not chosen by --check";
    case GapKind::statement:
      return "of statements that the image does not make";
    case GapKind::elsewhere:
      return "asked of another machine of the run";
  }
  return "";
}

}  // namespace

std::string compact(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

std::string cut(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string printable_lines(const std::string& text) {
  std::string lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines += printable(text.substr(start, end - start)) + (end < text.size() ? "\n" : "");
    start = end + 1;
  }
  return lines;
}

std::string boot_line(const Report& report) {
  if (!report.boot.is_object() || !report.boot.contains("spoke") || report.boot["spoke"] != true) return "";
  return fmt::format("the agent's first word after {} s ({} CPU-s); whole run {} s ({} CPU-s)",
                     seconds_at(report.boot, "first_word_seconds"), seconds_at(report.boot, "first_word_cpu_seconds"),
                     seconds_at(report.boot, "seconds"), seconds_at(report.boot, "cpu_seconds"));
}

std::string retries_line(const Report& report) {
  if (!report.boot.is_object()) return "";
  std::vector<std::string> said;
  const auto add = [&](const Json& boot, const std::string& where) {
    if (!boot.is_object() || !boot.contains("retries") || !boot["retries"].is_array()) return;
    for (const Json& retry : boot["retries"])
      said.push_back(fmt::format("{}{} {}", where, text_at(retry, "code"), text_at(retry, "text")));
  };
  add(report.boot, "");
  if (report.boot.contains("runs") && report.boot["runs"].is_array())
    for (const Json& run : report.boot["runs"]) add(run, text_at(run, "target") + ": ");
  if (said.empty()) return "";
  return fmt::format("tried again {}: {}", said.size() == 1 ? "once" : fmt::format("{} times", said.size()),
                     fmt::join(said, "; "));
}

std::string count_line(const Report& report) {
  std::string counts;
  for (const Verdict verdict : kVerdicts) {
    const auto count = std::count_if(report.checks.begin(), report.checks.end(),
                                     [&](const CheckResult& check) { return check.verdict == verdict; });
    if (count > 0) counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, to_string(verdict));
  }
  return counts.empty() ? "no checks" : counts;
}

std::string target_label(const Report& report) {
  return report.target == "qemu" ? "qemu:" + report.topology : report.target;
}

std::string figure_number(double value) {
  return value >= 10'000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string figure_line(const Figure& figure) {
  const auto& samples = figure.samples;
  if (samples.empty()) return "";
  const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  std::string line = fmt::format("{} {}", figure_number(mean), figure.unit);
  if (samples.size() > 1)
    line += fmt::format(" ({} to {}, {} boots)", figure_number(*least), figure_number(*most), samples.size());
  return figure.target.empty() ? line : fmt::format("{} on {}", line, figure.target);
}

std::vector<std::vector<Gap>> gaps_by_kind(const Report& report) {
  std::map<GapKind, std::vector<Gap>> kinds;
  for (const Gap& gap : report.coverage.gaps) kinds[gap.kind].push_back(gap);
  std::vector<std::vector<Gap>> all;
  for (auto& [kind, gaps] : kinds) all.push_back(std::move(gaps));
  return all;
}

std::string gap_line(const Report& report, const std::vector<Gap>& gaps) {
  std::size_t count = 0;
  std::set<std::string> lacking;
  for (const Gap& gap : gaps) {
    count += gap.checks.size();
    if (!gap.lacking.empty()) lacking.insert(gap.lacking);
  }
  const std::vector<std::string> targets = fewest_targets(gaps);
  return fmt::format("{} {}{}", count, reason_of(report, gaps.front().kind, count, lacking),
                     targets.empty() ? "" : fmt::format(" ({})", fmt::join(targets, ", ")));
}

std::string coverage_line(const Report& report) {
  const Coverage& coverage = report.coverage;
  if (coverage.checks == 0) return "";
  const std::string line = fmt::format("covered {} of {} checks", coverage.covered, coverage.checks);
  std::vector<std::string> reasons;
  for (const std::vector<Gap>& gaps : gaps_by_kind(report)) reasons.push_back(gap_line(report, gaps));
  return reasons.empty() ? line : fmt::format("{}; not: {}", line, fmt::join(reasons, ", "));
}

std::string unproven_line(const Report& report) {
  constexpr std::size_t kShown = 3;
  const std::vector<std::string>& all = report.coverage.unproven;
  if (all.empty()) return "";
  const std::vector<std::string> first(all.begin(),
                                       all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kShown)));
  const std::string rest = all.size() > kShown ? fmt::format(" and {} more", all.size() - kShown) : "";
  return fmt::format("statements not proven: {}{}", fmt::join(first, ", "), rest);
}

std::string repeat_command(const Report& report, const CheckResult& check) {
  // A score is of all that was planted: the whole run makes it, with its share.
  const bool is_score = check.id == "control.score";
  const auto command_in = [&](const Json& boot) {
    const std::string one = is_score ? "" : text_at(boot, "repeat_one");
    return one.empty() ? text_at(boot, "repeat") : one;
  };
  std::string command = command_in(report.boot);
  const auto blamed = std::find_if(check.verdicts.begin(), check.verdicts.end(),
                                   [&](const TargetVerdict& each) { return each.verdict == check.verdict; });
  if (blamed != check.verdicts.end() && report.boot.contains("runs"))
    for (const Json& run : report.boot["runs"])
      if (text_at(run, "target") == blamed->target) command = command_in(run);
  constexpr std::string_view kControl = "control.";
  if (command.empty()) return "";
  if (is_score) return command;
  return check.id.starts_with(kControl) ? fmt::format("{} --control {}", command, check.id.substr(kControl.size()))
                                        : fmt::format("{} --check {}", command, check.id);
}

}  // namespace ainode
