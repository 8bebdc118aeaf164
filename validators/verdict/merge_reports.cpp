// SPDX-License-Identifier: Apache-2.0
// A check's worst verdict speaks for it, with what the first target of that verdict found.
#include "validators/verdict/merge_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

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

/// What a report calls its targets: "qemu:two-nodes"; of a merged one, what it called each.
Words own_labels(const Report& report) {
  Words labels;
  for (const Json& run : runs_in(report)) labels.push_back(text_at(run, "target"));
  if (labels.empty()) labels.push_back(target_label(report));
  return labels;
}

/// A report and what the merged one calls its targets, by what it calls them itself.
struct Labelled {
  const Report& report;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string label_of(const std::string& own) const {
    const auto found =
        std::find_if(labels.begin(), labels.end(), [&](const auto& label) { return label.first == own; });
    return found == labels.end() ? own : found->second;
  }
};

/// Targets of one name are told apart by their reports' names.
std::vector<Labelled> labelled(const std::vector<NamedReport>& reports) {
  std::map<std::string, int> seen;
  for (const NamedReport& each : reports)
    for (const std::string& label : own_labels(each.report)) ++seen[label];
  std::vector<Labelled> all;
  for (const auto& [name, report] : reports) {
    Labelled& one = all.emplace_back(Labelled{report, {}});
    for (const std::string& label : own_labels(report))
      one.labels.emplace_back(label, seen[label] > 1 ? fmt::format("{} ({})", label, name) : label);
  }
  return all;
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
  std::vector<Figure> figures;
};

/// Boots on one target are samples of one figure.
void add_figure(std::vector<Figure>& all, Figure figure, const std::string& target) {
  if (figure.target.empty()) figure.target = target;
  const auto same = std::find_if(all.begin(), all.end(), [&](const Figure& each) {
    return each.name == figure.name && each.target == figure.target;
  });
  if (same == all.end()) return all.push_back(std::move(figure));
  if (!same->is_alike(figure))
    throw Error(codes::usage_error, fmt::format("the reports measure {} in different ways: in `{}` and in `{}`",
                                                figure.name, printable(same->unit), printable(figure.unit)))
        .help("merge reports that one version of ainode wrote");
  same->samples.insert(same->samples.end(), figure.samples.begin(), figure.samples.end());
}

/// The reason without what an earlier merge put before it.
std::string own_reason(const CheckResult& check) {
  if (check.verdicts.empty()) return check.reason;
  const std::string before = distribution(check.verdicts) + ": ";
  return check.reason.starts_with(before) ? check.reason.substr(before.size()) : check.reason;
}

CheckResult merged(const Found& found) {
  CheckResult check = *found.worst;
  check.verdicts = found.verdicts;
  check.seconds = found.seconds;
  check.figures = found.figures;
  if (check.verdict != Verdict::pass)
    check.reason = fmt::format("{}: {}", distribution(found.verdicts), own_reason(*found.worst));
  return check;
}

