// SPDX-License-Identifier: Apache-2.0
// `ainode validate`: boot an image, run its checks, write the report; the exit status is the verdict.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/files.h"
#include "cli/checking_arguments.h"
#include "cli/report_files.h"
#include "cli/verb.h"
#include "validators/suite.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

struct ValidateArguments {
  ValidateOptions options;
  std::vector<std::string> targets = {"qemu"};
  fs::path report, junit, markdown;
};

/// A report in which nothing was judged is no pass.
Exit exit_of(const Report& report) {
  const auto is_judged = [](const CheckResult& check) {
    return check.verdict == Verdict::pass || check.verdict == Verdict::fail;
  };
  switch (report.verdict()) {
    case Verdict::fail:
      return Exit::bad_verdict;
    case Verdict::infra:
      return Exit::environment;
    default:
      return std::any_of(report.checks.begin(), report.checks.end(), is_judged) ? Exit::done : Exit::nothing_ran;
  }
}

int validate(RunContext& run, const Globals& globals, const ValidateArguments& arguments) {
  for (const fs::path& file : {arguments.report, arguments.junit, arguments.markdown}) require_writable(file);
  const Report report = validate_targets(run, arguments.options, arguments.targets);
  if (!arguments.report.empty()) write_file(arguments.report, json_text(report));
  if (!arguments.junit.empty()) write_file(arguments.junit, to_junit(report));
  if (!arguments.markdown.empty()) write_file(arguments.markdown, to_markdown(report));
  print(globals.json ? json_text(report) : to_table(report, globals.colour_out));
  return static_cast<int>(exit_of(report));
}

/// "2/6"
void read_share(const std::string& text, ValidateOptions& options) {
  int share = 0, shares = 0, length = 0;
  if (std::sscanf(text.c_str(), "%4d/%4d%n", &share, &shares, &length) != 2 ||
      length != static_cast<int>(text.size()) || share < 1 || share > shares)
    throw CLI::ValidationError("--share", fmt::format("`{}` is no share: the second of six is 2/6", text));
  options.share = share;
  options.shares = shares;
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<ValidateArguments>();
  ValidateOptions& options = arguments->options;
  app.add_option("IMAGE", options.image, "the directory that `build --out` wrote, or `record --out` for recorded")
      ->required();
  app.add_option("--target", arguments->targets,
                 "qemu, or qemu:TOPOLOGY: the name of a shipped machine, or a YAML file; qemu:all: every shipped one; "
                 "local, or local:TOPOLOGY: the machine that this runs on; tree: not booted; recorded: what `record` "
                 "kept; may be repeated: all at once, as many as cores (-j) and memory allow, one merged report")
      ->default_str("qemu")
      ->type_name("TARGET")
      ->expected(1)
      ->take_all();
  declare_checking(app, options);
  auto* controls = app.add_flag("--controls", options.all_controls,
                                "besides, plant defects and see that exactly the checks that must fail do");
  app.add_flag("--apart", options.apart, "each defect in a boot of its own, instead of several together")
      ->needs(controls);
  app.add_option_function<std::string>(
         "--share", [&options](const std::string& text) { read_share(text, options); },
         "of the defects only every Nth, from the Kth on: N runs plant them all, as a CI does from day to day")
      ->type_name("K/N")
      ->needs(controls);
  app.add_flag(
         "--counted", options.counted,
         "let the guest's time be the number of its instructions, so that what is measured does not depend on the "
         "host: slow, and on a machine with one processor (unless named, tiny-edge)")
      ->excludes(controls);
  app.add_option("--control", options.controls, "plant this defect and show what fails; may be repeated")
      ->type_name("NAME")
      ->expected(1)
      ->delimiter(',')
      ->take_all()
      ->excludes(controls);
  app.add_option("-o,--report", arguments->report, "write the report as JSON")->type_name("FILE");
  app.add_option("--junit", arguments->junit, "write the report as JUnit XML")->type_name("FILE");
  app.add_option("--markdown", arguments->markdown, "write the report as Markdown, for GitHub")->type_name("FILE");
  app.add_option(
         "--resume", options.resume,
         "keep the report of each machine here, and of each run with defects; the same command takes those that it "
         "finds, and runs the rest")
      ->type_name("DIR");
  return [arguments](RunContext& run, const Globals& globals) { return validate(run, globals, *arguments); };
}

}  // namespace

Verb validate_verb() {
  return {"validate", "Boot an image, run its checks, write the report",
          "ainode validate out/qemu-base --target qemu\n"
          "ainode validate out/qemu-base --target qemu:two-nodes -o report.json --junit report.xml\n"
          "ainode validate out/qemu-base --target qemu:./our-node.yaml   # a machine of your own\n"
          "ainode validate out/qemu-base --target tree            # what files alone prove, in seconds\n"
          "ainode validate out/qemu-base --target qemu:all --target tree --resume run1   # every machine, one report\n"
          "ainode validate out/qemu-base --level quick --markdown \"$GITHUB_STEP_SUMMARY\"\n"
          "ainode validate out/qemu-base --check numa.nodes       # one check again\n"
          "ainode validate out/qemu-base --target local           # is this very machine that image?\n"
          "ainode validate recorded/node --target recorded        # judge again what `ainode record` kept\n"
          "ainode validate out/qemu-base --counted --profile llm  # instructions a token of a language model\n"
          "ainode validate out/qemu-base --controls               # can these checks fail? the mutation score\n"
          "ainode validate out/qemu-base --controls --share 2/6   # the second sixth of the defects\n"
          "ainode validate out/qemu-base --control no-iommu       # one planted defect: iommu.on must fail",
          define};
}

}  // namespace ainode::cli
