// SPDX-License-Identifier: Apache-2.0
#include "python/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/process.h"
#include "python/call.h"

namespace ainode::python {

namespace {

/// Enough to tidy up, and an interrupt is still answered within a second.
constexpr std::chrono::milliseconds kGrace{700};
constexpr std::size_t kMostStrayLines = 5;

Json parsed(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

/// A line of --progress=json; nothing for any other.
std::optional<Event> event_in(const Json& line) {
  constexpr std::array<std::string_view, 6> kKinds = {"begin", "progress", "detail", "note", "warning", "end"};
  if (!line.is_object() || !line.contains("event")) return std::nullopt;
  const auto kind = std::find(kKinds.begin(), kKinds.end(), line.value("event", ""));
  if (kind == kKinds.end()) return std::nullopt;
  return Event{static_cast<Event::Kind>(kind - kKinds.begin()),
               line.value("step", ""),
               line.value("text", ""),
               line.value("done", std::uint64_t{0}),
               line.value("total", std::uint64_t{0}),
               line.value("unit", ""),
               line.value("seconds", 0.0),
               line.value("cpu_seconds", 0.0)};
}

[[noreturn]] void refuse(const ProcessResult& result, const std::vector<std::string>& stray) {
  Error error(codes::process_failed, fmt::format("`ainode` ended with status {} and no answer", result.exit_code));
  for (const std::string& line : stray) error.chain(printable(line));
  throw error;
}

}  // namespace

Json run_program(RunContext& run, const std::vector<std::string>& arguments) {
  Command command;
  command.argv = {companion_program("ainode").string(), "--json", "--progress=json", "-j", std::to_string(run.jobs)};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.interrupt_grace = kGrace;
  std::vector<std::string> stray;
  command.on_error_line = [&](std::string_view line) {
    if (const auto event = event_in(parsed(line))) return run.events.on_event(*event);
    if (stray.size() == kMostStrayLines) stray.erase(stray.begin());
    stray.emplace_back(line);
  };
  const ProcessResult result = run_process(command);
  Json answer = parsed(result.output);
  if (!answer.is_object() || !answer.contains("schema")) refuse(result, stray);
  if (answer["schema"] == "ainode.error/1") throw Reported{std::move(answer)};
  return answer;
}

}  // namespace ainode::python
