// SPDX-License-Identifier: Apache-2.0
// One poll loop over four channels. What it sees is judged in this order: the agent's end, a broken message, QEMU's
// end, a panic, the deadlines.
#include "validators/machines/guest_run.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "validators/machines/console_log.h"
#include "validators/machines/guest_process.h"
#include "validators/machines/machine_monitor.h"

namespace ainode {

namespace {

using Seconds = GuestClock::Duration;
constexpr int kPollMilliseconds = 50;
constexpr std::size_t kErrorTail = 2000;

constexpr const char* kLogs[] = {"console", "agent", "qemu", "kernel"};

fs::path log_in(const fs::path& directory, const char* name, std::size_t start = 0) {
  return directory / (start == 0 ? fmt::format("{}.log", name) : fmt::format("{}.{}.log", name, start));
}

/// The kernel's own log, as the agent's last answer carried it: kept as it came, and read by nobody here.
class KernelLog {
 public:
  explicit KernelLog(fs::path path) : path_(std::move(path)) { begin(); }
  void take(const checks::Message& message) {
    if (is_whole_) begin();
    log_->write(message.text);
    if (!message.problem.empty()) log_->write(fmt::format("[{}]\n", printable(message.problem)));
    is_whole_ = message.is_last;
  }

 private:
  void begin() { log_.emplace(path_); }
  fs::path path_;
  std::optional<CappedLog> log_;
  bool is_whole_ = false;
};

/// What stays when the guest is gone. One set for all boots of a run.
struct Evidence {
  explicit Evidence(const fs::path& directory)
      : console(log_in(directory, "console")),
        agent(log_in(directory, "agent")),
        qemu(log_in(directory, "qemu")),
        kernel(log_in(directory, "kernel")) {}
  ConsoleLog console;
  CappedLog agent, qemu;
  KernelLog kernel;
};

/// Reads what there is. False at the end of the stream.
bool read_some(const Descriptor& channel, std::string& bytes) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(channel.get(), buffer.data(), buffer.size());
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  bytes.assign(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// Sends what finds room, and says how much. Best effort: a QEMU that is gone is noticed elsewhere.
std::size_t send_bytes(const Descriptor& channel, std::string_view bytes) {
  const ssize_t sent = send(channel.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
}

class Boot {
 public:
  Boot(const GuestPlan& plan, Evidence& evidence, const OnMessage& on_message)
      : plan_(plan),
        evidence_(evidence),
        on_message_(on_message),
        guest_(plan.command),
        clock_(guest_.pid()),
        reader_(plan.nonce, answer_due(plan)),
        requests_(plan.nonce),
        task_{Seconds(0), Seconds(0), 0, {plan.deadlines.whole, plan.deadlines.cpu_seconds}} {
    evidence_.qemu.write(quoted(guest_.command()) + "\n");
    evidence_.console.forget_panic();
    send_bytes(guest_.monitor(), MachineMonitor::greeting());
  }

  std::optional<GuestOutcome> round() {
    listen();
    std::optional<GuestOutcome> outcome = judge();
    if (outcome) add_facts(*outcome);
    return outcome;
  }

  void add_facts(GuestOutcome& outcome) const {
    outcome.doing = running_;
    outcome.agent_spoke = reader_.said_hello();
    outcome.first_word_seconds = first_word_.count();
    outcome.first_word_cpu_seconds = first_word_cpu_;
    outcome.seconds = clock_.wall().count();
    outcome.cpu_seconds = clock_.cpu_seconds();
  }

  bool is_ready() const { return reader_.said_hello(); }
  bool is_answered() const { return reader_.is_answered(); }
  void begin_task(const AnswerDeadlines& deadlines) {
    task_ = {clock_.fair(), clock_.wall(), clock_.cpu_seconds(), deadlines};
    last_byte_ = clock_.fair();
  }

  void ask(checks::Request request, const AnswerDeadlines& deadlines, const std::string& name) {
    using Type = checks::Request::Type;
    outgoing_ = requests_.write(request);
    sent_ = 0;
    reader_.expect(request.type == Type::run ? checks::Answer::output : checks::Answer::checks, request.number);
    running_ = name;
    begin_task(deadlines);
  }

 private:
  static checks::Answer answer_due(const GuestPlan& plan) {
    if (plan.listens) return checks::Answer::none;
    return plan.records ? checks::Answer::recorded_checks : checks::Answer::checks;
  }

  void listen() {
    const short agents = sent_ < outgoing_.size() ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 5> channels = {{{guest_.console().get(), POLLIN, 0},
                                       {guest_.agent().get(), agents, 0},
                                       {guest_.monitor().get(), POLLIN, 0},
                                       {guest_.errors().get(), POLLIN, 0},
                                       {plan_.wake, POLLIN, 0}}};
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (!open_[i]) channels[i].fd = -1;
    }
    poll(channels.data(), channels.size(), kPollMilliseconds);
    clock_.tick();
    if (channels[1].revents & POLLOUT) sent_ += send_bytes(guest_.agent(), std::string_view(outgoing_).substr(sent_));
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if ((channels[i].revents & ~POLLOUT) != 0) hear(i);
    }
  }

  /// True when bytes came.
  bool hear(std::size_t channel) {
    const std::array<const Descriptor*, 4> all = {&guest_.console(), &guest_.agent(), &guest_.monitor(),
                                                  &guest_.errors()};
    std::string bytes;
    open_[channel] = read_some(*all[channel], bytes);
    if (bytes.empty()) return false;
    if (channel == 0) evidence_.console.write(bytes);
    if (channel == 1) hear_agent(bytes);
    if (channel == 2) monitor_.read(bytes);
    if (channel == 3) {
      evidence_.qemu.write(bytes);
      errors_ = (errors_ + bytes).substr(std::max(errors_.size() + bytes.size(), kErrorTail) - kErrorTail);
    }
    if (channel <= 1) last_byte_ = clock_.fair();
    answered_ = answered_ || (probed_ && channel == 0);
    return true;
  }

  void hear_agent(std::string_view bytes) {
    evidence_.agent.write(bytes);
    const bool was_silent = !reader_.said_hello();
    for (const checks::Message& message : reader_.feed(bytes)) {
      using Type = checks::Message::Type;
      if (message.type == Type::begin) running_ = message.id;
      if (message.type == Type::result || message.type == Type::exit) running_.clear();
      if (message.type == Type::kernel_log) evidence_.kernel.take(message);
      on_message_(message);
      // A guest that goes on talking did not panic, whatever somebody wrote on its console.
      evidence_.console.forget_panic();
    }
    if (was_silent && reader_.said_hello()) {
      first_word_ = clock_.fair();
      first_word_cpu_ = clock_.cpu_seconds();
      probed_.reset();
      answered_ = false;
    }
  }

  std::optional<GuestOutcome> judge() {
    const std::optional<int> exit = guest_.poll_exit();
    if (exit) drain();
    if (!plan_.listens && reader_.is_answered()) return GuestOutcome{};
    if (!reader_.problem().empty())
      return ended(codes::result_malformed, fmt::format("sent something malformed: {}", printable(reader_.problem())));
    if (!monitor_.disk_error().empty())
      return ended(codes::disk_full, fmt::format("was stopped: QEMU cannot write its throw-away disk: {}",
                                                 printable(monitor_.disk_error())));
    if (exit) return judge_exit(*exit);
    if (!evidence_.console.panic().empty()) {
      if (!panic_seen_) panic_seen_ = clock_.fair();
      if (clock_.fair() - *panic_seen_ >= plan_.deadlines.last_words) return panicked();
    } else {
      panic_seen_.reset();
    }
    return judge_time();
  }

  /// Whatever QEMU still said before it ended.
  void drain() {
    for (std::size_t channel = 0; channel < open_.size(); ++channel) {
      while (open_[channel] && hear(channel)) {
      }
    }
  }

  GuestOutcome judge_exit(int status) const {
    const std::string& reason = monitor_.shutdown_reason();
    if (!evidence_.console.panic().empty() || reason == "guest-panic") return panicked();
    if (reason == "guest-reset") return ended(codes::guest_rebooted, "reset itself" + during());
    if (reason == "guest-shutdown")
      return ended(codes::guest_ended_early, "switched itself off before its agent's last word" + during());
    const bool was_there = evidence_.console.received() > 0 || evidence_.agent.received() > 0;
    // Some machines it does not refuse in words, but by an assertion of its own.
    const bool is_refusal = WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) != 0;
    const bool gave_up = is_refusal && reason.empty();
    GuestOutcome outcome = ended(gave_up && !was_there ? codes::machine_refused : codes::qemu_died, "");
    outcome.text = fmt::format("QEMU of guest `{}` {}", plan_.name, describe_exit(status));
    if (!reason.empty()) outcome.text += fmt::format(", asked by {}", printable(reason));
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    if (reason == "host-signal") outcome.signal = SIGTERM;
    outcome.last_lines = printable_lines(errors_);
    return outcome;
  }

