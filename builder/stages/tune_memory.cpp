// SPDX-License-Identifier: Apache-2.0
// Memory, NUMA, processors, block devices. Most of it is an argument of the kernel (base/kernel_settings.h) or a sysctl
// (tune_kernel.cpp): what is left here is the promise.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "builder/stages/tune.h"

namespace ainode {

void write_huge_pages(Tuning& tuning) {
  for (const auto& [size, pages] : tuning.recipe.tuning.hugepages)
    tuning.declare("mem.hugepages",
                   {{"size", size}, {"count", pages.count.value}, {"even", pages.per_node.value == "even"}},
                   pages.count.place);
}

void write_transparent_huge_pages(Tuning& tuning) {
  const Text& thp = tuning.recipe.tuning.thp;
  if (!thp.value.empty()) tuning.declare("mem.thp", thp.value, thp.place);
}

void write_numa_balancing(Tuning& tuning) {
  if (const auto& wish = tuning.recipe.tuning.numa_balancing)
    tuning.declare("numa.balancing", wish->value, wish->place);
}

void write_zone_reclaim(Tuning& tuning) {
  if (const auto& wish = tuning.recipe.tuning.zone_reclaim) tuning.declare("numa.reclaim", wish->value, wish->place);
}

void write_governor(Tuning& tuning) {
  const Text& governor = tuning.recipe.tuning.governor;
  if (!governor.value.empty()) tuning.declare("cpu.governor", governor.value, governor.place);
}

void write_isolated_processors(Tuning& tuning) {
  const Text& isolated = tuning.recipe.tuning.isolate;
  if (!isolated.value.empty()) tuning.declare("cpu.isolated", isolated.value, isolated.place);
}

void write_tickless_processors(Tuning& tuning) {
  const Text& tickless = tuning.recipe.tuning.nohz_full;
  if (!tickless.value.empty()) tuning.declare("cpu.tickless", tickless.value, tickless.place);
}

void promise_interrupt_affinity(Tuning& tuning) {
  const Text& affinity = tuning.recipe.tuning.irq_affinity;
  if (!affinity.value.empty()) tuning.declare("cpu.interrupts", affinity.value, affinity.place);
}

/// systemd-system.conf(5) for services. Whoever logs in gets systemd's too, through the service that lets them in.
void write_resource_limits(Tuning& tuning) {
  std::string text;
  Place first;
  for (const auto& [resource, limit] : tuning.recipe.tuning.limits) {
    if (text.empty()) first = limit.place;
    std::string name = resource;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char byte) { return std::toupper(byte); });
    const std::string value = limit.value == "unlimited" ? "infinity" : limit.value;
    text += fmt::format("DefaultLimit{}={}\n", name, value);
    tuning.declare("system.limits", {{"property", "DefaultLimit" + name}, {"value", value}}, limit.place);
  }
  if (!text.empty())
    tuning.put("usr/lib/systemd/system.conf.d/zz-ainode.conf", "[Manager]\n" + text, "tuning.limits", first);
}

void write_block_settings(Tuning& tuning) {
  std::string rules;
  Place first;
  for (const auto& [glob, wishes] : tuning.recipe.tuning.block) {
    const bool has_scheduler = !wishes.scheduler.value.empty();
    if (!has_scheduler && !wishes.read_ahead) continue;
    const Place& place = has_scheduler ? wishes.scheduler.place : wishes.read_ahead->place;
    if (rules.empty()) first = place;
    rules += fmt::format(R"(ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", KERNEL=="{}")", glob);
    Json promise = {{"devices", glob}};
    if (has_scheduler) {
      rules += fmt::format(R"(, ATTR{{queue/scheduler}}="{}")", wishes.scheduler.value);
      promise["scheduler"] = wishes.scheduler.value;
    }
    if (wishes.read_ahead) {
      rules += fmt::format(R"(, ATTR{{queue/read_ahead_kb}}="{}")", wishes.read_ahead->value);
      promise["read_ahead_kib"] = wishes.read_ahead->value;
    }
    rules += "\n";
    tuning.declare("storage.scheduler", std::move(promise), place);
  }
  if (!rules.empty()) tuning.put("usr/lib/udev/rules.d/90-ainode-block.rules", rules, "tuning.block", first);
}

}  // namespace ainode
