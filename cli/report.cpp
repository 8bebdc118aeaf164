// SPDX-License-Identifier: Apache-2.0
// `ainode report`: reads reports back, shows them in another form, makes one of several.
#include <fmt/format.h>

#include <memory>

#include "base/files.h"
#include "cli/report_files.h"
#include "cli/verb.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

struct ReportArguments {
  std::vector<fs::path> files;
  fs::path output;
  CLI::App *table = nullptr, *markdown = nullptr, *junit = nullptr, *merge = nullptr;
};

Report read_all(const std::vector<fs::path>& files) {
  std::vector<NamedReport> reports;
  for (const fs::path& file : files) reports.push_back({file.string(), read_report(file)});
  return reports.size() == 1 ? std::move(reports[0].report) : merge_reports(reports);
}

int show(const Globals& globals, const ReportArguments& arguments) {
  require_writable(arguments.output);
  const Report report = read_all(arguments.files);
  std::string text;
  if (globals.json || arguments.merge->parsed())
    text = json_text(report);
  else if (arguments.markdown->parsed())
    text = to_markdown(report);
  else if (arguments.junit->parsed())
    text = to_junit(report);
  else
    text = to_table(report, globals.colour_out && arguments.output.empty());
  if (arguments.output.empty())
    print(text);
  else
    write_file(arguments.output, text);
  return static_cast<int>(Exit::done);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<ReportArguments>();
  arguments->table = app.add_subcommand("table", "For a terminal, as `validate` prints it");
  arguments->markdown =
      app.add_subcommand("markdown", "For GitHub: a step's summary, at most 1 MiB (a comment takes 65,536 characters)");
  arguments->junit = app.add_subcommand("junit", "JUnit XML for CI servers");
  arguments->merge = app.add_subcommand("merge", "JSON: one report of several on one commit, outliers named");
  for (CLI::App* part : {arguments->table, arguments->markdown, arguments->junit, arguments->merge}) {
    part->fallthrough();
    part->add_option("REPORT", arguments->files, "what `validate -o` wrote; several are merged")->required();
    part->add_option("-o,--output", arguments->output, "write here (default: stdout)")->type_name("FILE");
  }
  app.require_subcommand(1);
  return [arguments](RunContext&, const Globals& globals) { return show(globals, *arguments); };
}

}  // namespace

Verb report_verb() {
  return {"report", "Show reports in another form, merge several",
          "ainode report markdown report.json >>\"$GITHUB_STEP_SUMMARY\"\n"
          "ainode report table report.json                # what `validate` printed\n"
          "ainode report junit report.json -o report.xml\n"
          "ainode report merge one-node.json two-nodes.json tree.json -o all.json   # a machine or a node each\n"
          "ainode report table one-node.json two-nodes.json   # merged on the way",
          define};
}

}  // namespace ainode::cli
