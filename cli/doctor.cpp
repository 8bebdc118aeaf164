// SPDX-License-Identifier: Apache-2.0
// `ainode doctor`: the report of inspect_host as a table for people, or as JSON.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/files.h"
#include "builder/inspect_host.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

/// As `build` reads them, for the distributions that are looked for.
constexpr std::array<std::pair<const char*, const char*>, 2> kMirrorVariables = {
    {{"debian", "AINODE_MIRROR_DEBIAN"}, {"debian-security", "AINODE_MIRROR_DEBIAN_SECURITY"}}};
constexpr std::size_t kColumns = 96, kTitle = 28;

/// Breaks at spaces so that no line passes kColumns; following lines start below the first's text.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent, start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (start > 0 && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (start > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    start = end + 1;
  }
  return out;
}

std::string needed_for(const Need& need) {
  if (need.build && need.validate) return "build and validate";
  if (need.build) return "build";
  return need.validate ? "validate" : "";
}

std::string coloured(const char* text, const char* colour, bool has_colour) {
  return has_colour ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : text;
}

std::string line_of(const HostCheck& check, bool has_colour) {
  const std::string purpose = needed_for(check.need);
  std::string mark = coloured("✓", "32", has_colour);
  if (!check.is_good) mark = purpose.empty() ? coloured("·", "33", has_colour) : coloured("✗", "1;31", has_colour);
  std::string found = check.found;
  if (!check.is_good && !purpose.empty()) found += fmt::format(" (needed to {})", purpose);
  std::string line = fmt::format("{} {:<{}}{}\n", mark, check.title, kTitle, wrapped(found, kTitle + 2));
  if (!check.cure.empty()) line += fmt::format("    = help: {}\n", wrapped(check.cure, 12));
  return line;
}

std::string verdict_of(const HostReport& report) {
  if (report.can_build() && report.can_validate()) return "This machine can build and validate.\n";
  if (report.can_build()) return "This machine can build; to validate, it lacks what is marked ✗.\n";
  if (report.can_validate()) return "This machine can validate; to build, it lacks what is marked ✗.\n";
  return "This machine can neither build nor validate yet: it lacks what is marked ✗.\n";
}

std::string table_of(const HostReport& report, bool has_colour) {
  std::string text;
  for (const HostCheck& check : report.checks) text += line_of(check, has_colour);
  return text;
}

struct DoctorOptions {
  RecipeArguments recipe;
  std::string qemu = "qemu-system-x86_64", store, only;
};

int run_doctor(const Globals& globals, const DoctorOptions& chosen) {
  HostOptions options;
  options.qemu = chosen.qemu;
  options.store = chosen.store.empty() ? cache_directory() : fs::path(chosen.store);
  options.show_hosts = globals.verbosity > 0;
  options.only = chosen.only;
  if (chosen.recipe.is_given()) {
    const Recipe recipe = chosen.recipe.load();
    options.mirrors = chosen.recipe.mirror_options(recipe);
    options.repositories = recipe.repositories;
  }
  for (const auto& [distribution, variable] : kMirrorVariables) {
    if (const char* uri = std::getenv(variable); uri && *uri) options.mirrors.given.emplace(distribution, uri);
  }
  const HostReport report = inspect_host(options);
  if (globals.json)
    print_json(report.to_json());
  else
    print(table_of(report, globals.colour_out) + (chosen.only.empty() ? "\n" + verdict_of(report) : ""));
  return static_cast<int>(report.can_build() && report.can_validate() ? Exit::done : Exit::environment);
}

}  // namespace

Verb doctor_verb() {
  return {"doctor", "What this machine can do, and the cure for what it lacks",
          "ainode doctor\n"
          "ainode doctor --json\n"
          "ainode doctor --store /big/disk/cache    # look at another place for the cache\n"
          "ainode doctor -v                         # name the mirrors' hosts\n"
          "ainode doctor qemu-base                  # also: is the metadata of its repositories fresh?\n"
          "ainode doctor qemu-base --only metadata  # nothing else",
          [](CLI::App& app) -> VerbBody {
            auto chosen = std::make_shared<DoctorOptions>();
            chosen->recipe.declare(app, false);
            app.add_option("--only", chosen->only, "the checks whose ids, as --json names them, start with this")
                ->type_name("ID");
            app.add_option("--store", chosen->store, "the cache whose disk is looked at")->type_name("DIR");
            app.add_option("--qemu", chosen->qemu, "the QEMU to try")->type_name("PROGRAM");
            return [chosen](RunContext&, const Globals& globals) { return run_doctor(globals, *chosen); };
          }};
}

}  // namespace ainode::cli
