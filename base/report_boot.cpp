// SPDX-License-Identifier: Apache-2.0
#include "base/report_boot.h"

#include <fmt/format.h>

#include <algorithm>

namespace ainode {

namespace {

constexpr std::string_view kControl = "control.";
constexpr std::string_view kScore = "control.score";
constexpr std::string_view kUnasked = "agent.unasked";  // no check: nobody can ask for it

/// The boot of the run that gave the check its verdict.
const Json& blamed_boot(const Report& report, const CheckResult& check) {
  const auto blamed = std::find_if(check.verdicts.begin(), check.verdicts.end(),
                                   [&](const TargetVerdict& each) { return each.verdict == check.verdict; });
  if (blamed != check.verdicts.end())
    for (const Json& run : runs_in(report))
      if (text_at(run, "target") == blamed->target) return run;
  return report.boot;
}

}  // namespace

std::string text_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

const Json& runs_in(const Report& report) {
  static const Json kNone = Json::array();
  const bool is_merged = report.boot.is_object() && report.boot.contains("runs") && report.boot["runs"].is_array();
  return is_merged ? report.boot["runs"] : kNone;
}

bool is_bad(const CheckResult& check) {
  return check.verdict == Verdict::fail || check.verdict == Verdict::infra;
}

std::string repeat_command(const Report& report, const CheckResult& check) {
  const Json& boot = blamed_boot(report, check);
  std::string whole = text_at(boot, "repeat");
  const std::string one = text_at(boot, "repeat_one");
  if (check.id == kUnasked || check.id == kScore) return whole;  // the score is of all that was planted
  const std::string& command = one.empty() ? whole : one;
  if (command.empty()) return "";
  return check.id.starts_with(kControl) ? fmt::format("{} --control {}", command, check.id.substr(kControl.size()))
                                        : fmt::format("{} --check {}", command, check.id);
}

}  // namespace ainode
