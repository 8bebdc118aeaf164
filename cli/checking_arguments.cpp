// SPDX-License-Identifier: Apache-2.0
#include "cli/checking_arguments.h"

namespace ainode::cli {

void declare_checking(CLI::App& app, ValidateOptions& options) {
  app.add_option("--profile", options.profiles, "checks to run (default: the image's); may be repeated")
      ->type_name("PROFILE")
      ->expected(1)
      ->delimiter(',')
      ->take_all()
      ->excludes(app.add_option("--check", options.checks, "just this check; may be repeated")
                     ->type_name("ID")
                     ->expected(1)
                     ->delimiter(',')
                     ->take_all());
  app.add_option("--level", options.level, "quick: little time, no load; standard (default); full: what takes long too")
      ->type_name("LEVEL");
  app.add_option("--evidence", options.evidence, "where console and agent logs go (default: IMAGE/evidence)")
      ->type_name("DIR");
  app.add_option("--qemu", options.qemu, "the emulator to run")->capture_default_str()->type_name("PROGRAM");
  app.add_option("--append", options.extra_arguments, "one more kernel argument; may be repeated")
      ->type_name("ARGUMENT")
      ->expected(1)
      ->take_all();
}

}  // namespace ainode::cli
