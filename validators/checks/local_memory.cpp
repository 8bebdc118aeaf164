// SPDX-License-Identifier: Apache-2.0
// Pages of memory, small and huge, and the NUMA node that they lie on.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "validators/checks/local_node.h"
#include "validators/checks/node_files.h"
#include "validators/checks/probe_memory.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

constexpr int kWeightedInterleave = 6;  // MPOL_WEIGHTED_INTERLEAVE since Linux 6.9
constexpr int kPopulateWrite = 23;      // MADV_POPULATE_WRITE since Linux 5.14

std::vector<void*> addresses_of(const Mapping& area, long page_size) {
  std::vector<void*> addresses;
  for (std::size_t at = 0; at < area.size(); at += static_cast<std::size_t>(page_size))
    addresses.push_back(area.bytes() + at);
  return addresses;
}

/// Pages by the node they lie on, a negative errno for those that lie nowhere; empty when the kernel does not say.
std::map<int, int> count_by_node(const Mapping& area, long page_size) {
  const std::vector<void*> addresses = addresses_of(area, page_size);
  std::vector<int> nodes(addresses.size(), -1);
  std::map<int, int> counts;
  if (syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, nodes.data(), 0) != 0) return counts;
  for (const int node : nodes) ++counts[node];
  return counts;
}

/// Pages one by one: a huge one would make a single entry of what shall be many.
class SmallPages : public Mapping {
 public:
  SmallPages(int pages, long page_size)
      : Mapping(static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1) {
    if (is_there()) madvise(bytes(), size(), MADV_NOHUGEPAGE);
  }
};

/// Why not every page was moved; empty when all were.
std::string move_each(const Mapping& area, int to, long page_size) {
  const std::vector<void*> addresses = addresses_of(area, page_size);
  const std::vector<int> targets(addresses.size(), to);
  std::vector<int> reached(addresses.size(), -1);
  const long left =
      syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), targets.data(), reached.data(), MPOL_MF_MOVE);
  return left < 0 ? failure_of("move_pages") : "";
}

std::string migrate_process(int from, int to) {
  const long left = syscall(SYS_migrate_pages, 0, kNodeLimit, NodeMask({from}).words(), NodeMask({to}).words());
  return left < 0 ? failure_of("migrate_pages") : "";
}

std::string numa_maps_line(const LocalNode& node, const char* start) {
  const std::string address = fmt::format("{:x} ", reinterpret_cast<std::uintptr_t>(start));
  const std::string maps = node.read_file("/proc/self/numa_maps").value_or("");
  for (const std::string& line : split_lines(maps)) {
    const std::size_t digits = line.find_first_not_of('0');
    if (digits != std::string::npos && line.compare(digits, address.size(), address) == 0) {
      return line.substr(digits + address.size());
    }
  }
  return "";
}

/// The smallest size of huge pages that a NUMA node has, in KiB: of "hugepages-2048kB" and others.
std::optional<std::int64_t> smallest_huge_page(const LocalNode& node, const std::string& pools) {
  std::optional<std::int64_t> smallest;
  for (const DirectoryEntry& pool : node.list(pools)) {
    constexpr std::string_view kBefore = "hugepages-", kAfter = "kB";
    if (pool.name.size() <= kBefore.size() + kAfter.size()) continue;
    const auto size = to_number(pool.name.substr(kBefore.size(), pool.name.size() - kBefore.size() - kAfter.size()));
    if (size && (!smallest || *size < *smallest)) smallest = size;
  }
  return smallest;
}

/// A node's pool of huge pages, that many larger as long as this lives.
class LargerPool {
 public:
  LargerPool(const LocalNode& node, std::string path, int pages)
      : node_(node), path_(std::move(path)), before_(read_number(node, path_)) {
    if (before_) set(*before_ + pages);
  }
  LargerPool(const LargerPool&) = delete;
  LargerPool& operator=(const LargerPool&) = delete;
  ~LargerPool() {
    if (before_) set(*before_);
  }
  bool is_there() const { return before_.has_value(); }
  const std::string& problem() const { return problem_; }
  std::int64_t added() const { return read_number(node_, path_).value_or(0) - before_.value_or(0); }

