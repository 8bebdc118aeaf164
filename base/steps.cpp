// SPDX-License-Identifier: Apache-2.0
// Interrupts, step keys and failpoints.
#include "base/steps.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>

#include "base/interruption.h"

namespace ainode {

namespace {

/// One command to stop may come as two signals: timeout(1) tells its child, and then the group.
constexpr std::int64_t kSameStop = 500;  // milliseconds

std::atomic<std::int64_t> first_interrupt = 0;  // milliseconds of CLOCK_MONOTONIC; 0: none
static_assert(std::atomic<std::int64_t>::is_always_lock_free, "a handler of signals may use nothing else");
thread_local const InterruptFlag* flag_of_this_thread = nullptr;

void on_interrupt(int signal_number) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t milliseconds = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  std::int64_t first = 0;
  if (first_interrupt.compare_exchange_strong(first, milliseconds)) return;
  if (milliseconds - first >= kSameStop) _exit(128 + signal_number);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: blocking calls return and are asked again
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal_number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() {
  return first_interrupt != 0 || (flag_of_this_thread && *flag_of_this_thread);
}

AnswersFlag::AnswersFlag(const InterruptFlag* flag) : before_(flag_of_this_thread) {
  flag_of_this_thread = flag;
}

AnswersFlag::~AnswersFlag() {
  flag_of_this_thread = before_;
}

const InterruptFlag* answered_flag() {
  return flag_of_this_thread;
}

void throw_if_interrupted() {
  if (is_interrupted())
    throw Error(codes::interrupted, "interrupted")
        .help(
            "run the same command again: a build continues where it stopped, `validate` where it was told to --resume");
}

StepKey& StepKey::add(std::string_view input) {
  inputs_ += std::to_string(input.size()) + ":";
  inputs_ += input;
  return *this;
}

std::string StepKey::hex() const {
  return sha256_hex(inputs_);
}

double cpu_seconds() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct rusage used = {};
    getrusage(who, &used);
    for (const timeval& part : {used.ru_utime, used.ru_stime})
      total += static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) / 1e6;
  }
  return total;
}

bool failpoint_asks(std::string_view step, std::string_view where, std::string_view action) {
  const char* setting = std::getenv("AINODE_FAILPOINT");
  if (!setting) return false;
  return setting == std::string(step) + ":" + std::string(where) + "=" + std::string(action);
}

void failpoint(std::string_view step, std::string_view where) {
  if (failpoint_asks(step, where, "kill")) raise(SIGKILL);
  if (failpoint_asks(step, where, "error")) {
    throw Error(codes::step_failpoint, "failpoint " + std::string(step) + ":" + std::string(where));
  }
}

}  // namespace ainode
