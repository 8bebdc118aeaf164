// SPDX-License-Identifier: Apache-2.0
// The step runner: timing, events, error context, interrupts and failpoints of every step, in one place.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/crypto.h"
#include "base/error.h"
#include "base/events.h"

namespace ainode {

/// What every step may use of its surroundings. Steps never print, read the environment or see argv.
struct RunContext {
  EventSink& events;
  int jobs = 1;          ///< threads to use, at least 1
  bool offline = false;  ///< nothing may touch the network
};

/// Throws Error(interrupted) once SIGINT, SIGTERM or SIGHUP arrived. Long loops call it; so does the runner between
/// steps.
void throw_if_interrupted();
/// Installs the handlers (a signal: flag; another, half a second on: die at once). Called once by a main.
void install_interrupt_handlers();
bool is_interrupted();

/// A step's identity: the hash of its name, its code's version, its inputs and options.
/// Equal keys mean equal results: cache key, identity in the plan, and what `explain` walks back.
class StepKey {
 public:
  StepKey(std::string_view step, int version) { add(step).add(std::to_string(version)); }
  StepKey& add(std::string_view input);  ///< length-prefixed, so that ("ab","c") differs from ("a","bc")
  std::string hex() const;               ///< 64 hex digits

 private:
  std::string inputs_;
};

/// Failpoints: AINODE_FAILPOINT="STEP:before|after|NAME=kill|error" kills or fails this process there. For tests.
void failpoint(std::string_view step, std::string_view where);
/// Whether AINODE_FAILPOINT asks for exactly this: for defects that only the place itself can plant.
bool failpoint_asks(std::string_view step, std::string_view where, std::string_view action);

/// User and system time of this process and of the children it has waited for.
double cpu_seconds();

/// Runs one step: announces it, checks interrupts, times it, adds "while NAME" to errors, announces the end.
template <class Body>
auto run_step(RunContext& run, const std::string& name, Body&& body) -> std::invoke_result_t<Body> {
  using Clock = std::chrono::steady_clock;
  throw_if_interrupted();
  failpoint(name, "before");
  run.events.on_event({Event::Kind::begin, name, ""});
  const auto start = Clock::now();
  const double cpu_start = cpu_seconds();
  auto finish = [&] {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    run.events.on_event({Event::Kind::end, name, "", 0, 0, "", seconds, cpu_seconds() - cpu_start});
    failpoint(name, "after");
    throw_if_interrupted();
  };
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
      body();
      finish();
    } else {
      auto result = body();
      finish();
      return result;
    }
  } catch (Error& error) {
    error.within(name);
    throw;
  }
}

}  // namespace ainode
