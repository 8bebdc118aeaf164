// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/probe_memory.h"

#include "validators/checks/node.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace ainode::checks {

std::string failure_of(const char* call) {
  const bool is_forbidden = errno == EACCES || errno == EPERM;
  return fmt::format("{}{}: {}", is_forbidden && geteuid() != 0 ? kOnlyRoot : "", call, std::strerror(errno));
}

std::string error_name(int number) {
  return number == EINVAL ? "EINVAL" : std::strerror(number);
}

bool is_node(int numa_node) {
  return numa_node >= 0 && numa_node < kNodeLimit;
}

bool set_policy(const Mapping& area, int policy, const std::vector<int>& nodes) {
  if (!std::all_of(nodes.begin(), nodes.end(), is_node)) {
    errno = EINVAL;
    return false;
  }
  return syscall(SYS_mbind, area.bytes(), area.size(), policy, NodeMask(nodes).words(), kNodeLimit, 0U) == 0;
}

bool is_all_zero(const char* bytes, std::size_t size) {
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0;
}

namespace {

std::uint32_t pattern(std::size_t index) {
  return static_cast<std::uint32_t>(index) * 2654435761U + 1;
}

}  // namespace

void write_pattern(char* bytes, std::size_t size) {
  auto* words = reinterpret_cast<std::uint32_t*>(bytes);
  for (std::size_t i = 0; i < size / sizeof *words; ++i) words[i] = pattern(i);
}

bool has_pattern(const char* bytes, std::size_t size) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(bytes);
  for (std::size_t i = 0; i < size / sizeof *words; ++i) {
    if (words[i] != pattern(i)) return false;
  }
  return true;
}

}  // namespace ainode::checks
