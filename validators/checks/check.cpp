// SPDX-License-Identifier: Apache-2.0
// Running one row: first its needs, then its function under a clock; what goes wrong inside is never the image's fault.
#include "validators/checks/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>

#include "validators/checks/kernel_config.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

constexpr std::chrono::seconds kBootPatience{120};

bool has_memory(const ExpectedNumaNode& node) {
  return node.memory_bytes > 0;
}

bool is_of_the_topology(std::string_view need) {
  constexpr std::string_view kNeeds[] = {"topology", "devices", "memory-nodes", "several-memory-nodes",
                                         "hmat",     "tiers",   "iommu"};
  return std::find(std::begin(kNeeds), std::end(kNeeds), need) != std::end(kNeeds);
}

/// Why a need does not hold, or nothing.
std::optional<std::string> unmet(std::string_view need, const Node& node, const Expected& expected) {
  const ExpectedTopology& topology = expected.topology;
  if (is_of_the_topology(need) && topology.nodes.empty()) return "the machine's topology is not known";
  if (need == "topology") {
    return std::nullopt;
  } else if (need == "iommu") {
    if (topology.iommu == "none") return "the machine has no IOMMU";
    const std::string option = topology.iommu == "amd" ? "AMD_IOMMU" : "INTEL_IOMMU";
    const auto config = read_kernel_config(node);
    if (config && config->value(option) == "n")
      return fmt::format("kernel {} has CONFIG_{} off", node.kernel_release(), option);
  } else if (need == "devices") {
    if (topology.devices.empty()) return "the topology names no device";
  } else if (need == "memory-nodes") {
    if (std::none_of(topology.nodes.begin(), topology.nodes.end(), has_memory)) return "the topology names no memory";
  } else if (need == "several-memory-nodes") {
    if (std::count_if(topology.nodes.begin(), topology.nodes.end(), has_memory) < 2)
      return "the machine has memory on one node only";
  } else if (need == "hmat") {
    if (topology.accesses.empty()) return "the topology declares no HMAT";
  } else if (need == "tiers") {
    if (topology.tiers.empty()) return "the topology declares no memory tiers";
  } else if (need.substr(0, 7) == "config:") {
    const std::string option(need.substr(7));
    const auto config = read_kernel_config(node);
    if (!config) return fmt::format("no configuration of kernel {} is in the image", node.kernel_release());
    const std::string value = config->value(option);
    if (value == "n") return fmt::format("kernel {} has CONFIG_{} off", node.kernel_release(), option);
  } else if (need.substr(0, 9) == "declared:") {
    if (!expected.declaration(need.substr(9))) return fmt::format("the manifest declares no {}", need.substr(9));
  } else {
    return fmt::format("nobody knows the need `{}`", need);
  }
  return std::nullopt;
}

Finding find(const Check& check, const Node& node, const Expected& expected) {
  for (const std::string_view need : check.needs) {
    if (auto reason = unmet(need, node, expected)) return skipped(std::move(*reason));
  }
  return check.function(node, expected);
}

Finding find_or_blame_harness(const Check& check, const Node& node, const Expected& expected) {
  try {
    return find(check, node, expected);
  } catch (const std::exception& failure) {
    return {Verdict::infra, nullptr, nullptr, "", fmt::format("the check itself failed: {}", failure.what())};
  }
}

/// Polls, since a waiting systemctl inside the boot transaction would be waited for in turn.
void wait_until_booted(const Node& node, const std::function<void()>& each_second) {
  const auto deadline = std::chrono::steady_clock::now() + kBootPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const std::string state = trimmed(node.run({"systemctl", "is-system-running"}).output);
    if (state != "starting" && state != "initializing") return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    each_second();
  }
}

}  // namespace

Finding passed(Json measured, Json expected, std::string evidence) {
  return {Verdict::pass, std::move(measured), std::move(expected), std::move(evidence), ""};
}

Finding failed(Json measured, Json expected, std::string evidence, std::string reason) {
  return {Verdict::fail, std::move(measured), std::move(expected), std::move(evidence), std::move(reason)};
}

Finding judged(Json measured, Json expected, std::string evidence, std::string reason_against) {
  if (reason_against.empty()) return passed(std::move(measured), std::move(expected), std::move(evidence));
  return failed(std::move(measured), std::move(expected), std::move(evidence), std::move(reason_against));
}

Finding skipped(std::string reason) {
  return {Verdict::skip, nullptr, nullptr, "", std::move(reason)};
}

Finding unmeasurable(std::string reason, std::string evidence) {
  return {Verdict::unmeasurable, nullptr, nullptr, std::move(evidence), std::move(reason)};
}

CheckResult run_check(const Check& check, const Node& node, const Expected& expected) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  Finding finding = find_or_blame_harness(check, node, expected);
  CheckResult result;
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  result.id = check.id;
  result.sentence = check.sentence;
  result.verdict = finding.verdict;
  result.measured = std::move(finding.measured);
  result.expected = std::move(finding.expected);
  result.evidence = std::move(finding.evidence);
  result.reason = std::move(finding.reason);
  const std::string_view subject = check.declared_as.empty() ? check.id : check.declared_as;
  if (const Declaration* declaration = expected.declaration(subject)) result.place = declaration->place;
  return result;
}

void run_checks(const std::vector<Check>& chosen, const Node& node, const Expected& expected, const CheckRun& run) {
  bool has_waited = !run.while_booting;
  for (const Check& check : chosen) {
    if (check.when >= When::booted && !has_waited) {
      wait_until_booted(node, run.while_booting);
      has_waited = true;
    }
    if (run.on_begin) run.on_begin(check);
    run.on_result(run_check(check, node, expected));
  }
}

}  // namespace ainode::checks
