// SPDX-License-Identifier: Apache-2.0
// The system family: services as the image's own systemctl sees them.
#include <fmt/format.h>

#include <map>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
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

/// What the first failed units said last, for whoever cannot ask the node any more.
Json last_words(const Node& node, const Words& units) {
  constexpr std::size_t kMost = 3;
  Json said = Json::object();
  for (std::size_t i = 0; i < units.size() && i < kMost; ++i)
    said[units[i]] = split_lines(
        node.run({"journalctl", "--boot", "--unit", units[i], "--lines", "8", "--output", "cat", "--no-pager"}).output);
  return said;
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
  if (!broken.empty()) {
    objections.push_back(fmt::format("{} failed", joined(broken, ", ")));
    measured["journal"] = last_words(node, broken);
  }
  if (state != "running" && broken.empty()) objections.push_back(fmt::format("the system is {}", state));
  judge_default_target(node, expected, measured, objections);
  judge_active(node, wanted, measured, objections);
  return judged(std::move(measured), due, evidence, joined(objections, "; "));
}

/// systemctl-show(1)'s properties of a unit.
std::map<std::string, std::string> properties_of(const Node& node, const std::string& unit) {
  std::map<std::string, std::string> properties;
  const CommandOutcome shown = node.run({"systemctl", "show", unit});
  for (const std::string& line : split_lines(shown.output)) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return properties;
}

/// Enabled, and started at this boot: it runs, has done its work, or its own conditions say that it need not.
Measured enabled_unit(const Node& node, const Json& statement) {
  const auto unit = statement.get<std::string>();
  auto properties = properties_of(node, unit);
  const std::string enabled = properties["UnitFileState"], state = properties["ActiveState"];
  const Json found = {{"unit", unit}, {"enabled", enabled}, {"state", state}};
  if (enabled != "enabled") return {found, fmt::format("{} is {}", unit, enabled.empty() ? "unknown" : enabled)};
  if (state == "failed") return {found, fmt::format("{} failed ({})", unit, properties["Result"])};
  const std::string& started = properties["InactiveExitTimestampMonotonic"];
  const bool was_started = !started.empty() && started != "0";
  const bool need_not = properties["ConditionResult"] == "no" && properties["ConditionTimestampMonotonic"] != "0";
  return {found, state != "inactive" || was_started || need_not ? "" : unit + " was never started"};
}

Finding enabled(const Node& node, const Expected& expected) {
  return judge_each(expected, "system.enabled", "systemctl show",
                    [&](const Json& statement) { return enabled_unit(node, statement); });
}

Finding masked(const Node& node, const Expected& expected) {
  return judge_each(expected, "system.masked", "systemctl show", [&](const Json& statement) -> Measured {
    const auto unit = statement.get<std::string>();
    const std::string state = properties_of(node, unit)["LoadState"];
    return {{{"unit", unit}, {"state", state}},
            state == "masked" ? "" : fmt::format("{} is {}", unit, state.empty() ? "unknown" : state)};
  });
}

Finding limits(const Node& node, const Expected& expected) {
  return judge_each(expected, "system.limits", "systemctl show", [&](const Json& statement) -> Measured {
    const auto property = statement.at("property").get<std::string>(),
               wanted = statement.at("value").get<std::string>();
    const std::string shown = trimmed(node.run({"systemctl", "show", "--value", "--property", property}).output);
    return {shown, shown == wanted ? "" : fmt::format("{} is {} instead of {}", property, shown, wanted)};
  });
}

/// The fields of an entry of passwd(5) or group(5); empty when there is none.
Words account_fields(const std::string& text, const std::string& name) {
  for (const std::string& line : split_lines(text)) {
    Words fields{""};
    for (const char byte : line) {
      if (byte == ':')
        fields.emplace_back();
      else
        fields.back() += byte;
    }
    if (fields.size() > 2 && fields[0] == name) return fields;
  }
  return {};
}

bool is_member(const std::string& groups, const std::string& group, const std::string& user) {
  const Words fields = account_fields(groups, group);
  return fields.size() > 3 && ("," + fields[3] + ",").find("," + user + ",") != std::string::npos;
}

