// SPDX-License-Identifier: Apache-2.0
// The cpu family: frequency, isolation, ticks and interrupts as declared.
#include <fmt/format.h>

#include <cctype>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

Finding governor(const Node& node, const Expected& expected) {
  const std::string folder = "/sys/devices/system/cpu/cpufreq";
  return judge_each(
      expected, "cpu.governor", folder + "/policy*/scaling_governor", [&](const Json& statement) -> Measured {
        Json found = Json::object();
        Words objections;
        for (const DirectoryEntry& policy : node.list(folder)) {
          const auto chosen = read_words(node, fmt::format("{}/{}/scaling_governor", folder, policy.name));
          if (!chosen) continue;
          found[policy.name] = *chosen;
          const Measured held = held_to(chosen, statement.get<std::string>(), "the governor of " + policy.name);
          if (!held.objection.empty()) objections.push_back(held.objection);
        }
        if (found.empty()) return {nullptr, "", "the machine does not scale its processors' frequency"};
        return {found, joined(objections, "; ")};
      });
}

/// The processors of `path` are those of the statement.
Finding processors(const Node& node, const Expected& expected, std::string_view subject, const std::string& path,
                   const std::string& what) {
  return judge_each(expected, subject, path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, fmt::format("{} does not exist", path)};
    const std::string shown = trimmed(*text), wanted = statement.get<std::string>();
    if (parse_id_list(shown) == parse_id_list(wanted)) return {shown};
    const std::string present = trimmed(node.read_file("/sys/devices/system/cpu/present").value_or("?"));
    return {shown, fmt::format("{} processors are {} instead of {}; the machine has {}", what,
                               shown.empty() || shown == "(null)" ? "none" : shown, wanted, present)};
  });
}

Finding isolated(const Node& node, const Expected& expected) {
  return processors(node, expected, "cpu.isolated", "/sys/devices/system/cpu/isolated", "the isolated");
}

Finding tickless(const Node& node, const Expected& expected) {
  return processors(node, expected, "cpu.tickless", "/sys/devices/system/cpu/nohz_full", "the tickless");
}

/// "3" or "00000000,00000003": hexadecimal, 32 processors a group, the first ones last.
std::vector<int> processors_of_mask(const std::string& mask) {
  std::vector<int> processors;
  int number = 0;
  for (auto digit = mask.rbegin(); digit != mask.rend(); ++digit) {
    if (*digit == ',') continue;
    const int bits = std::isdigit(static_cast<unsigned char>(*digit)) ? *digit - '0' : (*digit | 0x20) - 'a' + 10;
    for (int bit = 0; bit < 4; ++bit, ++number)
      if (bits >> bit & 1) processors.push_back(number);
  }
  return processors;
}

Finding interrupts(const Node& node, const Expected& expected) {
  const std::string path = "/proc/irq/default_smp_affinity";
  return judge_each(expected, "cpu.interrupts", path, [&](const Json& statement) -> Measured {
    const auto mask = read_words(node, path);
    if (!mask) return {nullptr, path + " does not exist"};
    const bool is_same = processors_of_mask(*mask) == parse_id_list(statement.get<std::string>());
    return {*mask, is_same ? ""
                           : fmt::format("interrupts go to the processors of mask {} instead of {}", *mask,
                                         statement.get<std::string>())};
  });
}

/// Of the isolated processors where the image has some, else of all.
Finding wake_ups(const Node& node, const Expected& expected) {
  constexpr int kSeconds = 10;
  const Declaration* isolated = expected.declaration("cpu.isolated");
  const std::string list = isolated ? isolated->expected.get<std::string>()
                                    : trimmed(node.read_file("/sys/devices/system/cpu/online").value_or("0"));
  const WakeupLatency found = node.measure_wakeups(parse_id_list(list).value_or(std::vector<int>{}), kSeconds);
  Json histogram = Json::object();
  constexpr int kMostPower = 62;  // a recording may hold any number
  for (const auto& [power, count] : found.histogram)
    if (power >= 0 && power <= kMostPower) histogram[fmt::format("below {} us", 1LL << power)] = count;
  Finding finding = judged({{"processors", list},
                            {"wakeups", found.wakeups},
                            {"median_us", found.median_us},
                            {"p99.99_us", found.p9999_us},
                            {"max_us", found.max_us},
                            {"histogram", std::move(histogram)}},
                           nullptr, "SCHED_FIFO, clock_nanosleep(2)", found.problem,
                           expected.emulated ? "an emulated machine's processors wait for the host's" : "");
  // No recipe can state a limit yet.
  if (finding.verdict == Verdict::pass)
    finding.verdict = Verdict::skip, finding.reason = "no limit is declared: its figures are held against nothing";
  return finding;
}

}  // namespace

std::vector<Check> cpu_checks() {
  return {
      {"cpu.governor", "each processor has the declared governor", {"declared:cpu.governor"}, When::booted, governor},
      {"cpu.isolated", "the declared processors are isolated", {"declared:cpu.isolated"}, When::early, isolated},
      {"cpu.tickless", "the declared processors stop their tick", {"declared:cpu.tickless"}, When::early, tickless},
      {"cpu.interrupts",
       "interrupts go to the declared processors unless a driver says otherwise",
       {"declared:cpu.interrupts"},
       When::early,
       interrupts},
      {"rt.latency", "a real-time thread wakes up in time", {}, When::booted, wake_ups, "", Where::node, Level::full}};
}

}  // namespace ainode::checks
