// SPDX-License-Identifier: Apache-2.0
// Running one row: first its needs, then its function under a clock; what goes wrong inside is never the image's fault.
#include "validators/checks/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

#include "validators/checks/kernel_config.h"
#include "validators/checks/pci.h"

namespace ainode::checks {

namespace {

bool has_memory(const ExpectedNumaNode& node) {
  return node.memory_bytes > 0;
}

/// Why a need does not hold, or nothing.
std::optional<std::string> unmet(std::string_view need, const Node& node, const Expected& expected) {
  const ExpectedTopology& topology = expected.topology;
  if (need == "iommu") {
    if (topology.iommu == "none") return "the machine has no IOMMU";
    const std::string option = topology.iommu == "amd" ? "AMD_IOMMU" : "INTEL_IOMMU";
    const auto config = read_kernel_config(node);
    if (config && config->value(option) == "n")
      return fmt::format("kernel {} has CONFIG_{} off", node.kernel_release(), option);
  } else if (need == "devices") {
    if (topology.devices.empty()) return "the topology names no device";
  } else if (need == "dma-device") {
    if (std::none_of(topology.devices.begin(), topology.devices.end(),
                     [](const ExpectedDevice& device) { return hardware_id(device) == kDrivableDevice; }))
      return fmt::format("the topology names no device whose DMA a check can drive ({})", kDrivableDevice);
  } else if (need == "peer-memory") {
    if (std::none_of(topology.devices.begin(), topology.devices.end(),
                     [](const ExpectedDevice& device) { return device.peer_memory_bytes > 0; }))
      return "the topology names no device with memory for its peers";
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

}  // namespace ainode::checks
