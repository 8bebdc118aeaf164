// SPDX-License-Identifier: Apache-2.0
// `ainode boot`: a console of an image, or one command in it.
#include <memory>

#include "cli/verb.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

struct BootArguments {
  std::filesystem::path image;
  std::vector<std::string> command;
  std::string qemu = ValidateOptions{}.qemu;
};

int boot(RunContext& run, const Globals& globals, const BootArguments& arguments) {
  const int status = boot_console(run, arguments.image, arguments.command, arguments.qemu);
  if (globals.json) print_json({{"schema", "ainode.boot/1"}, {"image", arguments.image.string()}, {"status", status}});
  return status;
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<BootArguments>();
  app.add_option("IMAGE", arguments->image, "the directory that `build --out` wrote")->required();
  app.add_option("COMMAND", arguments->command,
                 "run this in the guest instead of giving a console; write -- before it");
  app.add_option("--qemu", arguments->qemu, "the emulator to run")->capture_default_str()->type_name("PROGRAM");
  return [arguments](RunContext& run, const Globals& globals) { return boot(run, globals, *arguments); };
}

}  // namespace

Verb boot_verb() {
  return {"boot", "A console of an image in QEMU, over a throw-away overlay",
          "ainode boot out/qemu-base                 # Ctrl-A X leaves\n"
          "ainode boot out/qemu-base -- uname -r",
          define};
}

}  // namespace ainode::cli
