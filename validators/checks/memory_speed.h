// SPDX-License-Identifier: Apache-2.0
// How fast the processors of one NUMA node reach the memory of another: STREAM's four loops (McCalpin, "Memory
// Bandwidth and Machine Balance in Current High Performance Computers", 1995) by all processors at once, and a chase of
// pointers over a random cycle by one. The work is the same always; only its time differs. numa.bandwidth, numa.latency
// and bench/memory measure by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::checks {

struct NumaNode {
  int id = 0;
  bool is_bound = true;           ///< memory can be bound to it; false where the kernel has no NUMA
  std::vector<int> cpus;          ///< that this process may run on
  std::uint64_t total_bytes = 0;  ///< MemTotal; 0: it has no memory
  std::uint64_t free_bytes = 0;   ///< MemFree
  std::uint64_t cache_bytes = 0;  ///< of the last caches of `cpus`, each counted once; 0 where nobody says
};

/// By id. Of a kernel without NUMA: one node 0 with everything. Found below `root`, for tests.
std::vector<NumaNode> read_numa_nodes(const std::string& root = "");
const NumaNode* find_node(const std::vector<NumaNode>& nodes, int id);

enum class MemoryWork {
  copy,   ///< a = b
  scale,  ///< a = q·b
  add,    ///< a = b + c
  triad,  ///< a = b + q·c
  chase,  ///< loads of which each needs the one before
};
inline constexpr MemoryWork kMemoryWorks[] = {MemoryWork::copy, MemoryWork::scale, MemoryWork::add, MemoryWork::triad,
                                              MemoryWork::chase};
std::string_view name_of(MemoryWork work);
std::size_t arrays_of(MemoryWork work);  ///< how many it needs
/// STREAM's count: 16 bytes an element of copy and scale, 24 of add and triad; of the chase a line a load.
std::uint64_t bytes_moved(MemoryWork work, std::uint64_t array_bytes);

struct MemoryLoad {
  MemoryWork work = MemoryWork::triad;
  std::uint64_t bytes = 0;  ///< of each array; 0: four times the last caches, and no more than half of what is free
  std::size_t threads = 0;  ///< 0: one a processor; the chase has one always
  std::size_t repetitions = 10;  ///< after one that is dropped
};

struct MemoryRun {
  std::uint64_t bytes = 0;  ///< of each array
  std::size_t threads = 0;
  std::vector<double> samples;  ///< one a repetition: MB/s; of the chase ns a load
  bool is_wrong = false;        ///< the arrays do not hold what they must
  std::string problem;          ///< why there are no samples, or what is wrong; empty otherwise
};

/// Memory is bound to the node and given back. Never throws for what the machine refuses.
MemoryRun measure_memory_speed(const NumaNode& from, const NumaNode& to, const MemoryLoad& load);

/// Arrays smaller than this many times the last caches measure these.
inline constexpr std::uint64_t kCachesExceeded = 4;

}  // namespace ainode::checks
