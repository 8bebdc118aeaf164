// SPDX-License-Identifier: Apache-2.0
// One lock covers numbering and writing, so numbers come out in order.
#include "validators/agent/session.h"

#include <time.h>

#include <chrono>
#include <utility>

namespace ainode::agent {

namespace {

// The harness is promised one in 10 s; a guest under emulation may lag.
constexpr std::chrono::seconds kBeat{5};

}  // namespace

double uptime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const auto milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  return static_cast<double>(milliseconds) / 1000;
}

Session::Session(Channel channel, const std::string& nonce, const std::string& kernel)
    : channel_(std::move(channel)), writer_(nonce), requests_(nonce) {
  say(writer_.hello(uptime(), kernel));
  heart_ = std::thread([this] { beat(); });
}

Session::~Session() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  stop_.notify_all();
  heart_.join();
}

void Session::begin(const std::string& id) {
  const std::lock_guard lock(mutex_);
  running_ = id;
  say(writer_.begin(id));
}

void Session::result(const CheckResult& result) {
  const std::lock_guard lock(mutex_);
  running_.clear();
  ++results_;
  say(writer_.result(result));
}

void Session::output(const std::string& stream, std::string_view text) {
  const std::lock_guard lock(mutex_);
  say(writer_.output(stream, text));
}

void Session::recording(const checks::Recording& recording) {
  checks::each_recorded(recording, [this](const std::string& name, const std::string& content) {
    for (std::size_t at = 0; at == 0 || at < content.size(); at += checks::kPieceLimit) {
      const bool is_last = at + checks::kPieceLimit >= content.size();
      const std::lock_guard lock(mutex_);
      say(writer_.recorded(name, std::string_view(content).substr(at, checks::kPieceLimit), is_last));
    }
  });
}

void Session::kernel_log(const std::optional<std::string>& log) {
  std::string_view rest = log ? *log : std::string_view();
  if (rest.size() > checks::kKernelLogLimit) rest.remove_prefix(rest.size() - checks::kKernelLogLimit);
  const std::string problem = log ? "" : "the agent cannot read it";
  do {
    const std::string_view piece = rest.substr(0, checks::kPieceLimit);
    rest.remove_prefix(piece.size());
    const std::lock_guard lock(mutex_);
    say(writer_.kernel_log(piece, rest.empty(), problem));
  } while (!rest.empty());
}

void Session::end(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  say(writer_.end(std::exchange(results_, 0), request));
}

void Session::exit(int status, bool timed_out, std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  say(writer_.exit(status, timed_out, request));
}

std::optional<checks::Request> Session::next_request() {
  while (waiting_.empty()) {
    const std::string bytes = channel_.read();
    for (checks::Request& request : requests_.feed(bytes)) waiting_.push_back(std::move(request));
    if (waiting_.empty() && (bytes.empty() || !problem().empty())) return std::nullopt;
  }
  checks::Request request = std::move(waiting_.front());
  waiting_.pop_front();
  return request;
}

bool Session::is_heard() const {
  const std::lock_guard lock(mutex_);
  return is_heard_;
}

void Session::beat() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, kBeat, [this] { return is_over_; })) say(writer_.heartbeat(uptime(), running_));
}

void Session::say(const std::string& line) {
  is_heard_ = channel_.write(line) && is_heard_;
}

}  // namespace ainode::agent
