// SPDX-License-Identifier: Apache-2.0
// A run without defects → the controls that have something to catch → runs with several defects at once → where one of
// these did not all do as they must, those one by one → the score.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/suggestion.h"
#include "validators/asked_checks.h"
#include "validators/controls/plan.h"
#include "validators/image_guest.h"
#include "validators/machines/topology.h"
#include "validators/suite.h"
#include "validators/tree/committed_tree.h"
#include "validators/validation.h"

namespace ainode {

namespace {

using controls::Batch;
using controls::Control;
using controls::has_place;
using controls::Ids;
using controls::Planned;

std::vector<std::string_view> control_names(const std::string& target) {
  std::vector<std::string_view> names;
  if (target == "tree") {
    for (const Control& control : controls::tree_controls()) names.push_back(control.name);
  } else {
    for (const Control& control : controls::guest_controls()) names.push_back(control.name);
  }
  return names;
}

/// Those that can be planted in the image as it is, on this machine.
std::vector<const Control*> controls_with_a_place(const ValidateOptions& options) {
  const Manifest manifest = read_manifest(options.image);
  checks::Expected expected = checks::expected_of(manifest);
  std::vector<const Control*> found;
  if (options.target == "tree") {
    const tree::CommittedTree node(options.image / "repo", manifest.commit);
    for (const controls::TreeControl& control : controls::tree_controls())
      if (!control.files(node, expected).empty()) found.push_back(&control);
    return found;
  }
  expected.topology = find_topology(topology_of(options.target)).facts;
  for (const controls::GuestControl& control : controls::guest_controls())
    if (has_place(control, expected)) found.push_back(&control);
  return found;
}

/// One run a batch; what they leave behind lies in `folder` of the evidence.
std::vector<Report> run_with_defects(RunContext& run, const ValidateOptions& options, const std::vector<Batch>& batches,
                                     const char* folder) {
  if (batches.empty()) return {};
  std::vector<ValidateOptions> runs;
  for (const Batch& batch : batches) {
    ValidateOptions& one = runs.emplace_back(options);
    one.controls.clear();
    for (const Planned& each : batch) one.controls.emplace_back(each.control->name);
    const fs::path evidence = options.evidence.empty() ? options.image / "evidence" : options.evidence;
    one.evidence = evidence / folder;
  }
  return validate_all(run, runs, {run.jobs, std::nullopt, options.resume});
}

std::string words_of(const Batch& missed, const Ids& surplus) {
  std::vector<std::string_view> names;
  for (const Planned& each : missed) names.push_back(each.control->name);
  return fmt::format("planted together, {} missed what they must fail{}; planted apart now",
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
                     surplus.empty() ? "" : fmt::format(", and {} failed besides", fmt::join(surplus, ", ")));
}

/// Starts with defects that were tried again, each with the names of what was planted.
void add_retries(Json& retries, const Batch& batch, const Report& found) {
  std::vector<std::string_view> names;
  for (const Planned& each : batch) names.push_back(each.control->name);
  for (Json retry : found.boot.value("retries", Json::array())) {
    retry["text"] = fmt::format("with {}: {}", fmt::join(names, ", "), retry.value("text", ""));
    retries.push_back(std::move(retry));
  }
}

bool contains(const Batch& batch, const Planned& planned) {
  return std::any_of(batch.begin(), batch.end(), [&](const Planned& each) { return each.control == planned.control; });
}

}  // namespace

void require_controls(const ValidateOptions& options) {
  if (options.controls.empty() && !options.all_controls) return;
  if (options.target == "recorded" || is_local(options.target))
    throw Error(codes::usage_error, fmt::format("target {} takes no defects", options.target))
        .help("defects are planted in a guest or in a tree: --target qemu or tree");
  const std::vector<std::string_view> known = control_names(options.target);
  for (const std::string& name : options.controls) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string suggestion = nearest(name, known);
    throw Error(codes::target_unknown, fmt::format("no control `{}` for target {}", name, options.target))
        .help(suggestion.empty() ? fmt::format("there are: {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean `{}`?", suggestion));
  }
}

void require_place(const ValidateOptions& options) {
  if (options.controls.empty()) return;
  const std::vector<const Control*> there = controls_with_a_place(options);
  for (const std::string& name : options.controls)
    if (std::none_of(there.begin(), there.end(), [&](const Control* each) { return each->name == name; }))
      throw Error(codes::target_unknown,
                  fmt::format("control `{}` has no place in this image on {}", name, options.target))
          .help("the image makes no such statement, or the machine has no such part");
}

Report validate_controls(RunContext& run, ValidateOptions options) {
  const std::string repeat = command_of(options);
  options.all_controls = false;
  const bool apart = std::exchange(options.apart, false);
  Report report = validate_targets(run, options, {options.target});
  report.boot["repeat"] = repeat;
  if (!report.failure.empty()) return report;
  const Ids passed = controls::passed_in(report);
  const std::vector<Planned> all = controls::plan(controls_with_a_place(options), passed);
  const std::vector<Planned> planned = controls::share_of(all, options.share, options.shares);
  const std::vector<Batch> batches = controls::batches_of(planned, apart);
  Json retries = report.boot.value("retries", Json::array());
  std::vector<Batch> doubtful;
  std::vector<CheckResult> results;
  std::vector<Planned> judged;
  const auto judge = [&](const Planned& each, const Batch& batch, const Report& found) {
    results.push_back(controls::judge_control(each, batch, passed, found));
    results.back().evidence = found.boot.value("evidence", "");
    judged.push_back(each);
  };
  const std::vector<Report> together = run_with_defects(run, options, batches, "defects");
  for (std::size_t i = 0; i < batches.size(); ++i) {
    add_retries(retries, batches[i], together[i]);
    const auto [missed, surplus] = controls::deviation_of(batches[i], passed, together[i]);
    const Batch again = batches[i].size() == 1 ? Batch() : surplus.empty() ? missed : batches[i];
    if (!again.empty()) run.events.note("controls", words_of(missed, surplus));
    for (const Planned& each : batches[i])
      if (contains(again, each))
        doubtful.push_back({each});
      else
        judge(each, batches[i], together[i]);
  }
  const std::vector<Report> alone = run_with_defects(run, options, doubtful, "defects-apart");
  for (std::size_t i = 0; i < doubtful.size(); ++i) {
    add_retries(retries, doubtful[i], alone[i]);
    judge(doubtful[i].front(), doubtful[i], alone[i]);
  }
  if (!retries.empty()) report.boot["retries"] = std::move(retries);
  const bool is_whole = options.shares == 1;
  results.push_back(controls::judge_score(is_whole ? passed : controls::due_of(planned), judged, results));
  if (!is_whole)
    results.back().sentence +=
        fmt::format(" (share {} of {}: {} of {} defects)", options.share, options.shares, planned.size(), all.size());
  report.checks.insert(report.checks.end(), results.begin(), results.end());
  return report;
}

}  // namespace ainode
