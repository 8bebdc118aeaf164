// SPDX-License-Identifier: Apache-2.0
// How fast this machine's memory is (memory_speed.h), and how late threads wake up, as cyclictest(8) measures it.
#include <fmt/format.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <thread>

#include "validators/checks/local_node.h"
#include "validators/checks/memory_speed.h"
#include "validators/checks/probe_memory.h"
#include "validators/checks/processors.h"

namespace ainode::checks {

namespace {

constexpr std::int64_t kPeriod = 500'000;  // ns
constexpr int kPriority = 80;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// In ns, one a period. Empty with errno set where the policy or the processor was refused.
std::vector<std::int64_t> lateness_on(int cpu, int seconds) {
  std::vector<std::int64_t> late(static_cast<std::size_t>(seconds * (1'000'000'000 / kPeriod)));
  const sched_param priority = {kPriority};
  if (!run_on(cpu) || sched_setscheduler(0, SCHED_FIFO, &priority) != 0) return {};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  std::int64_t due = nanoseconds(now);
  for (std::int64_t& each : late) {
    due += kPeriod;
    const timespec until = {due / 1'000'000'000, due % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    each = nanoseconds(now) - due;
    due = std::max(due, nanoseconds(now) - kPeriod);  // what was slept through is not made up for
  }
  return late;
}

double at_share(const std::vector<std::int64_t>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]) / 1000;
}

}  // namespace

MemorySpeed LocalNode::measure_memory(int cpu_node, int memory_node, MemoryTest test) const {
  MemorySpeed speed;
  const std::vector<NumaNode> nodes = read_numa_nodes();
  const NumaNode *from = find_node(nodes, cpu_node), *to = find_node(nodes, memory_node);
  if (!from || !to) {
    speed.problem = fmt::format("node {} is not online", from ? memory_node : cpu_node);
    return speed;
  }
  MemoryLoad load;
  load.work = test == MemoryTest::triad ? MemoryWork::triad : MemoryWork::chase;
  MemoryRun run = measure_memory_speed(*from, *to, load);
  return {run.bytes, from->cache_bytes, std::move(run.samples), std::move(run.problem)};
}

WakeupLatency LocalNode::measure_wakeups(const std::vector<int>& cpus, int seconds) const {
  WakeupLatency found;
  std::vector<std::int64_t> all;
  std::mutex guard;
  std::vector<std::jthread> threads;
  for (const int cpu : allowed_processors(cpus)) {
    threads.emplace_back([&, cpu] {
      const std::vector<std::int64_t> late = lateness_on(cpu, seconds);
      const std::string problem = late.empty() ? failure_of("sched_setscheduler with SCHED_FIFO") : "";
      const std::lock_guard lock(guard);
      all.insert(all.end(), late.begin(), late.end());
      if (!problem.empty()) found.problem = problem;
    });
  }
  threads.clear();
  if (all.empty()) {
    if (found.problem.empty()) found.problem = "this process may run on none of these processors";
    return found;
  }
  std::sort(all.begin(), all.end());
  found.wakeups = all.size();
  found.median_us = at_share(all, 0.5), found.p9999_us = at_share(all, 0.9999), found.max_us = at_share(all, 1);
  for (const std::int64_t each : all)
    ++found.histogram[static_cast<int>(
        std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(each, 0)) / 1000))];
  return found;
}

}  // namespace ainode::checks
