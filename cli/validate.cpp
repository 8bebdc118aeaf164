// SPDX-License-Identifier: Apache-2.0
// `ainode validate`: boot an image, run its checks, write the report; the exit status is the verdict.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/files.h"
#include "cli/checking_arguments.h"
#include "cli/verb.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

struct ValidateArguments {
  ValidateOptions options;
  fs::path report, junit;
  int deadline = 0, silence = 0;
};

/// Found out before a boot of minutes, not after it.
void require_writable(const fs::path& file) {
  if (file.empty()) return;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (fs::is_directory(file) || !fs::is_directory(folder))
    throw Error(codes::usage_error, fmt::format("a report cannot be written to {}", file.string()))
        .help("name a file in a directory that exists");
}

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
  require_writable(arguments.report);
  require_writable(arguments.junit);
  const Report report = validate_image(run, arguments.options);
  const Json json = report.to_json();
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (!arguments.report.empty()) write_file(arguments.report, text);
  if (!arguments.junit.empty()) write_file(arguments.junit, to_junit(report));
  globals.json ? print_json(json) : print(to_table(report, globals.colour_out));
  return static_cast<int>(exit_of(report));
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<ValidateArguments>();
  ValidateOptions& options = arguments->options;
  arguments->deadline = static_cast<int>(options.wall_deadline.count());
  arguments->silence = static_cast<int>(options.silence.count());
  app.add_option("IMAGE", options.image, "the directory that `build --out` wrote, or `record --out` for recorded")
      ->required();
  app.add_option("--target", options.target,
                 "qemu, or qemu:TOPOLOGY: the name of a shipped machine, or a YAML file; local, or local:TOPOLOGY: the "
                 "machine that this runs on; tree: not booted; recorded: what `record` kept")
      ->capture_default_str()
      ->type_name("TARGET");
  declare_checking(app, options);
  app.add_option("-o,--report", arguments->report, "write the report as JSON")->type_name("FILE");
  app.add_option("--junit", arguments->junit, "write the report as JUnit XML")->type_name("FILE");
  app.add_option("--deadline", arguments->deadline, "seconds for the whole boot")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400));
  app.add_option("--silence", arguments->silence, "seconds without any sign of life: hung")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400));
  return [arguments](RunContext& run, const Globals& globals) {
    arguments->options.wall_deadline = std::chrono::seconds(arguments->deadline);
    arguments->options.silence = std::chrono::seconds(arguments->silence);
    return validate(run, globals, *arguments);
  };
}

}  // namespace

Verb validate_verb() {
  return {"validate", "Boot an image, run its checks, write the report",
          "ainode validate out/qemu-base --target qemu\n"
          "ainode validate out/qemu-base --target qemu:two-nodes -o report.json --junit report.xml\n"
          "ainode validate out/qemu-base --target qemu:./our-node.yaml   # a machine of your own\n"
          "ainode validate out/qemu-base --target tree            # what files alone prove, in seconds\n"
          "ainode validate out/qemu-base --target local           # is this very machine that image?\n"
          "ainode validate recorded/node --target recorded        # judge again what `ainode record` kept\n"
          "ainode validate out/qemu-base --append intel_iommu=off   # a planted defect: iommu.on must fail",
          define};
}

}  // namespace ainode::cli