  GuestOutcome panicked() const {
    const std::string& why = evidence_.console.panic();
    GuestOutcome outcome = ended(codes::guest_panicked, "panicked" + during() + (why.empty() ? "" : ": " + why));
    outcome.has_stale_breakpoint = evidence_.console.has_stale_breakpoint();
    return outcome;
  }

  std::optional<GuestOutcome> judge_time() {
    const GuestDeadlines& deadlines = plan_.deadlines;
    const bool has_spoken = reader_.said_hello();
    if (has_spoken && reader_.is_answered()) return std::nullopt;  // nobody asked it anything
    const std::chrono::milliseconds whole = task_.deadlines.whole;
    const Seconds fair = clock_.fair() - task_.fair, wall = clock_.wall() - task_.wall;
    if (wall >= Seconds(whole) * deadlines.host_factor)
      return ended(
          codes::deadline_passed,
          fmt::format("had too little processor time: {:.0f} of {:.0f} s went by while QEMU waited for the host",
                      (wall - fair).count(), wall.count()));
    if (clock_.cpu_seconds() - task_.cpu_seconds >= task_.deadlines.cpu_seconds) return used_up(has_spoken);
    if (fair >= whole && has_spoken)
      return ended(codes::guest_hung, fmt::format("had not finished after {}{}", seconds(whole), during()));
    if (fair >= whole)
      return ended(codes::guest_silent, fmt::format("never spoke: no word of its agent in {}", seconds(whole)));
    if (answered_) return ended(codes::guest_silent, "never spoke: its console answers, but its agent said no word");
    const Seconds silent = clock_.fair() - last_byte_;
    if (probed_ && clock_.fair() - *probed_ >= deadlines.answer)
      return ended(codes::guest_hung,
                   fmt::format("hung: nothing was heard of it for {} while it booted, and its console "
                               "answers no key",
                               seconds(deadlines.silence)));
    if (silent < deadlines.silence) return std::nullopt;
    if (has_spoken)
      return ended(codes::guest_hung,
                   fmt::format("hung: nothing was heard of it for {}{}", seconds(deadlines.silence), during()));
    if (!probed_) {
      probed_ = clock_.fair();
      send_bytes(guest_.console(), "\r");
    }
    return std::nullopt;
  }

