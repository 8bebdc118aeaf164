// SPDX-License-Identifier: Apache-2.0
// Each run is a thread that boots its guest as validate_image does; a thread takes the first run that finds room.
#include "validators/suite.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/crypto.h"
#include "base/own_file.h"
#include "base/parallel.h"
#include "base/process.h"
#include "base/version.h"
#include "validators/asked_checks.h"
#include "validators/available_memory.h"
#include "validators/checks/catalog.h"
#include "validators/image_guest.h"
#include "validators/tree/tree_checks.h"
#include "validators/validation.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

constexpr const char* kStep = "machines";
constexpr const char* kEveryMachine = "qemu:all";
constexpr std::uint64_t kOverhead = std::uint64_t{384} << 20;  // QEMU's own, beside the guest's memory

/// One run, with a directory of its own.
struct Job {
  std::string name;
  ValidateOptions options;
  std::uint64_t memory = 0;
  fs::path kept;  ///< where its report is kept; empty: nowhere
};

/// What the programs that judge are; a newer one judges anew.
std::string programs_digest() {
  return sha256_hex_of_file(own_file().path) + sha256_hex_of_file(companion_program("ainode-agent")) +
         sha256_hex_of_file(companion_program("ainode-llm"));
}

/// QEMU's, or that of what plays it; one that is missing is told where it is started.
std::string digest_of_program(const std::string& name) {
  const auto program = find_program(name);
  return program ? sha256_hex_of_file(*program) : "none";
}

/// Who writes to a file changes this.
std::string state_of(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return "none";
  return fmt::format("{} {} {} {}", status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

/// A report is a function of this, as far as one is; a recording is no image, and cheap.
std::string key_of(const ValidateOptions& options, const std::string& programs, const std::string& qemu) {
  const Manifest manifest = read_manifest(options.image);
  StepKey key("validate", 1);
  key.add(programs).add(kVersion).add(options.target).add(options.qemu).add(qemu);
  key.add(manifest.commit).add(checks::write_expected(asked_of(manifest, options)));
  for (const OutputFile& output : manifest.outputs) key.add(output.sha256).add(state_of(options.image / output.name));
  for (const auto* words : {&options.extra_arguments, &options.controls})
    for (const std::string& word : *words) key.add(word);
  key.add(fmt::format("{} {} {} {}/{}", options.all_controls, options.apart, options.counted, options.share,
                      options.shares));
  for (const std::chrono::seconds deadline : {options.wall_deadline, options.silence, options.cpu_deadline})
    key.add(std::to_string(deadline.count()));
  if (is_guest(options.target)) {
    const std::string topology = topology_of(options.target);
    if (fs::exists(topology)) key.add(read_file(topology));
  }
  return key.hex();
}

std::vector<Job> jobs_of(const std::vector<ValidateOptions>& runs, const fs::path& resume) {
  const std::vector<std::string> names = names_of(runs);
  const std::string programs = resume.empty() ? "" : programs_digest();
  std::map<std::string, std::string> emulators;  // name → digest
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Job& job = jobs.emplace_back(Job{names[i], runs[i], 0, {}});
    const fs::path evidence = job.options.evidence.empty() ? job.options.image / "evidence" : job.options.evidence;
    job.options.evidence = evidence / job.name;
    job.options.resume = resume;
    require_usage(job.options);
    if (is_guest(job.options.target))
      job.memory = total_memory(find_topology(topology_of(job.options.target))) + kOverhead;
    // Files that did not change keep their verdicts anyway (KeptVerdicts); a real machine is looked at each time.
    if (resume.empty() || !is_guest(job.options.target)) continue;
    const auto [emulator, is_new] = emulators.try_emplace(job.options.qemu);
    if (is_new) emulator->second = digest_of_program(job.options.qemu);
    const std::string key = key_of(job.options, programs, emulator->second);
    job.kept = resume / fmt::format("{}.{}.json", job.name, key.substr(0, 16));
  }
  return jobs;
}

std::uint64_t room_for(const std::vector<Job>& jobs, const SuiteOptions& suite) {
  const std::uint64_t memory = suite.memory ? *suite.memory : available_memory().value_or(UINT64_MAX);
  for (const Job& job : jobs)
    if (is_guest(job.options.target)) require_memory(find_topology(topology_of(job.options.target)), memory);
  return memory;
}

/// Who runs next: the first that fits into what the running ones leave. One that is alone always fits.
class Room {
 public:
  Room(const std::vector<Job>& jobs, std::uint64_t memory) : jobs_(jobs), taken_(jobs.size()), free_(memory) {
    for (std::size_t i = 0; i < jobs.size(); ++i) waiting_.insert(i);
  }

  /// Waits until one fits; there must be one.
  std::size_t take() {
    std::unique_lock lock(mutex_);
    while (true) {
      throw_if_interrupted();
      const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                      [&](std::size_t i) { return running_ == 0 || jobs_[i].memory <= free_; });
      if (found != waiting_.end()) {
        const std::size_t i = *found;
        waiting_.erase(found);
        ++running_;
        taken_[i] = std::min(free_, jobs_[i].memory);
        free_ -= taken_[i];
        return i;
      }
      left_.wait_for(lock, std::chrono::milliseconds(100));  // a signal wakes nobody
    }
  }

  void leave(std::size_t i) {
    const std::lock_guard lock(mutex_);
    --running_;
    free_ += taken_[i];
    left_.notify_all();
  }

 private:
  const std::vector<Job>& jobs_;
  std::vector<std::uint64_t> taken_;  ///< one that is alone may need more than there is
  std::mutex mutex_;
  std::condition_variable left_;
  std::set<std::size_t> waiting_;
  std::uint64_t free_;
  std::size_t running_ = 0;
};

