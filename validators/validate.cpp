// SPDX-License-Identifier: Apache-2.0
// prepare → inject → run → judge. What the agent sent is taken only as far as it was asked for; what it was asked for
// and did not send is a fail.
#include "validators/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "base/crypto.h"
#include "base/suggestion.h"
#include "base/version.h"
#include "validators/asked_checks.h"
#include "validators/checks/catalog.h"
#include "validators/collected_results.h"
#include "validators/image_guest.h"
#include "validators/machines/guest_process.h"
#include "validators/machines/guest_run.h"
#include "validators/machines/machine_facts.h"
#include "validators/machines/retries.h"
#include "validators/validation.h"
#include "validators/work_place.h"

namespace ainode {

namespace {

constexpr std::size_t kNonceBytes = 32;

void require_level(const std::string& level) {
  if (level.empty() || checks::level_named(level)) return;
  const std::vector<std::string_view> known = checks::level_names();
  const std::string suggestion = nearest(level, known);
  throw Error(codes::target_unknown, fmt::format("there is no level `{}`", level))
      .help(suggestion.empty() ? fmt::format("there are: {}", fmt::join(known, ", "))
                               : fmt::format("did you mean `{}`?", suggestion));
}

double rounded(double seconds) {
  return std::round(seconds * 10) / 10;
}

Json boot_json(const GuestOutcome& outcome, const ImageGuest& guest, const ValidateOptions& options) {
  return {{"spoke", outcome.agent_spoke},
          {"first_word_seconds", rounded(outcome.first_word_seconds)},
          {"first_word_cpu_seconds", rounded(outcome.first_word_cpu_seconds)},
          {"seconds", rounded(outcome.seconds)},
          {"cpu_seconds", rounded(outcome.cpu_seconds)},
          {"boots", outcome.boots},
          {"console_bytes", outcome.console_bytes},
          {"agent_bytes", outcome.agent_bytes},
          {"accelerator", options.counted ? "tcg,icount" : "tcg"},
          {"machine", machine_facts(true)},
          {"harness_arguments", guest.harness_arguments},
          {"evidence", evidence_of(options).string()},
          {"repeat", command_of(options)},
          {"repeat_one", command_of(options, true)},
          {"failure_code", outcome.code ? outcome.code->id : ""},
          {"last_lines", outcome.last_lines}};
}

[[noreturn]] void refuse_arguments(const std::string& target) {
  throw Error(codes::usage_error, fmt::format("target {} boots nothing: it takes no kernel arguments", target))
      .help("leave out --append");
}

[[noreturn]] void refuse_counting(const std::string& target) {
  throw Error(codes::usage_error,
              fmt::format("target {} is no emulated machine: nobody counts its instructions", target))
      .help(
          fmt::format("name a machine with one processor: --target qemu:{}, or leave out --counted", kCountedTopology));
}

controls::Planting planting_for(const ValidateOptions& options) {
  if (options.controls.empty()) return {};
  checks::Expected expected = checks::expected_of(read_manifest(options.image));
  expected.topology = find_topology(topology_of(options.target)).facts;
  return controls::planting_of(options.controls, expected);
}

/// Names of the defects whose scripts failed, as the guest's console tells.
Json unplanted_in(const fs::path& console) {
  Json names = Json::array();
  std::istringstream lines(read_file_if_any(console).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t start = line.find(controls::kNotPlanted);
    if (start == std::string::npos) continue;
    const std::string name = line.substr(start + controls::kNotPlanted.size());
    names.push_back(printable(name.substr(0, name.find('\r'))));
  }
  return names;
}

/// One start of a guest, from a disk that nobody wrote to.
struct Attempt {
  ImageGuest guest;
  AgentTask task;
  GuestOutcome outcome;
  CollectedResults collector;
};

Attempt attempt_guest(RunContext& run, const ValidateOptions& options, const checks::Expected& asked,
                      const std::vector<checks::Check>& chosen, bool records) {
  const fs::path evidence = evidence_of(options);
  const controls::Planting planting = planting_for(options);
  ImageGuest guest = run_step(run, "prepare", [&] {
    std::vector<std::string> arguments = options.extra_arguments;
    arguments.insert(arguments.end(), planting.arguments.begin(), planting.arguments.end());
    Topology machine = find_topology(topology_of(options.target));
    if (options.counted) count_instructions(machine);
    return prepare_guest(options.image, std::move(machine), arguments, evidence);
  });
  AgentTask task = {to_hex(random_bytes(kNonceBytes)),
                    asked.profiles,
                    {},
                    asked.level,
                    asked.only,
                    records,
                    asked.elsewhere,
                    planting,
                    companions_of(chosen)};
  const GuestPlan plan = {
      guest.manifest.name, inject_agent(guest, task, options.qemu), task.nonce, evidence, deadlines_of(options),
      task.records};
  CollectedResults collector(run, chosen);
  GuestOutcome outcome = run_step(run, "boot", [&] {
    return run_guest(run, plan, [&](const checks::Message& message) { collector.take(message); });
  });
  return {std::move(guest), std::move(task), std::move(outcome), std::move(collector)};
}

void pause(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
    throw_if_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

/// A repeated run leaves the evidence alone that the report names; one that is repeated again does not.
fs::path evidence_of_repeat(const ValidateOptions& options) {
  constexpr const char* kAgain = "again";
  const fs::path first = evidence_of(options);
  return first.filename() == kAgain ? first : first / kAgain;
}

/// Two runs would write over each other's logs.
FileLock lock_evidence(RunContext& run, const fs::path& evidence) {
  try {
    make_directories(evidence);
  } catch (Error& error) {
    throw error.help(kEvidenceHint);
  }
  return {evidence, FileLock::Mode::exclusive, [&] {
            run.events.note("prepare", fmt::format("waiting for another run, which keeps its logs in {}; --evidence "
                                                   "gives this one a place of its own",
                                                   evidence.string()));
          }};
}

}  // namespace

fs::path evidence_of(const ValidateOptions& options) {
  return fs::absolute(options.evidence.empty() ? options.image / "evidence" : options.evidence).lexically_normal();
}

void add_resets(Json& retries, const GuestOutcome& outcome, const std::string& name) {
  for (int boot = 1; boot < outcome.boots; ++boot)
    retries.push_back({{"code", codes::guest_rebooted.id},
                       {"text", fmt::format("guest `{}` reset itself while it booted", printable(name))}});
}

GuestDeadlines deadlines_of(const ValidateOptions& options) {
  GuestDeadlines deadlines;
  deadlines.whole = options.wall_deadline;
  deadlines.silence = options.silence;
  deadlines.cpu_seconds = static_cast<double>(options.cpu_deadline.count());
  // A tenth of the patience is enough for an answer or for last words.
  deadlines.answer = deadlines.last_words =
      std::max(std::chrono::milliseconds(1000), std::chrono::milliseconds(options.silence) / 8);
  return deadlines;
}

std::vector<std::string> companions_of(const std::vector<checks::Check>& chosen) {
  std::set<std::string> names;
  for (const checks::Check& check : chosen)
    if (!check.companion.empty()) names.emplace(check.companion);
  return {names.begin(), names.end()};
}

void require_profiles(const std::vector<std::string>& profiles) {
  const std::vector<std::string_view> known = checks::profile_names();
  for (const std::string& profile : profiles) {
    if (std::find(known.begin(), known.end(), profile) != known.end()) continue;
    const std::string suggestion = nearest(profile, known);
    throw Error(codes::target_unknown, fmt::format("there is no profile `{}`", profile))
        .help(suggestion.empty() ? fmt::format("there are: {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean `{}`?", suggestion));
  }
}

namespace {

/// The command is repeated from anywhere: no path in it depends on where it was given.
std::string from_root(const fs::path& path) {
  return fs::absolute(path).lexically_normal().string();
}

std::string target_from_anywhere(const std::string& target) {
  if (target == "qemu") return fmt::format("qemu:{}", kDefaultTopology);
  const std::size_t name = target.find(':') + 1;
  const std::string topology = target.substr(name);
  return name != 0 && is_topology_file(topology) ? target.substr(0, name) + from_root(topology) : target;
}

}  // namespace

std::string command_of(const ValidateOptions& options, bool of_one_check) {
  const ValidateOptions usual;
  std::vector<std::string> words = {"ainode", "validate", from_root(options.image), "--target",
                                    target_from_anywhere(options.target)};
  const auto add = [&](const char* option, const std::vector<std::string>& values) {
    for (const std::string& value : values) words.insert(words.end(), {option, value});
  };
  const auto add_unless_usual = [&](const char* option, const auto& value, const auto& usual_value) {
    if (value != usual_value) add(option, {fmt::format("{}", value)});
  };
  if (!of_one_check) {
    add("--profile", options.profiles);
    add_unless_usual("--level", options.level, usual.level);
    add("--check", options.checks);
    if (options.all_controls) words.emplace_back("--controls");
    if (options.apart) words.emplace_back("--apart");
    if (options.shares > 1) add("--share", {fmt::format("{}/{}", options.share, options.shares)});
  }
  add("--control", options.controls);
  if (!is_guest(options.target)) return quoted(words);
  add("--evidence", {evidence_of_repeat(options).string()});
  if (options.counted) words.emplace_back("--counted");
  add("--append", options.extra_arguments);
  const bool is_path = options.qemu.find('/') != std::string::npos;
  add_unless_usual("--qemu", is_path ? from_root(options.qemu) : options.qemu, usual.qemu);
  add_unless_usual("--deadline", options.wall_deadline.count(), usual.wall_deadline.count());
  add_unless_usual("--silence", options.silence.count(), usual.silence.count());
  add_unless_usual("--cpu-deadline", options.cpu_deadline.count(), usual.cpu_deadline.count());
  return quoted(words);
}

bool is_guest(const std::string& target) {
  return target != "tree" && target != "recorded" && !is_local(target);
}

bool is_local(const std::string& target) {
  return target == "local" || target.starts_with("local:");
}

void choose_checks(checks::Expected& asked, const ValidateOptions& options) {
  if (!options.profiles.empty()) asked.profiles = options.profiles, asked.only.clear();
  if (!options.level.empty()) asked.level = *checks::level_named(options.level);
  if (!options.checks.empty()) {
    asked.only = options.checks;
    asked.profiles = {"boot"};
    asked.level = checks::Level::full;
  }
  asked.elsewhere = options.elsewhere;
  require_profiles(asked.profiles);
}

checks::Expected asked_of(const Manifest& manifest, const ValidateOptions& options) {
  checks::Expected asked = checks::expected_of(manifest);
  choose_checks(asked, options);
  return asked;
}

Report report_on(const Manifest& manifest, const ValidateOptions& options, const checks::Expected& asked) {
  Report report;
  report.image = manifest.name;
  report.commit = manifest.commit;
  report.target = options.target;
  report.kernel_release = manifest.kernel_release;
  report.builder_version = manifest.builder_version;
  report.level = to_string(asked.level);
  report.profiles = asked.profiles;
  return report;
}

Report report_on_guest(const ImageGuest& guest, const ValidateOptions& options, const checks::Expected& asked,
                       const GuestOutcome& outcome, const CollectedResults& results) {
  Report report = report_on(guest.manifest, options, asked);
  report.topology = guest.topology.name;
  report.checks = results.finish(outcome);
  report.coverage = coverage_of(asked, Seen::running, report.checks);
  report.boot = boot_json(outcome, guest, options);
  if (outcome.code) {
    report.failure = fmt::format("{}: {}", outcome.code->id, outcome.text);
    report.failure_verdict = outcome.is_infra() ? Verdict::infra : Verdict::fail;
  }
  return report;
}

Report validate_guest(RunContext& run, const ValidateOptions& options, KeptRecording* kept) {
  // Before anything is made: a directory without an image stays as it was.
  const checks::Expected asked = asked_of(read_manifest(options.image), options);
  const std::vector<checks::Check> chosen = checks::checks_for(asked);
  const fs::path evidence = evidence_of(options);
  const FileLock lock = lock_evidence(run, evidence);
  clear_logs_aside(evidence, kRetries);
  Json retries = Json::array();
  std::size_t tried_again = 0;
  std::optional<Attempt> attempt;
  while (true) {
    attempt.emplace(attempt_guest(run, options, asked, chosen, kept != nullptr));
    const GuestOutcome& outcome = attempt->outcome;
    add_resets(retries, outcome, attempt->guest.manifest.name);
    const auto cause = passing_cause(outcome);
    if (!cause || tried_again == kRetries) break;
    retries.push_back({{"code", outcome.code->id}, {"text", fmt::format("{}: {}", outcome.text, *cause)}});
    run.events.warn("boot", fmt::format("{}; trying again", outcome.text));
    set_logs_aside(evidence, ++tried_again);
    pause(kRetryPause * tried_again);
  }
  const auto& [guest, task, outcome, collector] = *attempt;
  // What the environment refused again and again is no fault of the machine's, which require_start would blame.
  if (tried_again == 0) require_start(outcome, guest.topology);
  if (kept) {
    require_end(outcome, guest.topology);
    kept->recording = recording_of(std::move(attempt->collector.recorded()),
                                   fmt::format("guest `{}`", guest.manifest.name), codes::result_malformed);
    kept->expected = expected_in(guest, task);
  }

  Report report = report_on_guest(guest, options, asked, outcome, collector);
  report.boot["retries"] = std::move(retries);
  if (!options.controls.empty()) report.boot["unplanted"] = unplanted_in(evidence / "console.log");
  return report;
}

void require_usage(const ValidateOptions& options) {
  require_profiles(options.profiles);
  const bool is_tree = options.target == "tree";
  require_level(options.level);
  require_checks(options.checks, is_tree ? Seen::files : Seen::running);
  if (!is_guest(options.target) && !options.extra_arguments.empty()) refuse_arguments(options.target);
  if (options.counted && !is_guest(options.target)) refuse_counting(options.target);
  if (is_guest(options.target)) {
    Topology machine = find_topology(topology_of(options.target));
    if (options.counted) count_instructions(machine);
  }
  if (is_local(options.target) && options.target != "local") find_topology(options.target.substr(6));
  require_controls(options);
  if (options.target != "recorded") read_manifest(options.image);
  require_place(options);
}

namespace {

Report validate_target(RunContext& run, const ValidateOptions& options) {
  if (options.all_controls) return validate_controls(run, options);
  if (options.target == "recorded") return validate_recorded(run, options);
  if (options.target == "tree") return validate_tree(run, options);
  return is_local(options.target) ? validate_local(run, options) : validate_guest(run, options);
}

}  // namespace

Report validate_image(RunContext& run, const ValidateOptions& options) {
  require_usage(options);
  try {
    return validate_target(run, options);
  } catch (const Json::exception& problem) {
    // A statement's expected value is of the form that its check knows, and only that one.
    throw Error(codes::image_malformed,
                fmt::format("{}: its manifest declares something in a form that no check knows: {}",
                            options.image.string(), printable(problem.what())))
        .help("build the image again; nobody else writes its manifest");
  }
}

Report record_image(RunContext& run, const ValidateOptions& options, const fs::path& out) {
  require_usage(options);
  require_new(out);
  KeptRecording kept;
  kept.report = is_local(options.target) ? validate_local(run, options, &kept) : validate_guest(run, options, &kept);
  run_step(run, "keep", [&] { write_recording(kept, out); });
  return kept.report;
}

}  // namespace ainode