  /// Busy, and not because the host is.
  GuestOutcome used_up(bool has_spoken) const {
    const std::string used = fmt::format("{:g} s of processor time", task_.deadlines.cpu_seconds);
    if (has_spoken) return ended(codes::guest_hung, fmt::format("used up {} and had not finished{}", used, during()));
    return ended(codes::guest_silent, fmt::format("never spoke: no word of its agent in {}", used));
  }

  GuestOutcome ended(const ErrorCode& code, const std::string& what) const {
    GuestOutcome outcome;
    outcome.code = &code;
    outcome.text = fmt::format("guest `{}` {}", plan_.name, what);
    outcome.last_lines = evidence_.console.tail();
    return outcome;
  }
  std::string during() const {
    if (!running_.empty()) return fmt::format(" while it ran {}", printable(running_));
    if (!reader_.said_hello()) return " while it booted";
    return reader_.is_answered() ? " while nobody asked it anything" : " between two checks";
  }
  static std::string seconds(std::chrono::milliseconds time) { return fmt::format("{:g} s", Seconds(time).count()); }
  static std::string printable_lines(const std::string& text) {
    std::string lines;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      lines += printable(text.substr(start, end - start)) + "\n";
      start = end + 1;
    }
    return lines;
  }

  const GuestPlan& plan_;
  Evidence& evidence_;
  const OnMessage& on_message_;
  GuestProcess guest_;
  GuestClock clock_;
  checks::ProtocolReader reader_;
  checks::RequestWriter requests_;
  std::string outgoing_;  // to the agent
  std::size_t sent_ = 0;  // of it
  MachineMonitor monitor_;
  std::array<bool, 4> open_ = {true, true, true, true};  // console, agent, monitor, errors
  std::string errors_, running_;
  Seconds last_byte_{0}, first_word_{0};
  double first_word_cpu_ = 0;
  std::optional<Seconds> panic_seen_, probed_;
  bool answered_ = false;
  struct {
    Seconds fair, wall;
    double cpu_seconds;
    AnswerDeadlines deadlines;
  } task_;  // when it began, and how long it may take: the boot with its fixed task, or an answer
};

}  // namespace