/// All runs as one line of progress; what a run says besides carries its name.
class Board {
 public:
  Board(EventSink& events, const std::vector<Job>& jobs) : events_(events), jobs_(jobs), checks_(jobs.size()) {}

  void begin() {
    show([&] { ++running_; });
  }
  void checked(std::size_t job, std::uint64_t done, std::uint64_t total) {
    show([&] { checks_[job] = {done, total}; });
  }
  void end(std::size_t job, const Report& report, const std::string& how) {
    events_.note(kStep, fmt::format("{}: {}: {}{}", jobs_[job].name, to_string(report.verdict()),
                                    report.failure.empty() ? count_line(report) : report.failure, how));
    show([&] { --running_, ++done_; });
  }
  void say(std::size_t job, Event event) {
    event.text = fmt::format("{}: {}", jobs_[job].name, event.text);
    event.step = kStep;
    events_.on_event(event);
  }

 private:
  template <class Change>
  void show(const Change& change) {
    Event event{Event::Kind::progress, kStep};
    const std::lock_guard lock(mutex_);
    change();
    std::uint64_t done = 0, total = 0;
    for (const auto& [own_done, own_total] : checks_) done += own_done, total += own_total;
    event.text = fmt::format("{} running, {} of {} checks", running_, done, total);
    event.done = done_;
    event.total = jobs_.size();
    event.unit = "machines";
    events_.on_event(event);
  }

  EventSink& events_;
  const std::vector<Job>& jobs_;
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> checks_;
  std::size_t running_ = 0, done_ = 0;
};

class RunEvents : public EventSink {
 public:
  RunEvents(Board& board, std::size_t job) : board_(board), job_(job) {}
  void on_event(const Event& event) override {
    using Kind = Event::Kind;
    if (event.kind == Kind::progress && event.unit == "checks") board_.checked(job_, event.done, event.total);
    if (event.kind == Kind::detail || event.kind == Kind::note || event.kind == Kind::warning) board_.say(job_, event);
  }

 private:
  Board& board_;
  std::size_t job_;
};

/// What the error says below its first line: its place, its reasons and its cure.
std::string details_of(const Error& error) {
  const std::string text = render(error);
  return text.substr(text.find('\n') + 1);
}

/// The error is the run's; of each check it says that it did not run.
Report report_of(const ValidateOptions& options, const Error& error) {
  const Manifest manifest = read_manifest(options.image);
  const checks::Expected asked = asked_of(manifest, options);
  const bool is_tree = options.target == "tree";
  Report report = report_on(manifest, options, asked);
  for (const checks::Check& check : is_tree ? tree::checks_of_tree(asked) : checks::checks_for(asked)) {
    CheckResult& result = report.checks.emplace_back();
    result.id = check.id;
    result.sentence = check.sentence;
    result.reason = "did not run: the run had ended";
  }
  report.coverage = coverage_of(asked, is_tree ? Seen::files : Seen::running, report.checks);
  if (is_guest(options.target)) report.topology = find_topology(topology_of(options.target)).name;
  report.failure = fmt::format("{}: {}", error.code().id, error.message());
  report.failure_verdict = error.code().exit == Exit::bad_verdict ? Verdict::fail : Verdict::infra;
  report.boot = {{"repeat", command_of(options)},
                 {"repeat_one", command_of(options, true)},
                 {"evidence", options.evidence.string()},
                 {"failure_code", error.code().id},
                 {"last_lines", details_of(error)}};
  return report;
}

Report judged(RunContext& run, const ValidateOptions& options) {
  try {
    return validate_image(run, options);
  } catch (const Error& error) {
    // A machine that QEMU refuses is found out late: the others have been asked already.
    const bool is_usage = error.code().exit == Exit::usage && error.code().id != codes::machine_refused.id;
    if (is_usage || error.code().id == codes::interrupted.id) throw;
    if (options.target == "recorded") throw;  // it has no manifest to report on
    return report_of(options, error);
  }
}

