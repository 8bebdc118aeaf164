// SPDX-License-Identifier: Apache-2.0
// What a verb of the command line is: a row with a name, its texts, and a function that declares its options.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/steps.h"

namespace ainode::cli {

/// The flags that stand before or after any verb. `-C` has been obeyed already: paths are relative to the current
/// directory.
struct Globals {
  std::string directory;          ///< -C
  int verbosity = 0;              ///< -v, -vv
  bool quiet = false;             ///< -q: only warnings and errors on stderr
  bool offline = false;           ///< --offline
  int jobs = 0;                   ///< -j; 0: all processors this process may use
  std::string progress = "auto";  ///< --progress=auto|plain|json
  bool json = false;              ///< --json
  bool colour_out = false;        ///< whether stdout takes colour
  bool colour_err = false;        ///< whether stderr takes colour
};

/// Runs a verb once its options are parsed; returns the exit status. Answers go to stdout (by print() below),
/// everything else to run.events. Failures are thrown.
using VerbBody = std::function<int(RunContext& run, const Globals& globals)>;

/// One file a verb: cli/NAME.cpp defines `Verb NAME_verb()`, verbs.cpp lists it.
struct Verb {
  std::string name;
  std::string summary;   ///< one line, capitalised, no full stop
  std::string examples;  ///< for --help: one command a line, not indented, with a `#` comment where useful
  std::function<VerbBody(CLI::App& app)> define;  ///< declares options on `app`; the body captures what they fill
};

Verb baseline_verb();
Verb boot_verb();
Verb build_verb();
Verb cache_verb();
Verb check_verb();
Verb compare_verb();
Verb diff_verb();
Verb doctor_verb();
Verb explain_verb();
Verb gate_verb();
Verb init_verb();
Verb key_verb();
Verb lock_verb();
Verb plan_verb();
Verb record_verb();
Verb report_verb();
Verb schema_verb();
Verb show_verb();
Verb validate_verb();
Verb vendor_verb();
Verb verify_verb();
Verb why_verb();

/// Every verb, in the order of --help.
std::vector<Verb> all_verbs();

/// Writes to stdout and checks that it arrived (a full disk is an error, not a shorter answer).
void print(const std::string& text);
/// Writes an answer of --json: one object, indented, with `"schema": "ainode.VERB/1"` as its first key (the caller's).
void print_json(const Json& object);
/// 1234567 → "1.2 MB".
std::string readable_size(std::uint64_t bytes);

/// Says on stderr where an error's long text is: on a terminal, or with -v; not with -q, nor where the error says all.
void point_to_explanation(const Globals& globals, const Error& error);

/// Runs `body` with the progress display that the flags ask for; an exception becomes a rendered error on stderr (and,
/// with --json, error_json on stdout) and its exit status. Called by main, and once more in the process that is root of
/// a user namespace: there an exception cannot reach main.
int run_reported(const Globals& globals, const std::function<int(RunContext& run)>& body);

}  // namespace ainode::cli
