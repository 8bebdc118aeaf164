// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/processors.h"

#include <sched.h>

#include <cstddef>
#include <thread>

namespace ainode::checks {

bool run_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

std::vector<int> allowed_processors(std::vector<int> cpus) {
  std::jthread([&] {
    std::erase_if(cpus, [](int cpu) { return cpu < 0 || cpu >= CPU_SETSIZE || !run_on(cpu); });
  }).join();
  return cpus;
}

}  // namespace ainode::checks
