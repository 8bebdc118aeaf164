// SPDX-License-Identifier: Apache-2.0
#include "cli/checking_arguments.h"

namespace ainode::cli {

namespace {

void add_seconds(CLI::App& app, const std::string& name, std::chrono::seconds& value, const std::string& says) {
  app.add_option_function<int>(
         name, [&value](int seconds) { value = std::chrono::seconds(seconds); }, says)
      ->default_str(std::to_string(value.count()))
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400));
}

}  // namespace

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
  app.add_option("--evidence", options.evidence,
                 "where console and agent logs go, of several targets below their names (default: IMAGE/evidence)")
      ->type_name("DIR");
  app.add_option("--qemu", options.qemu, "the emulator to run")->capture_default_str()->type_name("PROGRAM");
  app.add_option("--append", options.extra_arguments, "one more kernel argument; may be repeated")
      ->type_name("ARGUMENT")
      ->expected(1)
      ->take_all();
  add_seconds(app, "--deadline", options.wall_deadline,
              "seconds for the whole boot; waiting for a busy host not counted");
  add_seconds(app, "--cpu-deadline", options.cpu_deadline, "seconds of processor time for the whole boot");
  add_seconds(app, "--silence", options.silence, "seconds without any sign of life: hung");
}

}  // namespace ainode::cli
