// SPDX-License-Identifier: Apache-2.0
// A call asks, then goes round until the answer is whole; the end of the guest ends every call.
#include "validators/guest_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "base/crypto.h"
#include "validators/collected_results.h"
#include "validators/machines/guest_process.h"
#include "validators/machines/retries.h"
#include "validators/validation.h"

namespace ainode {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kNonceBytes = 32, kNameBytes = 60;
constexpr std::chrono::milliseconds kPause{50};
constexpr std::size_t kSlowestInput = std::size_t{32}
                                      << 10;  // bytes a second; five times as fast was seen under emulation
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

void require_request(const std::vector<std::string>& argv, const std::string& input) {
  if (argv.empty()) throw Error(codes::usage_error, "no program was named").help("give a program and its arguments");
  std::size_t size = 0;
  for (const std::string& word : argv) {
    size += word.size() + 1;
    if (word.find('\0') != std::string::npos)
      throw Error(codes::usage_error, fmt::format("an argument of {} has a NUL", argv[0]))
          .help("give such bytes as its standard input");
  }
  if (size > checks::kArgvLimit)
    throw Error(codes::usage_error,
                fmt::format("{} has {} bytes of arguments; a request takes {}", argv[0], size, checks::kArgvLimit))
        .help("give the long ones as its standard input");
  if (input.size() > checks::kInputLimit)
    throw Error(codes::usage_error, fmt::format("the input of {} has {} bytes; a request takes {}", argv[0],
                                                input.size(), checks::kInputLimit))
        .help("give it in parts that the guest puts together");
}

/// For "while it ran …".
std::string name_of(const std::vector<std::string>& argv) {
  const std::string words = quoted(argv);
  return words.size() <= kNameBytes ? words : fmt::format("{}…", std::string_view(words).substr(0, kNameBytes));
}

/// Keeps what there is room for.
void keep(CommandResult& result, std::string_view stream, std::string_view piece) {
  const std::size_t room = GuestSession::kOutputLimit - result.out.size() - result.err.size();
  (stream == "stderr" ? result.err : result.out) += piece.substr(0, room);
  result.truncated = result.truncated || piece.size() > room;
}

checks::Request run_request(const std::vector<std::string>& argv, std::chrono::seconds timeout,
                            const std::string& input) {
  checks::Request request;
  request.type = checks::Request::Type::run;
  request.argv = argv;
  request.patience = std::clamp(timeout, std::chrono::seconds(0), checks::kLongestPatience);
  request.input = input;
  return request;
}

/// A machine of another size than its topology's is none that a command line names.
void add_size(Report& report, const SessionOptions& options) {
  if (options.memory) report.boot["memory_bytes"] = *options.memory;
  if (options.cpus) report.boot["processors"] = *options.cpus;
  if (options.memory || options.cpus) report.boot["repeat"] = report.boot["repeat_one"] = "";
}

checks::Request check_request(const checks::Expected& asked) {
  checks::Request request;
  request.profiles = asked.profiles;
  request.level = asked.level;
  request.only = asked.only;
  request.elsewhere = asked.elsewhere;
  return request;
}

}  // namespace

GuestConversation::GuestConversation(RunContext& run, SessionOptions options, fs::path work_parent, int wake)
    : run_(run),
      options_(std::move(options)),
      work_parent_(std::move(work_parent)),
      wake_(wake),
      image_guest_(prepare()),
      deadlines_(deadlines_of(as_validated({}))) {}

ValidateOptions GuestConversation::as_validated(const SessionChecks& checks) const {
  ValidateOptions options;
  options.image = options_.image;
  if (!options_.topology.empty()) options.target = "qemu:" + options_.topology;
  options.profiles = checks.profiles;
  options.level = checks.level;
  options.checks = checks.checks;
  options.qemu = options_.qemu;
  options.evidence = options_.evidence;
  options.wall_deadline = options_.wall_deadline;
  options.silence = options_.silence;
  options.cpu_deadline = options_.cpu_deadline;
  options.extra_arguments = options_.extra_arguments;
  return options;
}

ImageGuest GuestConversation::prepare() {
  const ValidateOptions options = as_validated({});
  require_usage(options);
  const Topology machine = resized(find_topology(topology_of(options.target)), options_.memory, options_.cpus);
  return run_step(run_, "prepare",
                  [&] { return prepare_guest(options.image, machine, options.extra_arguments, work_parent_); });
}

void GuestConversation::start() {
  if (tried_again_ > 0) image_guest_.emplace(prepare());  // from a disk that nobody wrote to
  AgentTask task;
  task.nonce = to_hex(random_bytes(kNonceBytes));
  task.profiles = image_guest_->manifest.profiles;
  task.listens = true;
  task.companions = companions_of(checks::all_checks());  // what will be asked, nobody knows
  GuestPlan plan;
  plan.name = image_guest_->manifest.name;
  plan.command = inject_agent(*image_guest_, task, options_.qemu);
  plan.nonce = task.nonce;
  plan.evidence = options_.evidence.empty() ? image_guest_->work.path() : fs::absolute(options_.evidence);
  plan.deadlines = deadlines_;
  plan.listens = true;
  plan.wake = wake_;
  make_directories(plan.evidence);
  if (tried_again_ == 0)
    clear_logs_aside(plan.evidence, kRetries);
  else
    set_logs_aside(plan.evidence, tried_again_);
  guest_.emplace(run_, std::move(plan), [this](const checks::Message& message) {
    if (on_message_) on_message_(message);
  });
}

