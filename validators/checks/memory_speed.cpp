// SPDX-License-Identifier: Apache-2.0
// Arrays are bound to the memory's node before they are touched; each thread touches and uses its own part.
#include "validators/checks/memory_speed.h"

#include <fmt/format.h>
#include <linux/mempolicy.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <system_error>
#include <thread>

#include "validators/checks/probe_memory.h"
#include "validators/checks/processors.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kUnknownCache = std::uint64_t{16} << 20, kLeastBytes = std::uint64_t{1} << 20;
constexpr std::size_t kLine = 64, kLoads = std::size_t{1} << 18;
constexpr int kMostCaches = 16;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Empty where there is none.
std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<int> ids_in(const std::string& path) {
  return parse_id_list(text_of(path)).value_or(std::vector<int>{});
}

/// Of "Node 0 MemFree:  1234 kB" or "MemFree:  1234 kB".
std::uint64_t memory_in(const std::string& text, const std::string& key) {
  for (const std::string& line : split_lines(text)) {
    const std::vector<std::string> words = split_words(line);
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i] == key + ":") return static_cast<std::uint64_t>(to_number(words[i + 1]).value_or(0)) << 10;
  }
  return 0;
}

/// "16384K".
std::uint64_t cache_size(const std::string& text) {
  const std::string size = trimmed(text);
  if (size.empty() || size.back() != 'K') return 0;
  return static_cast<std::uint64_t>(to_number(size.substr(0, size.size() - 1)).value_or(0)) << 10;
}

std::uint64_t last_caches(const std::string& root, const std::vector<int>& cpus) {
  std::map<std::string, std::uint64_t> by_sharers;
  for (const int cpu : cpus) {
    std::int64_t last = 0;
    std::pair<std::string, std::uint64_t> cache;
    for (int index = 0; index < kMostCaches; ++index) {
      const std::string path = fmt::format("{}/sys/devices/system/cpu/cpu{}/cache/index{}", root, cpu, index);
      const std::int64_t level = to_number(trimmed(text_of(path + "/level"))).value_or(0);
      const std::uint64_t size = cache_size(text_of(path + "/size"));
      if (level <= last || size == 0) continue;
      last = level;
      cache = {text_of(path + "/shared_cpu_list"), size};
    }
    by_sharers.insert(cache);
  }
  return std::accumulate(by_sharers.begin(), by_sharers.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& each) { return sum + each.second; });
}

NumaNode whole_machine(const std::string& root) {
  NumaNode node;
  node.is_bound = false;
  node.cpus = allowed_processors(ids_in(root + "/sys/devices/system/cpu/online"));
  const std::string memory = text_of(root + "/proc/meminfo");
  node.total_bytes = memory_in(memory, "MemTotal"), node.free_bytes = memory_in(memory, "MemFree");
  node.cache_bytes = last_caches(root, node.cpus);
  return node;
}

constexpr double kFactor = 3, kOfB = 1, kOfC = 2;

struct Arrays {
  double *a, *b, *c;
};

/// Each loop with what an element must be after it.
template <MemoryWork work>
double element(double b, double c) {
  if constexpr (work == MemoryWork::copy) return b;
  if constexpr (work == MemoryWork::scale) return kFactor * b;
  if constexpr (work == MemoryWork::add) return b + c;
  return b + kFactor * c;
}

template <MemoryWork work>
void loop(const Arrays& arrays, std::size_t first, std::size_t end) {
  double* __restrict a = arrays.a;
  const double* __restrict b = arrays.b, * __restrict c = arrays.c;
  for (std::size_t i = first; i < end; ++i) {
    if constexpr (work == MemoryWork::copy || work == MemoryWork::scale)
      a[i] = element<work>(b[i], 0);
    else
      a[i] = element<work>(b[i], c[i]);
  }
}

struct Stream {
  MemoryWork work;
  void (*loop)(const Arrays&, std::size_t first, std::size_t end);
  double result;
};
constexpr Stream kStreams[] = {
    {MemoryWork::copy, loop<MemoryWork::copy>, kOfB},
    {MemoryWork::scale, loop<MemoryWork::scale>, kFactor* kOfB},
    {MemoryWork::add, loop<MemoryWork::add>, kOfB + kOfC},
    {MemoryWork::triad, loop<MemoryWork::triad>, kOfB + kFactor* kOfC},
};

