// SPDX-License-Identifier: Apache-2.0
// How fast memory is, by STREAM's triad (McCalpin: 24 bytes an element) and by a chase of pointers over a random cycle,
// and how late threads wake up, as cyclictest(8) measures it.
#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <bit>
#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>
#include <random>
#include <system_error>
#include <thread>

#include "validators/checks/local_node.h"
#include "validators/checks/node_files.h"
#include "validators/checks/probe_memory.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRepetitions = 11;  // the first one is dropped
constexpr std::uint64_t kCaches = 4, kUnknownCache = std::uint64_t{16} << 20, kLeastBytes = std::uint64_t{1} << 20;
constexpr std::size_t kLine = 64, kLoads = std::size_t{1} << 18;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of this thread; false with errno set.
bool run_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

/// Those of `cpus` that a thread of this process may run on: also isolated ones, where none is sent unasked.
std::vector<int> allowed(std::vector<int> cpus) {
  std::jthread([&] {
    std::erase_if(cpus, [](int cpu) { return cpu < 0 || cpu >= CPU_SETSIZE || !run_on(cpu); });
  }).join();
  return cpus;
}

std::vector<int> cpus_of(const LocalNode& node, int numa_node) {
  const auto text = node.read_file(fmt::format("/sys/devices/system/node/node{}/cpulist", numa_node));
  return allowed(parse_id_list(text.value_or("")).value_or(std::vector<int>{}));
}

/// All last caches of these processors, each counted once: "16384K".
std::uint64_t last_caches(const LocalNode& node, const std::vector<int>& cpus) {
  std::map<std::string, std::uint64_t> by_sharers;
  for (const int cpu : cpus) {
    const std::string root = fmt::format("/sys/devices/system/cpu/cpu{}/cache", cpu);
    std::int64_t last = 0;
    std::pair<std::string, std::uint64_t> cache;
    for (const DirectoryEntry& entry : node.list(root)) {
      const std::string path = root + "/" + entry.name;
      const auto level = read_number(node, path + "/level");
      const std::string size = trimmed(node.read_file(path + "/size").value_or(""));
      if (!level || *level <= last || size.empty() || size.back() != 'K') continue;
      last = *level;
      cache = {node.read_file(path + "/shared_cpu_list").value_or(""),
               static_cast<std::uint64_t>(to_number(size.substr(0, size.size() - 1)).value_or(0)) << 10};
    }
    by_sharers.insert(cache);
  }
  return std::accumulate(by_sharers.begin(), by_sharers.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& each) { return sum + each.second; });
}

/// "Node 0 MemFree:  1234 kB".
std::uint64_t free_memory(const LocalNode& node, int numa_node) {
  const auto text = node.read_file(fmt::format("/sys/devices/system/node/node{}/meminfo", numa_node));
  for (const std::string& line : split_lines(text.value_or(""))) {
    const std::vector<std::string> words = split_words(line);
    if (words.size() > 3 && words[2] == "MemFree:")
      return static_cast<std::uint64_t>(to_number(words[3]).value_or(0)) << 10;
  }
  return 0;
}

constexpr double kFactor = 3;

struct Share {
  std::size_t first, end;
};

