// SPDX-License-Identifier: Apache-2.0
#include "validators/collected_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace ainode {

namespace {

constexpr std::size_t kReasonBytes = 500;

CheckResult missing(const checks::Check& check, const GuestOutcome& outcome) {
  CheckResult result;
  result.id = check.id;
  result.sentence = check.sentence;
  const bool was_running = outcome.doing == check.id;
  const bool is_guests_fault = !outcome.is_infra() && (was_running || !outcome.code);
  result.verdict = is_guests_fault ? Verdict::fail : Verdict::infra;
  result.reason = !outcome.code ? "the agent ended without this result"
                  : was_running ? outcome.text
                                : "did not run: the boot had ended";
  return result;
}

}  // namespace

void CollectedResults::take(const checks::Message& message) {
  using Type = checks::Message::Type;
  if (message.type == Type::hello)
    run_.events.detail("check", fmt::format("the agent spoke {:.1f} s after power on", message.uptime));
  if (message.type == Type::recorded) recorded_[message.id] += message.text;
  if (message.type != Type::result) return;
  results_.push_back(message.result);
  run_.events.progress("check", results_.size(), chosen_.size(), "checks");
  run_.events.detail("check", printable(fmt::format("{} {}", to_string(message.result.verdict), message.result.id)));
}

std::vector<CheckResult> CollectedResults::finish(const GuestOutcome& outcome) const {
  std::vector<CheckResult> all;
  for (const checks::Check& check : chosen_) {
    const auto found = std::find_if(results_.begin(), results_.end(),
                                    [&](const CheckResult& result) { return result.id == check.id; });
    all.push_back(found != results_.end() ? *found : missing(check, outcome));
  }
  if (const std::string ids = unasked(); !ids.empty()) {
    CheckResult& surplus = all.emplace_back();
    surplus.id = "agent.unasked";
    surplus.sentence = "the agent answers what it was asked";
    surplus.verdict = Verdict::fail;
    surplus.reason = "nobody asked for " + ids;
  }
  return all;
}

/// Ids that the guest made up: foreign text, so they stand in a reason.
std::string CollectedResults::unasked() const {
  std::set<std::string> ids;
  for (const CheckResult& result : results_) ids.insert(printable(result.id));
  for (const checks::Check& check : chosen_) ids.erase(std::string(check.id));
  return fmt::format("{}", fmt::join(ids, ", ")).substr(0, kReasonBytes);
}

}  // namespace ainode