/// The name that has this number; the number itself where none has it.
std::string group_of_number(const std::string& groups, const std::string& number) {
  for (const std::string& line : split_lines(groups)) {
    const std::string name = line.substr(0, line.find(':'));
    if (const Words fields = account_fields(line, name); !fields.empty() && fields[2] == number) return name;
  }
  return number;
}

Measured account(const Node& node, const Json& statement) {
  const bool is_user = statement.contains("user");
  const auto name = statement[is_user ? "user" : "group"].get<std::string>();
  const std::string groups = node.read_file("/etc/group").value_or("");
  Words fields = account_fields(is_user ? node.read_file("/etc/passwd").value_or("") : groups, name);
  const char* kind = is_user ? "user" : "group";
  if (fields.empty()) return {nullptr, fmt::format("there is no {} {}", kind, name)};
  Json found = {{kind, name}, {"id", to_number(fields[2]).value_or(-1)}};
  std::string objection;
  if (found["id"] != statement.at("id"))
    objection = fmt::format("{} {} has the number {} instead of {}", kind, name, fields[2], statement.at("id").dump());
  fields.resize(7);
  const std::pair<const char*, std::string> stated_fields[] = {
      {"group", group_of_number(groups, fields[3])}, {"home", fields[5]}, {"shell", fields[6]}};
  for (const auto& [key, value] : stated_fields) {
    if (!is_user || !statement.contains(key)) continue;
    found[key] = value;
    const auto wanted = statement.at(key).get<std::string>();
    if (objection.empty() && value != wanted)
      objection = fmt::format("user {} has the {} {} instead of {}", name, key, value, wanted);
  }
  for (const Json& group : statement.value("groups", Json::array()))
    if (objection.empty() && !is_member(groups, group.get<std::string>(), name))
      objection = fmt::format("user {} is not in group {}", name, group.get<std::string>());
  return {found, objection};
}

Finding accounts(const Node& node, const Expected& expected) {
  return judge_each(expected, "system.accounts", "/etc/passwd, /etc/group",
                    [&](const Json& statement) { return account(node, statement); });
}

/// Of systemd's moments, in microseconds since the kernel started; zero where it was not in an initrd.
Finding boot_time(const Node& node, const Expected& expected) {
  const std::string names[] = {"InitRDTimestampMonotonic", "UserspaceTimestampMonotonic", "FinishTimestampMonotonic"};
  const CommandOutcome shown =
      node.run({"systemctl", "show", "--property=" + joined({names[0], names[1], names[2]}, ",")});
  std::map<std::string, double> at;
  for (const std::string& line : split_lines(shown.output)) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos)
      at[line.substr(0, equals)] = static_cast<double>(to_number(line.substr(equals + 1)).value_or(0)) / 1e6;
  }
  const double initrd = at[names[0]], userspace = at[names[1]], finish = at[names[2]];
  std::string objection = shown.problem;
  if (objection.empty() && userspace <= 0) objection = "systemd does not say when it started";
  if (objection.empty() && finish < userspace) objection = "systemd has not finished the boot";
  return judged({{"kernel_s", initrd > 0 ? initrd : userspace},
                 {"initrd_s", initrd > 0 ? Json(userspace - initrd) : Json()},
                 {"userspace_s", finish - userspace},
                 {"all_s", finish}},
                "a boot that ended", "systemctl show", std::move(objection),
                expected.emulated ? "an emulated machine's seconds are the host's" : "");
}

}  // namespace

std::vector<Check> system_checks() {
  return {{"system.units",
           "no unit failed, and the declared ones are active",
           {},
           When::booted,
           units,
           "systemd.default-target"},
          {"system.enabled", "each enabled unit was started", {"declared:system.enabled"}, When::booted, enabled},
          {"system.masked", "each masked unit cannot start", {"declared:system.masked"}, When::booted, masked},
          {"system.limits", "services may use as much as declared", {"declared:system.limits"}, When::booted, limits},
          {"system.accounts",
           "each declared user and group has its number, members, home and shell",
           {"declared:system.accounts"},
           When::early,
           accounts,
           "",
           Where::tree_too},
          {"system.boot-time",
           "systemd tells how long kernel, initrd and services took, and has finished",
           {},
           When::booted,
           boot_time,
           "",
           Where::node,
           Level::full}};
}

}  // namespace ainode::checks
