// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/script_times.h"

#include <algorithm>
#include <sstream>

namespace ainode {

namespace {

/// "libc6:amd64.postinst" and its first argument.
std::string described(const std::string& script, const std::string& action) {
  const std::size_t dot = script.rfind('.');
  const std::string package = script.substr(0, std::min(dot, script.find(':')));
  const std::string kind = dot == std::string::npos ? "script" : script.substr(dot + 1);
  return "the " + kind + " of " + package + (action == "triggered" ? " (triggered)" : "");
}

}  // namespace

void ScriptTimes::read(std::string_view notes) {
  std::istringstream lines{std::string(notes)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string script, action, begin, end;
    if (!std::getline(fields, script, '\t') || !std::getline(fields, action, '\t')) continue;
    if (!std::getline(fields, begin, '\t') || !std::getline(fields, end, '\t')) continue;
    char* rest = nullptr;
    const std::int64_t from = std::strtoll(begin.c_str(), &rest, 10), to = std::strtoll(end.c_str(), nullptr, 10);
    if (*rest == 0 && from <= to) add(described(script, action), from, to);
  }
}

void ScriptTimes::add(std::string maker, std::int64_t begin, std::int64_t end) {
  runs_.push_back({begin, end, std::move(maker)});
}

std::string ScriptTimes::maker(std::int64_t changed) const {
  for (const Run& run : runs_)
    if (run.begin <= changed && changed <= run.end) return run.maker;
  return "dpkg itself";
}

}  // namespace ainode
