// SPDX-License-Identifier: Apache-2.0
// Interrupts, step keys and failpoints.
#include "base/steps.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <initializer_list>

#include "base/interruption.h"

namespace ainode {

namespace {

volatile std::sig_atomic_t interrupt_count = 0;
thread_local const InterruptFlag* flag_of_this_thread = nullptr;

void on_interrupt(int signal_number) {
  interrupt_count = interrupt_count + 1;
  if (interrupt_count > 1) _exit(128 + signal_number);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: blocking calls return and are asked again
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal_number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() {
  return interrupt_count > 0 || (flag_of_this_thread && *flag_of_this_thread);
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
    throw Error(codes::interrupted, "interrupted").help("run the same command again: it continues where it stopped");
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
