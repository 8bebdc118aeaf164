// SPDX-License-Identifier: Apache-2.0
// The catalogue of checks: families, profiles, and the order in which checks run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/check.h"

namespace ainode::checks {

std::vector<Check> kernel_checks();
std::vector<Check> driver_checks();
std::vector<Check> numa_checks();
std::vector<Check> dma_checks();
std::vector<Check> memory_checks();
std::vector<Check> system_checks();
std::vector<Check> image_checks();
std::vector<Check> security_checks();
std::vector<Check> cpu_checks();
std::vector<Check> storage_checks();
std::vector<Check> container_checks();
std::vector<Check> net_checks();
std::vector<Check> kube_node_checks();
std::vector<Check> llm_checks();

/// The parts of the kernel, NUMA, DMA and driver families that have files of their own.
std::vector<Check> kernel_setting_checks();
std::vector<Check> numa_page_checks();
std::vector<Check> numa_speed_checks();
std::vector<Check> peer_checks();
std::vector<Check> engine_checks();
std::vector<Check> link_checks();

/// Every check, in the order in which they run: early, meanwhile, booted, last; within these by family.
std::vector<Check> all_checks();

/// Profile names: `boot` (all families but kube-node and llm) and one a family: kernel, driver, numa, dma, memory, cpu,
/// storage, system, image, security, containers, net, kube-node, llm.
std::vector<std::string_view> profile_names();
/// Why a run does not ask for a check: by profile, level, its list of single checks, or what the image states.
std::optional<GapKind> left_out(const Check& check, const Expected& expected);
/// The checks of any of the profiles, in running order. Unknown names choose nothing: ask profile_names() first.
std::vector<Check> checks_of(const std::vector<std::string>& profiles);
/// All but those that are left out, in running order.
std::vector<Check> checks_for(const Expected& expected);

}  // namespace ainode::checks
