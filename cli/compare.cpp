// SPDX-License-Identifier: Apache-2.0
// `ainode compare`: the figures of two images side by side, each with its interval.
#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/verb.h"
#include "validators/figure_files.h"

namespace ainode::cli {

namespace {

struct CompareArguments {
  fs::path base, candidate;
  std::string margin = "5%";
};

int judge(const Globals& globals, const CompareArguments& arguments) {
  const std::optional<double> margin = parse_percent(arguments.margin);
  if (!margin)
    throw Error(codes::usage_error, fmt::format("--margin {} is no share in percent", printable(arguments.margin)))
        .help("write how much of a change matters, like --margin 3%");
  const GateResult result = compare(read_figures(arguments.base), read_figures(arguments.candidate), *margin);
  if (globals.json) {
    Json answer = result.to_json();
    answer["schema"] = "ainode.compare/1";
    print_json(answer);
  } else {
    print(to_table(result, globals.colour_out));
  }
  return static_cast<int>(result.exit());
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<CompareArguments>();
  app.add_option("A", arguments->base, "the base: a report, a directory of reports, or a baseline")->required();
  app.add_option("B", arguments->candidate, "the candidate, likewise")->required();
  app.add_option("--margin", arguments->margin, "how much of a change matters (default: 5%)")->type_name("PERCENT");
  return [arguments](RunContext&, const Globals& globals) { return judge(globals, *arguments); };
}

}  // namespace

Verb compare_verb() {
  return {"compare", "The figures of two images side by side, with a verdict each",
          "ainode compare old.json new.json\n"
          "ainode compare old/ new/ --margin 2%     # directories of reports, a boot each; best taken in turns: ABBA\n"
          "ainode compare baseline.json new.json --json",
          define};
}

}  // namespace ainode::cli
