// SPDX-License-Identifier: Apache-2.0
// Memory, NUMA, processors, limits, block devices. Most of it is an argument of the kernel (base/kernel_settings.h) or
// a sysctl (tune_kernel.cpp): what is left here is the promise.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "builder/stages/tune.h"

namespace ainode {

void promise_huge_pages(Tuning& tuning) {
  for (const auto& [size, pages] : tuning.recipe.tuning.hugepages)
    tuning.declare("mem.hugepages",
                   {{"size", size}, {"count", pages.count.value}, {"even", pages.per_node.value == "even"}},
                   pages.count.place);
}

void promise_transparent_huge_pages(Tuning& tuning) {
  tuning.declare_text("mem.thp", tuning.recipe.tuning.thp);
}

void promise_numa_balancing(Tuning& tuning) {
  if (const auto& wish = tuning.recipe.tuning.numa_balancing)
    tuning.declare("numa.balancing", wish->value, wish->place);
}

void promise_zone_reclaim(Tuning& tuning) {
  if (const auto& wish = tuning.recipe.tuning.zone_reclaim) tuning.declare("numa.reclaim", wish->value, wish->place);
}

void promise_governor(Tuning& tuning) {
  tuning.declare_text("cpu.governor", tuning.recipe.tuning.governor);
}

void promise_isolated_processors(Tuning& tuning) {
  tuning.declare_text("cpu.isolated", tuning.recipe.tuning.isolate);
}

void promise_tickless_processors(Tuning& tuning) {
  tuning.declare_text("cpu.tickless", tuning.recipe.tuning.nohz_full);
}

void promise_interrupt_affinity(Tuning& tuning) {
  tuning.declare_text("cpu.interrupts", tuning.recipe.tuning.irq_affinity);
}

/// systemd-system.conf(5) for services. Whoever logs in gets systemd's too, through the service that lets them in.
void write_resource_limits(Tuning& tuning) {
  ConfigurationFile file;
  for (const auto& [resource, limit] : tuning.recipe.tuning.limits) {
    std::string name = resource;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char byte) { return std::toupper(byte); });
    const std::string property = "DefaultLimit" + name, value = limit.value == "unlimited" ? "infinity" : limit.value;
    file.add(property + "=" + value, "tuning.limits", limit.place);
    tuning.declare("system.limits", {{"property", property}, {"value", value}}, limit.place);
  }
  file.put(tuning, "usr/lib/systemd/system.conf.d/zz-ainode.conf", "[Manager]\n");
}

void write_block_settings(Tuning& tuning) {
  ConfigurationFile file;
  for (const auto& [glob, wishes] : tuning.recipe.tuning.block) {
    const bool has_scheduler = !wishes.scheduler.value.empty();
    const Place& place = has_scheduler ? wishes.scheduler.place : wishes.read_ahead->place;
    std::string rule =
        fmt::format(R"(ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", KERNEL=="{}")", glob);
    Json promise = {{"devices", glob}};
    if (has_scheduler) {
      rule += fmt::format(R"(, ATTR{{queue/scheduler}}="{}")", wishes.scheduler.value);
      promise["scheduler"] = wishes.scheduler.value;
    }
    if (wishes.read_ahead) {
      rule += fmt::format(R"(, ATTR{{queue/read_ahead_kb}}="{}")", wishes.read_ahead->value);
      promise["read_ahead_kib"] = wishes.read_ahead->value;
    }
    file.add(rule, "tuning.block", place);
    tuning.declare("storage.scheduler", std::move(promise), place);
  }
  file.put(tuning, "usr/lib/udev/rules.d/90-ainode-block.rules");
}

}  // namespace ainode
