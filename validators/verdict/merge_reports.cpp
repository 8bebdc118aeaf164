// SPDX-License-Identifier: Apache-2.0
// A check's worst verdict speaks for it, with what the first target of that verdict found.
#include "validators/verdict/merge_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

/// Worst first; what judged stands before what did not.
constexpr Verdict kRank[] = {Verdict::fail, Verdict::infra, Verdict::pass, Verdict::unmeasurable, Verdict::skip};

std::ptrdiff_t rank(Verdict verdict) {
  return std::find(std::begin(kRank), std::end(kRank), verdict) - std::begin(kRank);
}

using Words = std::vector<std::string>;

/// "qemu:two-nodes"; with the file's name where several reports have one target.
Words labels_of(const std::vector<NamedReport>& reports) {
  Words labels;
  std::map<std::string, int> seen;
  for (const auto& [name, report] : reports) {
    labels.push_back(report.target == "qemu" ? "qemu:" + report.topology : report.target);
    ++seen[labels.back()];
  }
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (seen[labels[i]] > 1) labels[i] += fmt::format(" ({})", reports[i].name);
  return labels;
}

void require_one_commit(const std::vector<NamedReport>& reports) {
  const NamedReport& first = reports.front();
  for (const NamedReport& each : reports)
    if (each.report.commit != first.report.commit)
      throw Error(codes::usage_error,
                  fmt::format("{} judges commit {}, and {} judges {}", printable(first.name),
                              printable(first.report.commit), printable(each.name), printable(each.report.commit)))
          .help("merge reports of one commit; a verdict is bound to what it was measured on");
}

/// The targets of the most common verdict are counted, all others named: "fail on qemu:one-node, pass on 3 others".
std::string distribution(const std::vector<TargetVerdict>& verdicts) {
  std::map<std::ptrdiff_t, Words> groups;
  for (const TargetVerdict& each : verdicts) groups[rank(each.verdict)].push_back(each.target);
  const auto most = std::max_element(groups.begin(), groups.end(),
                                     [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (groups.size() == 1)
    return verdicts.size() == 1 ? fmt::format("on {}", verdicts[0].target)
                                : fmt::format("on all {} targets", verdicts.size());
  std::string text;
  for (const auto& [place, targets] : groups) {
    const bool is_counted = place == most->first && targets.size() > 1;
    text += fmt::format(
        "{}{} on {}", text.empty() ? "" : ", ", to_string(kRank[place]),
        is_counted ? fmt::format("{} targets", targets.size()) : fmt::format("{}", fmt::join(targets, ", ")));
  }
  return text;
}

/// What one check came to on the targets that ran it.
struct Found {
  const CheckResult* worst = nullptr;
  std::vector<TargetVerdict> verdicts;
  double seconds = 0;
};

CheckResult merged(const Found& found) {
  CheckResult check = *found.worst;
  check.verdicts = found.verdicts;
  check.seconds = found.seconds;
  if (check.verdict != Verdict::pass)
    check.reason = fmt::format("{}: {}", distribution(found.verdicts), found.worst->reason);
  return check;
}

std::vector<CheckResult> merge_checks(const std::vector<NamedReport>& reports, const Words& labels) {
  std::vector<Found> all;
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    for (const CheckResult& check : reports[i].report.checks) {
      const auto [place, is_new] = places.try_emplace(check.id, all.size());
      if (is_new) all.emplace_back();
      Found& found = all[place->second];
      if (!found.worst || rank(check.verdict) < rank(found.worst->verdict)) found.worst = &check;
      found.verdicts.push_back({labels[i], check.verdict});
      found.seconds += check.seconds;
    }
  }
  std::vector<CheckResult> checks;
  for (const Found& found : all) checks.push_back(merged(found));
  return checks;
}

void keep_common(Words& kept, const Words& other) {
  std::erase_if(kept,
                [&](const std::string& word) { return std::find(other.begin(), other.end(), word) == other.end(); });
}

/// Not covered is what no report covers, for the first report's reason.
Coverage merge_coverage(const std::vector<NamedReport>& reports) {
  Coverage coverage = reports.front().report.coverage;
  for (const NamedReport& each : reports) {
    Words open;
    for (const Gap& gap : each.report.coverage.gaps) open.insert(open.end(), gap.checks.begin(), gap.checks.end());
    for (Gap& gap : coverage.gaps) keep_common(gap.checks, open);
    keep_common(coverage.families, each.report.coverage.families);
    keep_common(coverage.unproven, each.report.coverage.unproven);
  }
  std::erase_if(coverage.gaps, [](const Gap& gap) { return gap.checks.empty(); });
  coverage.covered = coverage.checks;
  for (const Gap& gap : coverage.gaps) coverage.covered -= gap.checks.size();
  return coverage;
}

void add_run(Report& merged, const Report& report, const std::string& label) {
  merged.boot["runs"].push_back({{"target", label},
                                 {"kernel_release", report.kernel_release},
                                 {"level", report.level},
                                 {"verdict", to_string(report.verdict())},
                                 {"failure", report.failure},
                                 {"repeat", text_at(report.boot, "repeat")},
                                 {"evidence", text_at(report.boot, "evidence")}});
  for (const std::string& profile : report.profiles)
    if (std::find(merged.profiles.begin(), merged.profiles.end(), profile) == merged.profiles.end())
      merged.profiles.push_back(profile);
  if (report.failure.empty()) return;
  merged.failure += fmt::format("{}on {}: {}", merged.failure.empty() ? "" : "; ", label, report.failure);
  if (merged.failure_verdict == Verdict::pass || rank(report.failure_verdict) < rank(merged.failure_verdict))
    merged.failure_verdict = report.failure_verdict;
}

}  // namespace

Report merge_reports(const std::vector<NamedReport>& reports) {
  require_one_commit(reports);
  const Words labels = labels_of(reports);
  const Report& first = reports.front().report;
  Report merged;
  merged.image = first.image;
  merged.commit = first.commit;
  merged.kernel_release = first.kernel_release;
  merged.builder_version = first.builder_version;
  merged.target = fmt::format("{}", fmt::join(labels, ", "));
  merged.boot = {{"runs", Json::array()}};
  std::set<std::string> levels;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    add_run(merged, reports[i].report, labels[i]);
    levels.insert(reports[i].report.level);
  }
  merged.level = fmt::format("{}", fmt::join(levels, ", "));
  merged.checks = merge_checks(reports, labels);
  merged.coverage = merge_coverage(reports);
  return merged;
}

}  // namespace ainode
