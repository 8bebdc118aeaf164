// SPDX-License-Identifier: Apache-2.0
// `ainode gate`: a report held to a baseline; the exit status is the decision for a pipeline.
#include <memory>

#include "cli/verb.h"
#include "validators/figure_files.h"

namespace ainode::cli {

namespace {

struct GateArguments {
  std::vector<fs::path> reports;
  fs::path baseline, policy;
};

int judge(const Globals& globals, const GateArguments& arguments) {
  const Baseline baseline = read_baseline(arguments.baseline);
  const Policy policy = arguments.policy.empty() ? usual_policy(baseline.set) : read_policy(arguments.policy);
  const GateResult result = gate(read_reports(arguments.reports), baseline, policy, date_today());
  if (globals.json)
    print_json(result.to_json());
  else
    print(to_table(result, globals.colour_out));
  return static_cast<int>(result.exit());
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<GateArguments>();
  app.add_option("REPORT", arguments->reports,
                 "the candidate: what `validate -o` wrote, one boot each, or a directory of them")
      ->required();
  app.add_option("--baseline", arguments->baseline, "what `ainode baseline` wrote")->required()->type_name("FILE");
  app.add_option("--policy", arguments->policy,
                 "YAML: limits, must-pass, waivers (default: each figure of the baseline, 5 %, counted ones 1 %)")
      ->type_name("FILE");
  return [arguments](RunContext&, const Globals& globals) { return judge(globals, *arguments); };
}

}  // namespace

Verb gate_verb() {
  return {"gate", "Hold a report's figures and checks to a baseline and a policy",
          "ainode gate report.json --baseline baseline.json --policy gate.yaml\n"
          "ainode gate new1.json new2.json new3.json --baseline baseline.json   # a boot each: a narrower interval\n"
          "ainode gate reports/ --baseline baseline.json --json\n"
          "# gate.yaml: limits: {mem.triad-GBps: {regress: 2%, at-least: 10}}\n"
          "#            must-pass: [numa.nodes]\n"
          "#            waivers: [{subject: kernel.timer, tracker: ISSUE-7, expires: 2027-02-28}]\n"
          "# exit status: 0 good, 1 worse or a check failed, 4 nothing to judge, 5 inconclusive: more boots are needed",
          define};
}

}  // namespace ainode::cli
