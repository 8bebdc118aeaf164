// SPDX-License-Identifier: Apache-2.0
#include "validators/machines/retries.h"

#include <signal.h>

#include <algorithm>
#include <string>

namespace ainode {

namespace {

/// Of a QEMU that ended: its last lines are its own words then, and none of the guest's console.
bool says(const GuestOutcome& outcome, std::string_view words) {
  return (outcome.code == &codes::qemu_died || outcome.code == &codes::machine_refused) &&
         outcome.last_lines.find(words) != std::string::npos;
}

struct Signature {
  std::string_view cause;
  bool (*fits)(const GuestOutcome& outcome);
};
constexpr Signature kSignatures[] = {
    // Seen with QEMU 7.2 while Linux patches its jump labels. No processor does that; a guest that panics so again and
    // again has failed all the same.
    {"QEMU ran a breakpoint that the kernel had taken away",
     [](const GuestOutcome& outcome) {
       return outcome.code == &codes::guest_panicked && outcome.has_stale_breakpoint;
     }},
    {"somebody, or a host out of memory, killed QEMU",
     [](const GuestOutcome& outcome) {
       constexpr int kFromOutside[] = {SIGKILL, SIGTERM, SIGHUP, SIGINT};
       return outcome.is_infra() &&
              std::find(std::begin(kFromOutside), std::end(kFromOutside), outcome.signal) != std::end(kFromOutside);
     }},
    {"the disk of the throw-away overlay is full",
     [](const GuestOutcome& outcome) { return outcome.code == &codes::disk_full; }},
    {"QEMU got no memory", [](const GuestOutcome& outcome) { return says(outcome, "Cannot allocate memory"); }},
    {"QEMU got no thread",
     [](const GuestOutcome& outcome) { return says(outcome, "Resource temporarily unavailable"); }},
    {"QEMU got no room on a disk",
     [](const GuestOutcome& outcome) { return says(outcome, "No space left on device"); }},
};

}  // namespace

std::optional<std::string_view> passing_cause(const GuestOutcome& outcome) {
  for (const Signature& signature : kSignatures)
    if (signature.fits(outcome)) return signature.cause;
  return std::nullopt;
}

}  // namespace ainode