/// One thread a processor; the first one takes the time from when all are ready to when all are done.
void run_stream(const Stream& stream, const std::vector<int>& cpus, const MemoryLoad& load, const Arrays& arrays,
                std::size_t elements, MemoryRun& run) {
  std::vector<double> seconds(load.repetitions + 1);
  std::atomic<bool> is_unbound = false, is_wrong = false;
  std::barrier gate(static_cast<std::ptrdiff_t>(cpus.size()));
  const auto work = [&](std::size_t t) {
    const std::size_t first = elements * t / cpus.size(), end = elements * (t + 1) / cpus.size();
    if (!run_on(cpus[t])) is_unbound = true;
    std::fill(arrays.a + first, arrays.a + end, 0.0);
    std::fill(arrays.b + first, arrays.b + end, kOfB);
    if (arrays.c) std::fill(arrays.c + first, arrays.c + end, kOfC);
    for (double& each : seconds) {
      gate.arrive_and_wait();
      const auto start = Clock::now();
      stream.loop(arrays, first, end);
      gate.arrive_and_wait();
      if (t == 0) each = seconds_since(start);
    }
    if (std::any_of(arrays.a + first, arrays.a + end, [&](double value) { return value != stream.result; }))
      is_wrong = true;
  };
  std::vector<std::jthread> threads;
  try {
    for (std::size_t t = 0; t < cpus.size(); ++t) threads.emplace_back(work, t);
  } catch (const std::system_error& error) {
    for (std::size_t t = threads.size(); t < cpus.size(); ++t) gate.arrive_and_drop();  // else the others wait for ever
    run.problem = fmt::format("a thread for each processor: {}", error.what());
  }
  threads.clear();
  if (!run.problem.empty()) return;
  run.is_wrong = is_wrong;
  if (is_wrong) run.problem = "the arrays do not hold what they must";
  if (is_unbound) run.problem = "a thread could not be bound to its processor";
  for (std::size_t i = 1; i < seconds.size(); ++i)
    run.samples.push_back(static_cast<double>(bytes_moved(stream.work, run.bytes)) / seconds[i] / 1e6);
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

void run_chase(int cpu, std::size_t repetitions, char* start, std::size_t lines, MemoryRun& run) {
  std::jthread([&] {
    if (!run_on(cpu)) run.problem = failure_of("sched_setaffinity");
    link_lines(start, lines);
    char* volatile place = start;
    for (std::size_t repetition = 0; repetition <= repetitions; ++repetition) {
      const auto begin = Clock::now();
      char* at = place;
      for (std::size_t i = 0; i < kLoads; ++i) at = *reinterpret_cast<char**>(at);
      place = at;
      if (repetition > 0) run.samples.push_back(seconds_since(begin) * 1e9 / kLoads);
    }
  }).join();
}

std::uint64_t usual_bytes(const NumaNode& from, const NumaNode& to, std::size_t arrays) {
  const std::uint64_t wanted = kCachesExceeded * (from.cache_bytes == 0 ? kUnknownCache : from.cache_bytes);
  return std::min(wanted, to.free_bytes / 2 / arrays) / kLeastBytes * kLeastBytes;
}

}  // namespace

std::vector<NumaNode> read_numa_nodes(const std::string& root) {
  const std::string folder = root + "/sys/devices/system/node";
  std::vector<NumaNode> nodes;
  for (const int id : ids_in(folder + "/online")) {
    const std::string path = fmt::format("{}/node{}", folder, id);
    const std::string memory = text_of(path + "/meminfo");
    NumaNode& node = nodes.emplace_back();
    node.id = id;
    node.cpus = allowed_processors(ids_in(path + "/cpulist"));
    node.total_bytes = memory_in(memory, "MemTotal"), node.free_bytes = memory_in(memory, "MemFree");
    node.cache_bytes = last_caches(root, node.cpus);
  }
  if (nodes.empty()) nodes.push_back(whole_machine(root));
  return nodes;
}

const NumaNode* find_node(const std::vector<NumaNode>& nodes, int id) {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [id](const NumaNode& each) { return each.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

std::string_view name_of(MemoryWork work) {
  constexpr std::string_view kNames[] = {"copy", "scale", "add", "triad", "chase"};
  return kNames[static_cast<std::size_t>(work)];
}

std::size_t arrays_of(MemoryWork work) {
  if (work == MemoryWork::chase) return 1;
  return work == MemoryWork::copy || work == MemoryWork::scale ? 2 : 3;
}

std::uint64_t bytes_moved(MemoryWork work, std::uint64_t array_bytes) {
  return work == MemoryWork::chase ? kLoads * kLine : arrays_of(work) * array_bytes;
}

MemoryRun measure_memory_speed(const NumaNode& from, const NumaNode& to, const MemoryLoad& load) {
  MemoryRun run;
  const std::size_t arrays = arrays_of(load.work);
  if (from.cpus.empty()) {
    run.problem = fmt::format("this process may run on no processor of node {}", from.id);
    return run;
  }
  run.bytes = load.bytes == 0 ? usual_bytes(from, to, arrays) : load.bytes / kLine * kLine;
  if (run.bytes == 0 || run.bytes > to.free_bytes / arrays) {
    run.problem = fmt::format("node {} has too little free memory", to.id);
    return run;
  }
  std::vector<int> cpus = from.cpus;
  if (load.work == MemoryWork::chase) cpus.resize(1);
  if (load.threads != 0 && load.threads < cpus.size()) cpus.resize(load.threads);
  run.threads = cpus.size();
  const Mapping area(arrays * run.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!area.is_there()) {
    run.problem = failure_of("mmap");
  } else if (to.is_bound && !set_policy(area, MPOL_BIND, {to.id})) {
    run.problem = failure_of("mbind");
  } else if (madvise(area.bytes(), area.size(), MADV_HUGEPAGE); load.work == MemoryWork::chase) {
    run_chase(cpus.front(), load.repetitions, area.bytes(), run.bytes / kLine, run);
  } else {
    const std::size_t elements = run.bytes / sizeof(double);
    auto* const a = reinterpret_cast<double*>(area.bytes());
    const auto* stream = std::find_if(std::begin(kStreams), std::end(kStreams),
                                      [&](const Stream& each) { return each.work == load.work; });
    run_stream(*stream, cpus, load, {a, a + elements, arrays > 2 ? a + 2 * elements : nullptr}, elements, run);
  }
  return run;
}

}  // namespace ainode::checks
