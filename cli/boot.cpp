// SPDX-License-Identifier: Apache-2.0
// `ainode boot`: a console of an image, or one command in it.
#include <memory>

#include "cli/verb.h"
#include "validators/validate.h"

namespace ainode::cli {

namespace {

int boot(RunContext& run, const Globals& globals, const BootOptions& options) {
  const int status = boot_console(run, options);
  if (globals.json) print_json({{"schema", "ainode.boot/1"}, {"image", options.image.string()}, {"status", status}});
  return status;
}

VerbBody define(CLI::App& app) {
  auto options = std::make_shared<BootOptions>();
  app.add_option("IMAGE", options->image, "the directory that `build --out` wrote")->required();
  app.add_option("COMMAND", options->command, "run this in the guest instead of giving a console; write -- before it");
  app.add_option("--target", options->target, "qemu, or qemu:TOPOLOGY: the name of a shipped machine, or a YAML file")
      ->capture_default_str()
      ->type_name("TARGET");
  app.add_option("--qemu", options->qemu, "the emulator to run")->capture_default_str()->type_name("PROGRAM");
  return [options](RunContext& run, const Globals& globals) { return boot(run, globals, *options); };
}

}  // namespace

Verb boot_verb() {
  return {"boot", "A console of an image in QEMU, over a throw-away overlay",
          "ainode boot out/qemu-base                 # Ctrl-A X leaves\n"
          "ainode boot out/qemu-base --target qemu:one-node -- uname -r",
          define};
}

}  // namespace ainode::cli