/// What cannot be kept is told again by the next run: no reason to lose what this one found.
void keep(RunContext& run, const Job& job, const Report& report) {
  try {
    write_file(job.kept, report.to_json().dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } catch (const Error& error) {
    run.events.warn(kStep, fmt::format("the report of {} is not kept: {}", job.name, error.message()));
  }
}

void make_kept_place(const fs::path& directory) {
  try {
    make_directories(directory);
  } catch (Error& error) {
    if (error.hint().empty()) error.help("name a directory that you may write to: --resume DIR");
    throw;
  }
}

/// Nothing where none is kept. One that cannot be read is made again.
std::optional<Report> kept_report(RunContext& run, const Job& job) {
  if (job.kept.empty() || !fs::exists(job.kept)) return std::nullopt;
  try {
    return read_report(job.kept);
  } catch (const Error& error) {
    run.events.warn(kStep, fmt::format("{} is made again: {}", job.kept.string(), error.message()));
    return std::nullopt;
  }
}

}  // namespace

std::vector<std::string> targets_of(const std::string& target, bool counted) {
  if (counted && target == "qemu") return {fmt::format("qemu:{}", kCountedTopology)};
  if (target != kEveryMachine) return {target};
  std::vector<std::string> targets;
  for (const TopologyText& shipped : shipped_topologies()) targets.push_back("qemu:" + shipped.name);
  return targets;
}

void ask_files_once(std::vector<ValidateOptions>& runs) {
  const auto is_tree = [](const ValidateOptions& run) { return run.target == "tree"; };
  const bool has_tree = std::any_of(runs.begin(), runs.end(), is_tree);
  std::vector<std::string> of_files;
  for (const checks::Check& check : checks::all_checks())
    if (check.where == checks::Where::tree_too) of_files.emplace_back(check.id);
  bool is_asked = has_tree;
  for (ValidateOptions& run : runs) {
    if (!is_guest(run.target)) continue;
    if (is_asked) run.elsewhere = of_files;
    is_asked = true;
  }
}

std::vector<std::string> names_of(const std::vector<ValidateOptions>& runs) {
  std::vector<std::string> names;
  std::map<std::string, int> seen;
  for (const ValidateOptions& run : runs) {
    std::string name = run.target == "qemu" ? fmt::format("qemu:{}", kDefaultTopology) : run.target;
    for (char& letter : name)
      if (std::isalnum(static_cast<unsigned char>(letter)) == 0 && letter != '.' && letter != '_') letter = '-';
    const int count = ++seen[name];
    names.push_back(count == 1 ? name : fmt::format("{}.{}", name, count));
  }
  return names;
}

std::vector<Report> validate_all(RunContext& run, const std::vector<ValidateOptions>& runs, const SuiteOptions& suite) {
  const std::vector<Job> jobs = jobs_of(runs, suite.resume);
  Room room(jobs, room_for(jobs, suite));
  if (!suite.resume.empty()) make_kept_place(suite.resume);
  std::vector<Report> reports(jobs.size());
  run_step(run, kStep, [&] {
    Board board(run.events, jobs);
    parallel_for(suite.jobs, jobs.size(), [&](std::size_t) {
      const std::size_t i = room.take();
      const std::shared_ptr<void> place(nullptr, [&](void*) { room.leave(i); });
      board.begin();
      std::optional<Report> kept = kept_report(run, jobs[i]);
      if (kept) {
        reports[i] = std::move(*kept);
      } else {
        RunEvents events(board, i);
        RunContext own{events, 1, run.offline};
        reports[i] = judged(own, jobs[i].options);
        if (!jobs[i].kept.empty() && reports[i].verdict() != Verdict::infra) keep(run, jobs[i], reports[i]);
        failpoint(kStep, "kept");
      }
      board.end(i, reports[i], kept ? ", kept" : "");
    });
  });
  return reports;
}

Report validate_targets(RunContext& run, const ValidateOptions& options, const std::vector<std::string>& targets) {
  std::vector<ValidateOptions> runs;
  for (const std::string& given : targets) {
    for (const std::string& target : targets_of(given, options.counted)) {
      ValidateOptions& one = runs.emplace_back(options);
      one.target = target;
    }
  }
  ask_files_once(runs);
  if (runs.size() == 1 && options.resume.empty()) return validate_image(run, runs.front());
  const std::vector<std::string> names = names_of(runs);
  std::vector<Report> reports = validate_all(run, runs, {run.jobs, std::nullopt, options.resume});
  if (reports.size() == 1) return std::move(reports.front());
  std::vector<NamedReport> named;
  for (std::size_t i = 0; i < reports.size(); ++i) named.push_back({names[i], std::move(reports[i])});
  return merge_reports(named);
}

}  // namespace ainode