std::vector<CheckResult> merge_checks(const std::vector<Labelled>& reports) {
  std::vector<Found> all;
  std::map<std::string, std::size_t> places;
  for (const Labelled& each : reports) {
    for (const CheckResult& check : each.report.checks) {
      const auto [place, is_new] = places.try_emplace(check.id, all.size());
      if (is_new) all.emplace_back();
      Found& found = all[place->second];
      if (!found.worst || rank(check.verdict) < rank(found.worst->verdict)) found.worst = &check;
      if (check.verdicts.empty()) found.verdicts.push_back({each.labels.front().second, check.verdict});
      for (const TargetVerdict& own : check.verdicts)
        found.verdicts.push_back({each.label_of(own.target), own.verdict});
      found.seconds += check.seconds;
      for (const Figure& figure : check.figures) add_figure(found.figures, figure, each.labels.front().first);
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

/// Which of several reasons is true of all targets together: what the image lacks everywhere, then what came of the
/// check where it was asked, then why it was not asked.
constexpr GapKind kGapRank[] = {GapKind::kernel,  GapKind::statement, GapKind::run,          GapKind::nothing,
                                GapKind::machine, GapKind::emulation, GapKind::unmeasurable, GapKind::level,
                                GapKind::profile, GapKind::selection, GapKind::target,       GapKind::elsewhere};

bool is_before(const Gap& one, const Gap& other) {
  const auto rank_of = [](GapKind kind) { return std::find(std::begin(kGapRank), std::end(kGapRank), kind); };
  return std::make_tuple(rank_of(one.kind), std::cref(one.lacking), std::cref(one.targets)) <
         std::make_tuple(rank_of(other.kind), std::cref(other.lacking), std::cref(other.targets));
}

const Gap* gap_of(const std::vector<NamedReport>& reports, const std::string& id) {
  const Gap* found = nullptr;
  for (const NamedReport& each : reports)
    for (const Gap& gap : each.report.coverage.gaps)
      if (std::find(gap.checks.begin(), gap.checks.end(), id) != gap.checks.end() && (!found || is_before(gap, *found)))
        found = &gap;
  return found;
}

/// What ran is no way to cover what it left. A target that stands several times carries its report's name.
bool has_run(const std::vector<NamedReport>& reports, const std::string& target) {
  return std::any_of(reports.begin(), reports.end(), [&](const NamedReport& each) {
    const Words labels = own_labels(each.report);
    return std::any_of(labels.begin(), labels.end(),
                       [&](const std::string& label) { return label == target || label.starts_with(target + " ("); });
  });
}

/// Not covered is what no report covers.
Coverage merge_coverage(const std::vector<NamedReport>& reports) {
  Coverage coverage = reports.front().report.coverage;
  Words uncovered;
  std::set<std::string> seen;  // a report is foreign text: an id may stand in it twice
  for (const Gap& gap : coverage.gaps)
    std::copy_if(gap.checks.begin(), gap.checks.end(), std::back_inserter(uncovered),
                 [&](const std::string& id) { return seen.insert(id).second; });
  for (const NamedReport& each : reports) {
    Words open;
    for (const Gap& gap : each.report.coverage.gaps) open.insert(open.end(), gap.checks.begin(), gap.checks.end());
    keep_common(uncovered, open);
    keep_common(coverage.families, each.report.coverage.families);
    keep_common(coverage.unproven, each.report.coverage.unproven);
  }
  std::map<std::pair<GapKind, std::string>, Gap> gaps;
  for (const std::string& id : uncovered) {
    const Gap& reason = *gap_of(reports, id);
    Gap& gap = gaps.try_emplace({reason.kind, reason.lacking}, Gap{reason.kind, reason.lacking, {}, reason.targets})
                   .first->second;
    gap.checks.push_back(id);
    keep_common(gap.targets, reason.targets);
  }
  coverage.gaps.clear();
  for (auto& [reason, gap] : gaps) {
    std::erase_if(gap.targets, [&](const std::string& target) { return has_run(reports, target); });
    coverage.gaps.push_back(std::move(gap));
  }
  coverage.covered = coverage.checks - std::min(coverage.checks, uncovered.size());
  return coverage;
}

Json run_of(const Report& report) {
  Json run = {{"kernel_release", report.kernel_release},
              {"level", report.level},
              {"verdict", to_string(report.verdict())},
              {"failure", report.failure},
              {"failure_verdict", to_string(report.failure_verdict)},
              {"repeat", text_at(report.boot, "repeat")},
              {"repeat_one", text_at(report.boot, "repeat_one")},
              {"evidence", text_at(report.boot, "evidence")}};
  for (const char* key : {"seconds", "cpu_seconds", "retries", "machine", "boots", "failure_code", "last_lines"})
    if (report.boot.is_object() && report.boot.contains(key)) run[key] = report.boot[key];
  return run;
}

void add_runs(Report& merged, const Labelled& each) {
  const Report& report = each.report;
  Json runs = runs_in(report);
  if (runs.empty()) runs.push_back(run_of(report));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].is_object()) runs[i] = Json::object();  // a report is foreign text
    runs[i]["target"] = each.labels[i].second;
    merged.boot["runs"].push_back(std::move(runs[i]));
  }
  for (const std::string& profile : report.profiles)
    if (std::find(merged.profiles.begin(), merged.profiles.end(), profile) == merged.profiles.end())
      merged.profiles.push_back(profile);
  if (report.failure.empty()) return;
  const std::string where = each.labels.size() == 1 ? fmt::format("on {}: ", each.labels.front().second) : "";
  merged.failure += fmt::format("{}{}{}", merged.failure.empty() ? "" : "; ", where, report.failure);
  if (merged.failure_verdict == Verdict::pass || rank(report.failure_verdict) < rank(merged.failure_verdict))
    merged.failure_verdict = report.failure_verdict;
}

}  // namespace

Report merge_reports(const std::vector<NamedReport>& reports) {
  require_one_commit(reports);
  const std::vector<Labelled> all = labelled(reports);
  const Report& first = reports.front().report;
  Report merged;
  merged.image = first.image;
  merged.commit = first.commit;
  merged.kernel_release = first.kernel_release;
  merged.builder_version = first.builder_version;
  merged.boot = {{"runs", Json::array()}};
  Words targets;
  std::set<std::string> levels;
  for (const Labelled& each : all) {
    add_runs(merged, each);
    for (const auto& label : each.labels) targets.push_back(label.second);
  }
  for (const Json& run : merged.boot["runs"]) levels.insert(text_at(run, "level"));
  merged.target = fmt::format("{}", fmt::join(targets, ", "));
  merged.level = fmt::format("{}", fmt::join(levels, ", "));
  merged.checks = merge_checks(all);
  merged.coverage = merge_coverage(reports);
  return merged;
}

}  // namespace ainode
