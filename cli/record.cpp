// SPDX-License-Identifier: Apache-2.0
// `ainode record`: run the checks and keep what they saw. The exit status says whether that is kept, not the verdict.
#include <fmt/format.h>

#include <memory>

#include "cli/checking_arguments.h"
#include "cli/verb.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

struct RecordArguments {
  ValidateOptions options;
  std::filesystem::path out;
};

int record(RunContext& run, const Globals& globals, const RecordArguments& arguments) {
  const Report report = record_image(run, arguments.options, arguments.out);
  const std::string out = arguments.out.string();
  if (globals.json) {
    print_json({{"schema", "ainode.record/1"}, {"out", out}, {"report", report.to_json()}});
  } else {
    print(to_table(report, globals.colour_out) +
          fmt::format("\nrecorded in {0}; `ainode validate {0} --target recorded` judges it again\n", out));
  }
  return static_cast<int>(Exit::done);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<RecordArguments>();
  app.add_option("IMAGE", arguments->options.image, "the directory that `build --out` wrote")->required();
  app.add_option("--out", arguments->out, "a new directory for the recording")->required()->type_name("DIR");
  app.add_option("--target", arguments->options.target,
                 "qemu, or qemu:TOPOLOGY: the name of a shipped machine, or a YAML file; local, or local:TOPOLOGY: the "
                 "machine that this runs on")
      ->capture_default_str()
      ->type_name("TARGET");
  declare_checking(app, arguments->options);
  return [arguments](RunContext& run, const Globals& globals) { return record(run, globals, *arguments); };
}

}  // namespace

Verb record_verb() {
  return {"record", "Keep what checks see of a machine, to judge it again without the machine",
          "ainode record out/qemu-base --out recorded/two-nodes\n"
          "ainode record out/qemu-base --out recorded/node --target local   # as root, on the node itself\n"
          "ainode record out/qemu-base --out recorded/ours --target local:./our-node.yaml\n"
          "ainode validate recorded/two-nodes --target recorded             # the same verdicts, in a second",
          define};
}

}  // namespace ainode::cli