/// The boots of one guest. One set of evidence for all of them.
class AskedGuest::Boots {
 public:
  Boots(RunContext& run, GuestPlan plan, OnMessage on_message)
      : run_(run), plan_(std::move(plan)), on_message_(std::move(on_message)), evidence_(plan_.evidence) {
    start();
  }
  Boot& boot() { return *boot_; }
  const Boot& boot() const { return *boot_; }
  void expect_word_within(std::chrono::milliseconds time) {
    plan_.deadlines.whole = time;
    boot_->begin_task({time, plan_.deadlines.cpu_seconds});
  }

  std::optional<GuestOutcome> round() {
    std::optional<GuestOutcome> outcome = boot_->round();
    if (!outcome) return std::nullopt;
    if (outcome->code == &codes::guest_rebooted && !boot_->is_ready()) {
      if (number_ < plan_.deadlines.boots) {
        start();
        return std::nullopt;
      }
      outcome->text = fmt::format("guest `{}` resets itself again and again: {} boots, no end", plan_.name, number_);
    }
    add_facts(*outcome);
    return outcome;
  }

  void add_facts(GuestOutcome& outcome) const {
    outcome.boots = number_;
    outcome.console_bytes = evidence_.console.received();
    outcome.agent_bytes = evidence_.agent.received();
  }

 private:
  void start() {
    boot_.reset();  // never two QEMUs on one disk
    run_.events.detail("boot", fmt::format("{}: boot {}", plan_.name, ++number_));
    boot_.emplace(plan_, evidence_, on_message_);
  }

  RunContext& run_;
  GuestPlan plan_;
  OnMessage on_message_;
  Evidence evidence_;
  std::optional<Boot> boot_;
  int number_ = 0;
};

AskedGuest::AskedGuest(RunContext& run, GuestPlan plan, OnMessage on_message)
    : boots_(std::make_unique<Boots>(run, std::move(plan), std::move(on_message))) {}

AskedGuest::~AskedGuest() = default;

std::optional<GuestOutcome> AskedGuest::round() {
  return boots_->round();
}

bool AskedGuest::is_ready() const {
  return boots_->boot().is_ready();
}

bool AskedGuest::is_answered() const {
  return boots_->boot().is_answered();
}

GuestOutcome AskedGuest::so_far() const {
  GuestOutcome outcome;
  boots_->boot().add_facts(outcome);
  boots_->add_facts(outcome);
  return outcome;
}

void AskedGuest::expect_word_within(std::chrono::milliseconds time) {
  boots_->expect_word_within(time);
}

void AskedGuest::ask(checks::Request request, const AnswerDeadlines& deadlines, const std::string& name) {
  boots_->boot().ask(std::move(request), deadlines, name);
}

void set_logs_aside(const fs::path& evidence, std::size_t start) {
  for (const char* name : kLogs)
    if (fs::exists(log_in(evidence, name))) fs::rename(log_in(evidence, name), log_in(evidence, name, start));
}

void clear_logs_aside(const fs::path& evidence, std::size_t starts) {
  for (const char* name : kLogs)
    for (std::size_t start = 1; start <= starts; ++start) fs::remove(log_in(evidence, name, start));
}

GuestOutcome run_guest(RunContext& run, const GuestPlan& plan, const OnMessage& on_message) {
  AskedGuest guest(run, plan, on_message);
  while (true) {
    throw_if_interrupted();
    if (auto outcome = guest.round()) return std::move(*outcome);
  }
}

}  // namespace ainode
