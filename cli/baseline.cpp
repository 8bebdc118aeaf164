// SPDX-License-Identifier: Apache-2.0
// `ainode baseline`: the figures of reports, kept for `gate`.
#include <fmt/format.h>

#include <memory>

#include "cli/report_files.h"
#include "cli/verb.h"
#include "validators/figure_files.h"

namespace ainode::cli {

namespace {

struct BaselineArguments {
  std::vector<fs::path> reports;
  fs::path output;
  int valid_days = 90;
};

int make(const Globals& globals, const BaselineArguments& arguments) {
  require_writable(arguments.output);
  std::vector<std::string> names;
  for (const fs::path& path : arguments.reports) names.push_back(path.string());
  const Baseline baseline =
      make_baseline(read_reports(arguments.reports), std::move(names), date_today(), arguments.valid_days);
  write_file(arguments.output, write_json(baseline.to_json()));
  if (globals.json)
    print_json(baseline.to_json());
  else
    print(to_table(baseline) + arguments.output.string() + "\n");
  return static_cast<int>(Exit::done);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<BaselineArguments>();
  app.add_option("REPORT", arguments->reports, "what `validate -o` wrote, one boot each, or a directory of them")
      ->required();
  app.add_option("-o,--output", arguments->output, "write the baseline here")->required()->type_name("FILE");
  app.add_option("--valid-days", arguments->valid_days, "how long it holds (default: 90)")
      ->type_name("DAYS")
      ->check(CLI::Range(1, 3650));
  return [arguments](RunContext&, const Globals& globals) { return make(globals, *arguments); };
}

}  // namespace

Verb baseline_verb() {
  return {"baseline", "Keep the figures of reports, for gate to hold candidates to",
          "ainode baseline report.json -o baseline.json\n"
          "ainode baseline base1.json base2.json base3.json -o baseline.json   # a boot each: noise becomes known\n"
          "ainode baseline reports/ -o baseline.json --valid-days 30",
          define};
}

}  // namespace ainode::cli
