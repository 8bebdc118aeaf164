// SPDX-License-Identifier: Apache-2.0
// What is tried again, and what never is.
#include "validators/machines/retries.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace ainode {
namespace {

GuestOutcome ended(const ErrorCode& code, int signal = 0, const std::string& last_lines = "") {
  GuestOutcome outcome;
  outcome.code = &code;
  outcome.signal = signal;
  outcome.last_lines = last_lines;
  return outcome;
}

TEST(Retries, AreForWhatTheEnvironmentDidAndWhatMayPass) {
  EXPECT_EQ(passing_cause(ended(codes::qemu_died, SIGKILL)), "somebody, or a host out of memory, killed QEMU");
  EXPECT_TRUE(passing_cause(ended(codes::qemu_died, SIGTERM)));
  EXPECT_EQ(passing_cause(ended(codes::disk_full)), "the disk of the throw-away overlay is full");
  EXPECT_EQ(passing_cause(ended(codes::machine_refused, 0, "qemu: m0: Cannot allocate memory\n")),
            "QEMU got no memory");
  EXPECT_TRUE(passing_cause(ended(codes::qemu_died, 0, "qemu: Resource temporarily unavailable\n")));
  EXPECT_TRUE(passing_cause(ended(codes::machine_refused, 0, "qemu: overlay.qcow2: No space left on device\n")));
}

TEST(Retries, AreNeverForAGuestsFaultNorForACrashThatOneCanCause) {
  EXPECT_FALSE(passing_cause(GuestOutcome{}));
  for (const ErrorCode* code : {&codes::guest_hung, &codes::guest_panicked, &codes::guest_rebooted,
                                &codes::guest_silent, &codes::result_malformed, &codes::guest_ended_early})
    EXPECT_FALSE(passing_cause(ended(*code, SIGKILL, "Cannot allocate memory"))) << code->id;
  EXPECT_FALSE(passing_cause(ended(codes::qemu_died, SIGABRT)));
  EXPECT_FALSE(passing_cause(ended(codes::qemu_died, SIGSEGV)));
  EXPECT_FALSE(passing_cause(ended(codes::machine_refused, 0, "'nonsense' is not a valid device model name")));
  // The last lines of these are the guest's console.
  EXPECT_FALSE(passing_cause(ended(codes::deadline_passed, 0, "Cannot allocate memory")));
}

}  // namespace
}  // namespace ainode