void GuestConversation::round() {
  if (!guest_ && Clock::now() < next_start_) return std::this_thread::sleep_for(kPause);
  if (!guest_) start();
  const auto outcome = guest_->round();
  if (!outcome) return;
  const bool was_ready = guest_->is_ready();
  guest_.reset();
  if (was_ready || !starts_again(*outcome)) end(*outcome);
}

bool GuestConversation::starts_again(const GuestOutcome& outcome) {
  add_resets(retries_, outcome, image_guest_->manifest.name);
  const auto cause = passing_cause(outcome);
  if (!cause || tried_again_ == kRetries) return false;
  retries_.push_back({{"code", outcome.code->id}, {"text", fmt::format("{}: {}", outcome.text, *cause)}});
  run_.events.warn("boot", fmt::format("{}; trying again", outcome.text));
  next_start_ = Clock::now() + kRetryPause * ++tried_again_;
  return true;
}

void GuestConversation::end(const GuestOutcome& outcome) {
  last_ = outcome;
  GuestOutcome told = outcome;
  // What the environment refused again and again is no fault of the machine's.
  if (tried_again_ > 0 && told.code == &codes::machine_refused) told.code = &codes::qemu_died;
  try {
    require_end(told, image_guest_->topology);
  } catch (const Error& error) {
    end(error);
  }
}

void GuestConversation::end(const Error& error) {
  ended_ = error;
  guest_.reset();
}

void GuestConversation::idle() {
  if (ended_) return std::this_thread::sleep_for(kPause);
  try {
    round();
  } catch (const Error& error) {
    end(error);
  }
}

void GuestConversation::go_round_until(const std::function<bool()>& is_done) {
  try {
    while (!ended_ && !is_done()) {
      throw_if_interrupted();
      round();
    }
  } catch (const Error& error) {
    end(error);
  } catch (...) {  // of whoever takes output
    end(Error(codes::interrupted, "whoever listened to the guest gave up"));
    throw;
  }
}

void GuestConversation::require_ready() {
  go_round_until([this] { return guest_ && guest_->is_ready(); });
  if (ended_) throw Error(*ended_);
}

void GuestConversation::wait_ready(std::chrono::seconds timeout) {
  deadlines_.whole = timeout;
  if (guest_ && !guest_->is_ready()) guest_->expect_word_within(timeout);
  require_ready();
}

void GuestConversation::ask(checks::Request request, const AnswerDeadlines& deadlines, const std::string& name,
                            OnMessage on_message) {
  on_message_ = std::move(on_message);
  guest_->ask(std::move(request), deadlines, name);
  go_round_until([this] { return guest_ && guest_->is_answered(); });
  on_message_ = nullptr;
}

CommandResult GuestConversation::run(const std::vector<std::string>& argv, std::chrono::seconds timeout,
                                     const std::string& input, const GuestSession::TakeOutput& take) {
  using Type = checks::Message::Type;
  require_request(argv, input);
  require_ready();
  CommandResult result;
  bool is_whole = false;  // even if it powered the guest off
  const checks::Request request = run_request(argv, timeout, input);
  const auto patience = request.patience + std::chrono::seconds(input.size() / kSlowestInput) + deadlines_.answer;
  ask(request, {patience, kNoLimit}, name_of(argv), [&](const checks::Message& message) {
    if (message.type == Type::output && take) take(message.stream, message.text);
    if (message.type == Type::output && !take) keep(result, message.stream, message.text);
    if (message.type != Type::exit) return;
    result.exit_code = message.status;
    result.timed_out = message.timed_out;
    is_whole = true;
  });
  if (!is_whole) throw Error(*ended_);
  return result;
}

Report GuestConversation::validate(const SessionChecks& checks) {
  const ValidateOptions options = as_validated(checks);
  require_usage(options);
  const checks::Expected asked = asked_of(image_guest_->manifest, options);
  const std::vector<checks::Check> chosen = checks::checks_for(asked);
  require_ready();
  CollectedResults results(run_, chosen);
  ask(check_request(asked), {deadlines_of(options).whole, deadlines_.cpu_seconds}, "",
      [&](const checks::Message& message) { results.take(message); });
  if (ended_ && !last_.code) throw Error(*ended_);
  const GuestOutcome outcome = ended_ ? last_ : guest_->so_far();
  Report report = report_on_guest(*image_guest_, options, asked, outcome, results);
  report.boot["retries"] = retries_;
  add_resets(report.boot["retries"], outcome, image_guest_->manifest.name);
  add_size(report, options_);
  return report;
}

}  // namespace ainode
