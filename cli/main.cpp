// SPDX-License-Identifier: Apache-2.0
// The program: declare every verb's options from the table, parse, obey the global flags, run the verb.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/files.h"
#include "base/suggestion.h"
#include "base/version.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

constexpr const char* kFooter = R"(Examples:
  ainode doctor                                        # what this host can do
  ainode build recipes/qemu-base.yaml --out out/node   # recipe to signed image
  ainode validate out/node --target qemu               # boot it and judge it

Every flag has a variable: --accept-stale is AINODE_ACCEPT_STALE. `ainode VERB --help` shows a verb's own flags.
Exit status: 0 good, 1 bad verdict, 2 usage or recipe, 3 environment, 4 nothing ran, 5 inconclusive, 77 unchanged.)";

/// NO_COLOR, then FORCE_COLOR, then whether it is a terminal.
bool takes_colour(int fd) {
  const auto value_of = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (!value_of("NO_COLOR").empty()) return false;
  if (const std::string forced = value_of("FORCE_COLOR"); !forced.empty()) return forced != "0";
  return isatty(fd) == 1;
}

/// Each named flag is mirrored by AINODE_FLAG.
void mirror_in_environment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help" || option->get_lnames()[0] == "version")
      continue;
    std::string name = "AINODE_" + option->get_lnames()[0];
    std::replace(name.begin(), name.end(), '-', '_');
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) { return std::toupper(letter); });
    option->envname(name);
  }
}

void declare_globals(CLI::App& app, Globals& globals) {
  app.add_option("-C,--directory", globals.directory, "work as if started in DIR")->type_name("DIR");
  app.add_flag("-v,--verbose", globals.verbosity, "show details, mirrors among them");
  app.add_flag("-q,--quiet", globals.quiet, "show only warnings and errors");
  app.add_flag("--offline", globals.offline, "touch no network");
  app.add_option("-j,--jobs", globals.jobs, "threads (default: all processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_option("--progress", globals.progress, "auto, plain or json")
      ->type_name("FORM")
      ->check(CLI::IsMember({"auto", "plain", "json"}));
  app.add_flag("--json", globals.json, "answer with a JSON object");
  mirror_in_environment(app);
}

std::string indented(const std::string& lines) {
  std::string out = "  ";
  for (const char letter : lines) out += letter == '\n' ? "\n  " : std::string(1, letter);
  return out;
}

/// The verb whose subcommand was named, ready to run.
struct Choice {
  CLI::App* app;
  VerbBody body;
};

std::vector<Choice> declare_verbs(CLI::App& app, Globals& globals) {
  std::vector<Choice> choices;
  for (const Verb& verb : all_verbs()) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    sub->fallthrough();
    sub->footer("Examples:\n" + indented(verb.examples) +
                "\n\nGlobal flags (-C, -v, -q, -j, --offline, --progress): ainode --help");
    choices.push_back({sub, verb.define(*sub)});
    sub->add_flag("--json", globals.json, fmt::format("answer with a JSON object, schema ainode.{}/1", verb.name));
    mirror_in_environment(*sub);
  }
  return choices;
}

/// The first word that is no flag; a flag's separate value may be taken for it, which only costs a hint.
std::string first_word(int argc, char** argv) {
  const auto word = std::find_if(argv + 1, argv + argc, [](const char* argument) { return argument[0] != '-'; });
  return word == argv + argc ? "" : *word;
}

Error usage_error(const CLI::ParseError& error, const CLI::App& app, const std::string& word) {
  std::vector<std::string_view> names;
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  names.reserve(verbs.size());
  for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end())
    return Error(codes::usage_error, error.what()).help(fmt::format("ainode {} --help", word));
  const std::string known = fmt::format("the verbs are {}; see ainode --help", fmt::join(names, ", "));
  if (word.empty()) return Error(codes::usage_error, error.what()).help(known);
  const std::string suggestion = nearest(word, names);
  return Error(codes::usage_error, fmt::format("`{}` is not a verb", word))
      .help(suggestion.empty() ? known : fmt::format("did you mean `{}`?", suggestion));
}

/// Null when --help or --version was answered. Bodies may ask which of their subcommands was named: `app` outlives
/// them.
VerbBody parse(int argc, char** argv, CLI::App& app, Globals& globals) {
  app.set_version_flag("--version", fmt::format("ainode {}", kVersion));
  app.require_subcommand(1);
  app.footer(kFooter);
  declare_globals(app, globals);
  const std::vector<Choice> choices = declare_verbs(app, globals);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive here too, with the status of success.
    if (error.get_exit_code() != 0) throw usage_error(error, app, first_word(argc, argv));
    app.exit(error);
    return nullptr;
  }
  const auto is_chosen = [](const Choice& choice) { return choice.app->parsed(); };
  return std::find_if(choices.begin(), choices.end(), is_chosen)->body;
}

void obey(const Globals& globals) {
  if (globals.directory.empty()) return;
  std::error_code error;
  fs::current_path(globals.directory, error);
  if (error)
    throw Error(codes::usage_error, fmt::format("cannot work in {}: {}", globals.directory, error.message()))
        .help("-C takes an existing directory");
}

}  // namespace

}  // namespace ainode::cli

int main(int argc, char** argv) {
  using namespace ainode;
  install_interrupt_handlers();
  cli::Globals globals;
  globals.colour_out = cli::takes_colour(STDOUT_FILENO);
  globals.colour_err = cli::takes_colour(STDERR_FILENO);
  // Known before parsing, so that a usage error is an object too.
  globals.json = std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
  CLI::App app("Builds reproducible AI-node images from recipes, and proves that they are what the recipes say.",
               "ainode");
  cli::VerbBody body;
  const int status = cli::run_reported(globals, [&](RunContext&) {
    body = cli::parse(argc, argv, app, globals);
    cli::obey(globals);
    return 0;
  });
  if (status != 0 || !body) return status;
  return cli::run_reported(globals, [&](RunContext& run) { return body(run, globals); });
}
