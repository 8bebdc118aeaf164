// SPDX-License-Identifier: Apache-2.0
// Verdicts and reports as JSON. What a guest sent is read here as foreign text: typed, bounded, or refused.
#include "base/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace ainode {
namespace {

constexpr std::string_view kSchema = "ainode.validate/1";
constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts{{
    {Verdict::pass, "pass"},
    {Verdict::fail, "fail"},
    {Verdict::skip, "skip"},
    {Verdict::unmeasurable, "unmeasurable"},
    {Verdict::infra, "infra"},
}};

bool is_check_id(std::string_view id) {
  const std::size_t dot = id.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < id.size() && id.size() <= 100 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos;
}

CheckResult read_check(const JsonObject& json) {
  CheckResult check;
  check.id = json.text("id");
  if (!is_check_id(check.id)) json.refuse("id", "is not the id of a check");
  check.sentence = json.text("sentence");
  check.verdict = verdict_from_string(json.text("verdict"));
  check.measured = json.value("measured");
  check.expected = json.value("expected");
  check.evidence = json.text("evidence");
  check.reason = json.text("reason");
  check.place = json.text("place");
  check.seconds = json.number("seconds");
  if (!std::isfinite(check.seconds) || check.seconds < 0) json.refuse("seconds", "is not a duration");
  return check;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  for (const auto& [value, text] : kVerdicts)
    if (value == verdict) return text;
  return "infra";
}

Verdict verdict_from_string(std::string_view text) {
  for (const auto& [value, name] : kVerdicts)
    if (name == text) return value;
  throw Error(codes::result_malformed, fmt::format("`{}` is not a verdict", printable(text.substr(0, 80))));
}

Json CheckResult::to_json() const {
  return {{"id", id},
          {"sentence", sentence},
          {"verdict", to_string(verdict)},
          {"measured", measured},
          {"expected", expected},
          {"evidence", evidence},
          {"reason", reason},
          {"place", place},
          {"seconds", seconds}};
}

CheckResult CheckResult::from_json(const Json& json) {
  return read_check(JsonObject(json, "a check's result", codes::result_malformed));
}

Verdict Report::verdict() const {
  const auto has = [this](Verdict wanted) {
    return failure_verdict == wanted || std::any_of(checks.begin(), checks.end(), [wanted](const CheckResult& check) {
             return check.verdict == wanted;
           });
  };
  if (has(Verdict::fail)) return Verdict::fail;
  return has(Verdict::infra) ? Verdict::infra : Verdict::pass;
}

Json Report::to_json() const {
  Json results = Json::array();
  for (const CheckResult& check : checks) results.push_back(check.to_json());
  return {{"schema", kSchema},
          {"image", image},
          {"commit", commit},
          {"target", target},
          {"topology", topology},
          {"kernel_release", kernel_release},
          {"builder_version", builder_version},
          {"profiles", profiles},
          {"verdict", to_string(verdict())},
          {"failure", failure},
          {"failure_verdict", to_string(failure_verdict)},
          {"boot", boot},
          {"checks", std::move(results)}};
}

Report Report::from_json(const Json& json, const std::string& origin) {
  const JsonObject top(json, origin, codes::result_malformed);
  if (top.text("schema") != kSchema) top.refuse("schema", fmt::format("is not `{}`", kSchema));
  Report report;
  report.image = top.text("image");
  report.commit = top.text("commit");
  report.target = top.text("target");
  report.topology = top.text("topology");
  report.kernel_release = top.text("kernel_release");
  report.builder_version = top.text("builder_version");
  report.profiles = top.texts("profiles");
  report.failure = top.text("failure");
  report.failure_verdict = verdict_from_string(top.text("failure_verdict"));
  report.boot = top.value("boot");
  std::set<std::string> seen;
  for (const JsonObject& check : top.objects("checks")) {
    report.checks.push_back(read_check(check));
    if (!seen.insert(report.checks.back().id).second) check.refuse("id", "stands twice");
  }
  if (verdict_from_string(top.text("verdict")) != report.verdict()) top.refuse("verdict", "disagrees with the checks");
  return report;
}

}  // namespace ainode
