// SPDX-License-Identifier: Apache-2.0
// `ainode diff`: what differs between two images.
#include <memory>

#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

constexpr std::size_t kLinesOfASection = 10;

struct DiffArguments {
  std::string before, after;
  bool all = false, exit_code = false;
};

int diff(RunContext& run, const Globals& globals, const DiffArguments& arguments) {
  const ImageDiff diff = diff_images(run, arguments.before, arguments.after);
  if (globals.json) {
    Json json = {{"schema", "ainode.diff/1"}};
    json.update(image_diff_json(diff));
    print_json(json);
  } else {
    print(show_image_diff(diff, arguments.all || globals.verbosity > 0 ? 0 : kLinesOfASection));
  }
  const bool is_bad = arguments.exit_code && !diff.empty();
  return static_cast<int>(is_bad ? Exit::bad_verdict : Exit::done);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<DiffArguments>();
  app.add_option("A", arguments->before, "an image: the directory that `build --out` wrote")->required();
  app.add_option("B", arguments->after, "another")->required();
  app.add_flag("--all", arguments->all, "every line of every section, as -v does");
  app.add_flag("--exit-code", arguments->exit_code, "exit 1 when the images differ");
  return [arguments](RunContext& run, const Globals& globals) { return diff(run, globals, *arguments); };
}

}  // namespace

Verb diff_verb() {
  return {"diff", "What differs between two images: packages, files, kernel, settings, sizes",
          "ainode diff out/before out/after\n"
          "ainode diff out/before out/after --all          # every line\n"
          "ainode diff out/before out/after --json\n"
          "ainode diff out/first out/again --exit-code     # for scripts: 1 when they differ",
          define};
}

}  // namespace ainode::cli
