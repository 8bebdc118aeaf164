// SPDX-License-Identifier: Apache-2.0
// Targets whose checks run in this process: each is a node and what is expected of it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "validators/asked_checks.h"
#include "validators/checks/catalog.h"
#include "validators/checks/local_node.h"
#include "validators/checks/recorded_node.h"
#include "validators/checks/recording_node.h"
#include "validators/controls/planted_tree.h"
#include "validators/machines/machine_facts.h"
#include "validators/machines/topology.h"
#include "validators/tree/kept_verdicts.h"
#include "validators/tree/tree_checks.h"
#include "validators/validation.h"

namespace ainode {

namespace {

/// Interrupts are asked for between checks: a check would take one for its own failure.
void judge(RunContext& run, const std::vector<checks::Check>& chosen, const checks::Node& node,
           const checks::Expected& expected, const std::function<void()>& while_booting, Report& report) {
  checks::run_checks(chosen, node, expected,
                     {nullptr,
                      [&](CheckResult result) {
                        report.checks.push_back(std::move(result));
                        throw_if_interrupted();
                        run.events.progress("check", report.checks.size(), chosen.size(), "checks");
                      },
                      while_booting});
}

}  // namespace

Report validate_tree(RunContext& run, const ValidateOptions& options) {
  const Manifest manifest = read_manifest(options.image);
  if (manifest.architecture != "amd64")
    throw Error(codes::target_unknown,
                fmt::format("{}: kernels of {} are not read yet", options.image.string(), manifest.architecture));
  const checks::Expected expected = asked_of(manifest, options);
  Report report = report_on(manifest, options, expected);
  report.boot = {{"repeat", command_of(options)}, {"repeat_one", command_of(options, true)}};
  run_step(run, "check", [&] {
    const tree::KeptVerdicts kept(options.image / "repo", expected);
    const bool has_defects = !options.controls.empty();
    if (auto known = has_defects ? std::nullopt : kept.recall()) {
      report.checks = std::move(*known);
      return run.events.note("check", "no file changed since these checks ran: their verdicts were kept");
    }
    controls::PlantedTree node(options.image / "repo", manifest.commit);
    for (const controls::TreeControl& control : controls::tree_controls())
      if (std::find(options.controls.begin(), options.controls.end(), control.name) != options.controls.end())
        node.plant(control.files(node, expected));
    judge(run, tree::checks_of_tree(expected), node, expected, nullptr, report);
    if (!has_defects) kept.remember(report);
  });
  report.coverage = coverage_of(expected, Seen::files, report.checks);
  return report;
}

/// Where the programs lie that these checks run; they are looked for only where one is run.
std::string companions_for(const std::vector<checks::Check>& chosen) {
  const auto check =
      std::find_if(chosen.begin(), chosen.end(), [](const auto& each) { return !each.companion.empty(); });
  return check == chosen.end() ? "" : companion_program(check->companion).parent_path().string();
}

Report validate_local(RunContext& run, const ValidateOptions& options, KeptRecording* kept) {
  const Manifest manifest = read_manifest(options.image);
  checks::Expected expected = asked_of(manifest, options);
  expected.emulated = false;
  Report report = report_on(manifest, options, expected);
  if (const std::size_t colon = options.target.find(':'); colon != std::string::npos) {
    const Topology topology = find_topology(options.target.substr(colon + 1));
    expected.topology = facts_without_harness(topology);
    report.topology = topology.name;
  }
  report.boot = {
      {"repeat", command_of(options)}, {"repeat_one", command_of(options, true)}, {"machine", machine_facts(false)}};
  run_step(run, "check", [&] {
    const std::vector<checks::Check> chosen = checks::checks_for(expected);
    const checks::LocalNode node(companions_for(chosen));
    if (!kept) return judge(run, chosen, node, expected, throw_if_interrupted, report);
    judge(run, chosen, checks::RecordingNode(node, kept->recording), expected, throw_if_interrupted, report);
    checks::capture_system(node, kept->recording);
    kept->expected = expected;
  });
  report.coverage = coverage_of(expected, Seen::running, report.checks);
  return report;
}

Report validate_recorded(RunContext& run, const ValidateOptions& options) {
  KeptRecording kept = read_recording(options.image);
  choose_checks(kept.expected, options);
  Report report = std::move(kept.report);
  report.boot = {
      {"repeat", command_of(options)}, {"repeat_one", command_of(options, true)}, {"recorded_on", report.target}};
  report.target = options.target;
  report.profiles = kept.expected.profiles;
  report.level = to_string(kept.expected.level);
  report.checks.clear();
  run_step(run, "check", [&] {
    const checks::RecordedNode node(std::move(kept.recording), checks::Unrecorded::is_unknown);
    judge(run, checks::checks_for(kept.expected), node, kept.expected, nullptr, report);
  });
  report.coverage = coverage_of(kept.expected, Seen::running, report.checks);
  return report;
}

}  // namespace ainode
