// SPDX-License-Identifier: Apache-2.0
// The memory family: as much as the machine was given.
#include <fmt/format.h>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

/// "MemTotal:  2014236 kB" in bytes.
std::optional<std::uint64_t> total_memory(const Node& node) {
  for (const std::string& line : split_lines(node.read_file("/proc/meminfo").value_or(""))) {
    const auto words = split_words(line);
    if (words.size() < 2 || words[0] != "MemTotal:") continue;
    const auto kilobytes = to_number(words[1]);
    if (kilobytes && *kilobytes >= 0) return static_cast<std::uint64_t>(*kilobytes) * 1024;
  }
  return std::nullopt;
}

std::uint64_t given_memory(const Expected& expected) {
  std::uint64_t bytes = 0;
  for (const ExpectedNumaNode& node : expected.topology.nodes) bytes += node.memory_bytes;
  return bytes;
}

Finding size(const Node& node, const Expected& expected) {
  const std::uint64_t given = given_memory(expected);
  const auto least = static_cast<std::uint64_t>(static_cast<double>(given) * (1 - expected.topology.memory_tolerance));
  const Json due = {{"least_bytes", least}, {"most_bytes", given}};
  const auto total = total_memory(node);
  if (!total) return failed(nullptr, due, "/proc/meminfo", "/proc/meminfo has no MemTotal");
  std::string objection;
  if (*total < least) objection = fmt::format("{} MiB are missing", (least - *total) >> 20);
  if (*total > given) objection = fmt::format("{} MiB more than the machine has", (*total - given) >> 20);
  return judged({{"bytes", *total}}, due, "/proc/meminfo MemTotal", std::move(objection));
}

}  // namespace

std::vector<Check> memory_checks() {
  return {
      {"mem.size", "the kernel manages the machine's memory, less its own share", {"memory-nodes"}, When::early, size}};
}

}  // namespace ainode::checks