 private:
  /// What the kernel made of it is read back.
  void set(std::int64_t count) {
    const OpenFile file(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    const std::string text = std::to_string(count);
    if (file.get() < 0 || write(file.get(), text.data(), text.size()) < 0) problem_ = failure_of(path_.c_str());
  }

  const LocalNode& node_;
  std::string path_, problem_;
  std::optional<std::int64_t> before_;
};

/// Mapped, bound to the node, then touched by the kernel: a process that touches what is not there dies of SIGBUS.
void touch_huge_pages(int numa_node, int pages, std::size_t page_size, HugePages& found) {
  const Mapping area(static_cast<std::size_t>(pages) * page_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (std::countr_zero(page_size) << MAP_HUGE_SHIFT), -1);
  if (!area.is_there()) {
    found.problem = failure_of("mmap with MAP_HUGETLB");
  } else if (!set_policy(area, MPOL_BIND, {numa_node})) {
    found.problem = failure_of("mbind");
  } else if (madvise(area.bytes(), area.size(), kPopulateWrite) != 0) {
    found.problem = failure_of("madvise with MADV_POPULATE_WRITE");
  } else {
    write_pattern(area.bytes(), area.size());
    found.is_intact = has_pattern(area.bytes(), area.size());
    found.on_node = count_by_node(area, static_cast<long>(page_size))[numa_node];
  }
}

}  // namespace

PagePlacement LocalNode::place_pages(int numa_node, int pages) const {
  PagePlacement placement;
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) {
    placement.problem = failure_of("mmap");
  } else if (!set_policy(area, MPOL_BIND, {numa_node})) {
    placement.problem = failure_of("mbind");
  } else {
    std::memset(area.bytes(), 1, area.size());
    placement.pages = pages;
    std::map<int, int> counts = count_by_node(area, page_size);
    if (counts.empty()) placement.problem = failure_of("move_pages");
    placement.on_node = counts[numa_node];
    placement.numa_maps = numa_maps_line(*this, area.bytes());
  }
  return placement;
}

PageMove LocalNode::move_pages(int from, int to, int pages, Migration way) const {
  PageMove move;
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) return {0, false, failure_of("mmap")};
  if (!is_node(to)) errno = EINVAL;
  if (!is_node(to) || !set_policy(area, MPOL_BIND, {from})) return {0, false, failure_of("mbind")};
  write_pattern(area.bytes(), area.size());
  // The pages must be free to go: bound to their node, a fault would bring them back.
  if (!set_policy(area, MPOL_DEFAULT, {})) return {0, false, failure_of("mbind")};
  move.problem = way == Migration::by_page ? move_each(area, to, page_size) : migrate_process(from, to);
  move.arrived = count_by_node(area, page_size)[to];
  move.is_intact = has_pattern(area.bytes(), area.size());
  return move;
}

PageSpread LocalNode::spread_pages(const std::vector<int>& numa_nodes, int pages, Spread policy) const {
  const long page_size = sysconf(_SC_PAGESIZE);
  const SmallPages area(pages, page_size);
  if (!area.is_there()) return {{}, failure_of("mmap")};
  const bool is_weighted = policy == Spread::weighted_interleave;
  if (!set_policy(area, is_weighted ? kWeightedInterleave : MPOL_INTERLEAVE, numa_nodes))
    return {{}, failure_of("mbind")};
  std::memset(area.bytes(), 1, area.size());
  PageSpread spread = {count_by_node(area, page_size), ""};
  if (spread.on_node.empty()) spread.problem = failure_of("move_pages");
  return spread;
}

HugePages LocalNode::place_huge_pages(int numa_node, int pages) const {
  const std::string pools = fmt::format("/sys/devices/system/node/node{}/hugepages", numa_node);
  const auto kibibytes = smallest_huge_page(*this, pools);
  if (!kibibytes) return {0, 0, false, "the node has no pool of huge pages"};
  const LargerPool pool(*this, fmt::format("{}/hugepages-{}kB/nr_hugepages", pools, *kibibytes), pages);
  if (!pool.is_there()) return {0, 0, false, "the node's pool of huge pages cannot be read"};
  HugePages found;
  found.added = static_cast<int>(pool.added());
  found.problem = pool.problem();
  if (found.added == pages) touch_huge_pages(numa_node, pages, static_cast<std::size_t>(*kibibytes) * 1024, found);
  return found;
}

}  // namespace ainode::checks
