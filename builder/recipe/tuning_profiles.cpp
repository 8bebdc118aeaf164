// SPDX-License-Identifier: Apache-2.0
// What each row is for stands in Linux' Documentation/admin-guide/sysctl/{vm,kernel,net}.rst and mm/transhuge.rst. The
// processors' frequency and their isolation are of the machine, not of a profile: `tuning.cpu`.
#include "builder/recipe/tuning_profiles.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/kernel_settings.h"

namespace ainode {

namespace {

struct Profile {
  std::string_view name, thp;
  std::vector<std::pair<std::string, std::string>> sysctls;
};

const Profile kProfiles[] = {
    // Nothing that works behind a process's back: no page is collapsed or moved, timers stay on their processor, the
    // statistics of memory are gathered every ten seconds, and a waiting socket asks its queue for 50 us.
    {"latency",
     "never",
     {{"kernel.numa_balancing", "0"},
      {"kernel.timer_migration", "0"},
      {"net.core.busy_poll", "50"},
      {"net.core.busy_read", "50"},
      {"vm.stat_interval", "10"},
      {"vm.swappiness", "1"},
      {"vm.zone_reclaim_mode", "0"}}},
    // Large pages for who asks, no page moved behind a pinned process, and writes in long runs.
    {"throughput",
     "madvise",
     {{"kernel.numa_balancing", "0"},
      {"vm.dirty_background_ratio", "10"},
      {"vm.dirty_ratio", "40"},
      {"vm.swappiness", "10"},
      {"vm.zone_reclaim_mode", "0"}}},
};

bool says(const Recipe& recipe, const std::string& sysctl) {
  if (sysctl == "kernel.numa_balancing" && recipe.tuning.numa_balancing) return true;
  if (sysctl == "vm.zone_reclaim_mode" && recipe.tuning.zone_reclaim) return true;
  const auto& said = recipe.kernel.sysctl;
  return std::any_of(said.begin(), said.end(),
                     [&](const auto& each) { return sysctl_path(each.first) == sysctl_path(sysctl); });
}

}  // namespace

void apply_tuning_profile(Recipe& recipe) {
  const Text& chosen = recipe.tuning.profile;
  const auto* profile = std::find_if(std::begin(kProfiles), std::end(kProfiles),
                                     [&](const Profile& each) { return each.name == chosen.value; });
  if (profile == std::end(kProfiles)) return;
  const auto& arguments = recipe.kernel.cmdline;
  const bool says_thp = std::any_of(arguments.begin(), arguments.end(), [](const Text& each) {
    return argument_name(each.value) == "transparent_hugepage";
  });
  if (recipe.tuning.thp.value.empty() && !says_thp) recipe.tuning.thp = {std::string(profile->thp), chosen.place};
  for (const auto& [sysctl, value] : profile->sysctls)
    if (!says(recipe, sysctl)) recipe.kernel.sysctl[sysctl] = {value, chosen.place};
}

}  // namespace ainode
