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

/// systemd.link(5): the first file that matches decides, so this says too what the last one, 99-default.link, would.
void write_net_settings(Tuning& tuning) {
  int number = 0;
  for (const auto& [glob, wishes] : tuning.recipe.tuning.net) {
    const Place& place = wishes.mtu ? wishes.mtu->place : wishes.queue_length->place;
    ConfigurationFile file;
    Json promise = {{"driver", glob}};
    const auto add = [&](const std::string& line) { file.add(line, "tuning.net", place); };
    for (const std::string& line : {std::string("[Match]"), "Driver=" + glob, std::string("[Link]"),
                                    std::string("NamePolicy=keep kernel database onboard slot path"),
                                    std::string("AlternativeNamesPolicy=database onboard slot path mac"),
                                    std::string("MACAddressPolicy=persistent")})
      add(line);
    if (wishes.mtu) {
      add(fmt::format("MTUBytes={}", wishes.mtu->value));
      promise["mtu"] = wishes.mtu->value;
    }
    if (wishes.queue_length) {
      add(fmt::format("TransmitQueueLength={}", wishes.queue_length->value));
      promise["queue_length"] = wishes.queue_length->value;
    }
    tuning.declare("net.settings", std::move(promise), place);
    file.put(tuning, fmt::format("usr/lib/systemd/network/70-ainode-{}.link", ++number));
  }
}

}  // namespace ainode
