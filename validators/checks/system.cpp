// SPDX-License-Identifier: Apache-2.0
// The system family: services as the image's own systemctl sees them.
#include <fmt/format.h>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// First words of `systemctl list-units --failed`, one unit a line.
Words failed_units(const std::string& output) {
  Words units;
  for (const std::string& line : split_lines(output)) {
    const Words words = split_words(line);
    if (!words.empty()) units.push_back(words.front());
  }
  return units;
}

Words declared_units(const Expected& expected) {
  Words units;
  if (const Declaration* target = expected.declaration("systemd.default-target")) {
    units.push_back(target->expected.get<std::string>());
  }
  if (const Declaration* active = expected.declaration("systemd.active")) {
    const Words more = active->expected.get<Words>();
    units.insert(units.end(), more.begin(), more.end());
  }
  return units;
}

void judge_default_target(const Node& node, const Expected& expected, Json& measured, Words& objections) {
  const Declaration* declaration = expected.declaration("systemd.default-target");
  if (!declaration) return;
  const std::string wanted = declaration->expected.get<std::string>();
  const std::string found = trimmed(node.run({"systemctl", "get-default"}).output);
  measured["default_target"] = found;
  if (found != wanted) {
    objections.push_back(fmt::format("the default target is `{}` instead of {}", found, wanted));
  }
}

void judge_active(const Node& node, const Words& units, Json& measured, Words& objections) {
  measured["active"] = Json::array();
  for (const std::string& unit : units) {
    const std::string state = trimmed(node.run({"systemctl", "is-active", unit}).output);
    if (state == "active") {
      measured["active"].push_back(unit);
    } else {
      objections.push_back(fmt::format("{} is {}", unit, state.empty() ? "unknown" : state));
    }
  }
}

Finding units(const Node& node, const Expected& expected) {
  const std::string evidence = "systemctl is-system-running, list-units --failed, get-default, is-active";
  const Words wanted = declared_units(expected);
  const Json due = {{"state", "running"}, {"failed", Json::array()}, {"active", wanted}};
  const CommandOutcome running = node.run({"systemctl", "is-system-running"});
  if (!running.problem.empty()) return failed(nullptr, due, evidence, running.problem);
  const std::string state = trimmed(running.output);
  const Words broken =
      failed_units(node.run({"systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"}).output);
  Json measured = {{"state", state}, {"failed", broken}};
  Words objections;
  if (!broken.empty()) objections.push_back(fmt::format("{} failed", joined(broken, ", ")));
  if (state != "running" && broken.empty()) objections.push_back(fmt::format("the system is {}", state));
  judge_default_target(node, expected, measured, objections);
  judge_active(node, wanted, measured, objections);
  return judged(std::move(measured), due, evidence, joined(objections, "; "));
}

}  // namespace

std::vector<Check> system_checks() {
  return {{"system.units",
           "no unit failed, and the declared ones are active",
           {},
           When::booted,
           units,
           "systemd.default-target"}};
}

}  // namespace ainode::checks