/// One thread a processor; what each of them writes lies in its own part of `sums`.
std::vector<double> run_triad(const std::vector<int>& cpus, double* a, std::size_t elements, std::string& problem) {
  double *b = a + elements, *c = b + elements;
  std::vector<double> seconds(kRepetitions);
  std::atomic<bool> is_wrong = false;
  std::barrier gate(static_cast<std::ptrdiff_t>(cpus.size()));
  std::vector<std::jthread> threads;
  const auto work = [&](std::size_t t) {
    const Share share = {elements * t / cpus.size(), elements * (t + 1) / cpus.size()};
    if (!run_on(cpus[t])) is_wrong = true;
    std::fill(b + share.first, b + share.end, 1.0);
    std::fill(c + share.first, c + share.end, 2.0);
    std::fill(a + share.first, a + share.end, 0.0);
    for (double& each : seconds) {
      gate.arrive_and_wait();
      const auto start = Clock::now();
      for (std::size_t i = share.first; i < share.end; ++i) a[i] = b[i] + kFactor * c[i];
      gate.arrive_and_wait();
      if (t == 0) each = seconds_since(start);
    }
    if (std::any_of(a + share.first, a + share.end, [](double sum) { return sum != 1.0 + kFactor * 2.0; }))
      is_wrong = true;
  };
  try {
    for (std::size_t t = 0; t < cpus.size(); ++t) threads.emplace_back(work, t);
  } catch (const std::system_error& error) {
    for (std::size_t t = threads.size(); t < cpus.size(); ++t) gate.arrive_and_drop();  // else the others wait for ever
    problem = fmt::format("a thread for each processor: {}", error.what());
  }
  threads.clear();
  if (problem.empty() && is_wrong) problem = "the sums are wrong, or a thread could not be bound to its processor";
  std::vector<double> rates;
  for (std::size_t i = 1; i < seconds.size(); ++i)
    rates.push_back(3.0 * sizeof(double) * static_cast<double>(elements) / seconds[i] / 1e6);
  return rates;
}

/// One cycle through all lines, in an order that nothing foresees (Sattolo's).
void link_lines(char* start, std::size_t lines) {
  std::vector<std::uint32_t> order(lines);
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937_64 random(1);
  for (std::size_t i = lines - 1; i > 0; --i) std::swap(order[i], order[random() % i]);
  for (std::size_t i = 0; i < lines; ++i)
    *reinterpret_cast<char**>(start + i * kLine) = start + std::size_t{order[i]} * kLine;
}

std::vector<double> run_chase(int cpu, char* start, std::size_t lines, std::string& problem) {
  std::vector<double> latencies;
  std::jthread([&] {
    if (!run_on(cpu)) problem = failure_of("sched_setaffinity");
    link_lines(start, lines);
    char* volatile place = start;
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
      const auto begin = Clock::now();
      char* at = place;
      for (std::size_t i = 0; i < kLoads; ++i) at = *reinterpret_cast<char**>(at);
      place = at;
      if (repetition > 0) latencies.push_back(seconds_since(begin) * 1e9 / kLoads);
    }
  }).join();
  return latencies;
}

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
  std::vector<int> cpus = cpus_of(*this, cpu_node);
  if (cpus.empty()) {
    speed.problem = fmt::format("this process may run on no processor of node {}", cpu_node);
    return speed;
  }
  const std::uint64_t arrays = test == MemoryTest::triad ? 3 : 1;
  speed.cache_bytes = last_caches(*this, cpus);
  const std::uint64_t wanted = kCaches * (speed.cache_bytes == 0 ? kUnknownCache : speed.cache_bytes);
  speed.bytes = std::min(wanted, free_memory(*this, memory_node) / 2 / arrays) / kLeastBytes * kLeastBytes;
  if (speed.bytes == 0) {
    speed.problem = fmt::format("node {} has too little free memory", memory_node);
    return speed;
  }
  const Mapping area(arrays * speed.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!area.is_there()) {
    speed.problem = failure_of("mmap");
  } else if (!set_policy(area, MPOL_BIND, {memory_node})) {
    speed.problem = failure_of("mbind");
  } else if (madvise(area.bytes(), area.size(), MADV_HUGEPAGE); test == MemoryTest::triad) {
    speed.samples =
        run_triad(cpus, reinterpret_cast<double*>(area.bytes()), speed.bytes / sizeof(double), speed.problem);
  } else {
    speed.samples = run_chase(cpus.front(), area.bytes(), speed.bytes / kLine, speed.problem);
  }
  return speed;
}

WakeupLatency LocalNode::measure_wakeups(const std::vector<int>& cpus, int seconds) const {
  WakeupLatency found;
  std::vector<std::int64_t> all;
  std::mutex guard;
  std::vector<std::jthread> threads;
  for (const int cpu : allowed(cpus)) {
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
