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
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

constexpr std::chrono::seconds kBootPatience{120};

bool has_memory(const ExpectedNumaNode& node) {
  return node.memory_bytes > 0;
}

bool has_drivable_device(const ExpectedTopology& topology) {
  return std::any_of(topology.devices.begin(), topology.devices.end(),
                     [](const ExpectedDevice& device) { return hardware_id(device) == kDrivableDevice; });
}

bool has_peer_memory(const ExpectedDevice& device) {
  return device.peer_memory_bytes > 0;
}

bool has_node(const ExpectedDevice& device) {
  return device.numa_node.has_value();
}

const MachineNeed kMachineNeeds[] = {
    {"topology", "a topology", "", [](const ExpectedTopology&) { return true; }},
    {"iommu", "an IOMMU", "the machine has no IOMMU", [](const ExpectedTopology& it) { return it.iommu != "none"; }},
    {"devices", "devices", "the topology names no device",
     [](const ExpectedTopology& it) { return !it.devices.empty(); }},
    {"dma-device", "a device whose DMA a check can drive",
     "the topology names no device whose DMA a check can drive (QEMU's edu)", has_drivable_device},
    {"peer-memory", "a device with memory for its peers", "the topology names no device with memory for its peers",
     [](const ExpectedTopology& it) { return std::any_of(it.devices.begin(), it.devices.end(), has_peer_memory); }},
    {"device-nodes", "a device on a NUMA node of its own", "the topology says of no device on which NUMA node it is",
     [](const ExpectedTopology& it) { return std::any_of(it.devices.begin(), it.devices.end(), has_node); }},
    {"memory-nodes", "memory", "the topology names no memory",
     [](const ExpectedTopology& it) { return std::any_of(it.nodes.begin(), it.nodes.end(), has_memory); }},
    {"several-memory-nodes", "memory on several nodes", "the machine has memory on one node only",
     [](const ExpectedTopology& it) { return std::count_if(it.nodes.begin(), it.nodes.end(), has_memory) > 1; }},
    {"hmat", "an HMAT", "the topology declares no HMAT",
     [](const ExpectedTopology& it) { return !it.accesses.empty(); }},
    {"tiers", "memory tiers", "the topology declares no memory tiers",
     [](const ExpectedTopology& it) { return !it.tiers.empty(); }},
};

constexpr std::string_view kDeclared = "declared:", kConfig = "config:";

std::string_view after(std::string_view prefix, std::string_view need) {
  return need.substr(0, prefix.size()) == prefix ? need.substr(prefix.size()) : std::string_view();
}

Finding lacking(std::string need, std::string reason) {
  Finding finding = skipped(std::move(reason));
  finding.lacks = std::move(need);
  return finding;
}

std::optional<Finding> lacking_option(std::string_view option, const std::optional<KernelConfig>& config,
                                      const Node& node) {
  std::string need = fmt::format("{}{}", kConfig, option);
  if (!config)
    return lacking(std::move(need),
                   fmt::format("no configuration of kernel {} is in the image", node.kernel_release()));
  if (config->value(std::string(option)) != "n") return std::nullopt;
  return lacking(std::move(need), fmt::format("kernel {} has CONFIG_{} off", node.kernel_release(), option));
}

Finding find(const Check& check, const Node& node, const Expected& expected) {
  for (const std::string_view need : check.needs) {
    if (auto skip = unmet(need, node, expected)) return std::move(*skip);
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

const MachineNeed* machine_need(std::string_view need) {
  const auto* found = std::find_if(std::begin(kMachineNeeds), std::end(kMachineNeeds),
                                   [&](const MachineNeed& each) { return each.name == need; });
  return found == std::end(kMachineNeeds) ? nullptr : found;
}

std::string_view declared_subject(std::string_view need) {
  return after(kDeclared, need);
}

std::string_view kernel_option(std::string_view need) {
  return after(kConfig, need);
}

std::optional<Finding> unmet(std::string_view need, const Node& node, const Expected& expected) {
  if (const MachineNeed* machine = machine_need(need)) {
    if (expected.topology.nodes.empty()) return lacking(std::string(need), "the machine's topology is not known");
    if (!machine->is_met(expected.topology)) return lacking(std::string(need), std::string(machine->lack));
    if (need != "iommu") return std::nullopt;
    const auto config = read_kernel_config(node);
    if (!config) return std::nullopt;  // the check itself sees whether there is a driver
    return lacking_option(expected.topology.iommu == "amd" ? "AMD_IOMMU" : "INTEL_IOMMU", config, node);
  }
  if (const std::string_view option = kernel_option(need); !option.empty())
    return lacking_option(option, read_kernel_config(node), node);
  if (const std::string_view subject = declared_subject(need); !subject.empty()) {
    if (expected.declaration(subject)) return std::nullopt;
    return lacking(std::string(need), fmt::format("the manifest declares no {}", subject));
  }
  return skipped(fmt::format("nobody knows the need `{}`", need));
}

Finding passed(Json measured, Json expected, std::string evidence) {
  return {Verdict::pass, std::move(measured), std::move(expected), std::move(evidence), ""};
}

Finding failed(Json measured, Json expected, std::string evidence, std::string reason) {
  return {Verdict::fail, std::move(measured), std::move(expected), std::move(evidence), std::move(reason)};
}

Finding judged(Json measured, Json expected, std::string evidence, std::string reason_against, std::string gap) {
  Finding finding = {Verdict::pass, std::move(measured), std::move(expected), std::move(evidence), ""};
  if (reason_against.find(kOnlyRoot) != std::string::npos) gap = std::move(reason_against), reason_against.clear();
  if (!reason_against.empty())
    finding.verdict = Verdict::fail, finding.reason = std::move(reason_against);
  else if (!gap.empty())
    finding.verdict = Verdict::unmeasurable, finding.reason = std::move(gap);
  return finding;
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
  result.lacks = std::move(finding.lacks);
  result.figures = std::move(finding.figures);
  const std::string_view subject = check.declared_as.empty() ? check.id : check.declared_as;
  if (const Declaration* declaration = expected.declaration(subject)) result.place = declaration->place;
  if (!finding.place.empty()) result.place = std::move(finding.place);
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
