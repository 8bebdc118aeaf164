// SPDX-License-Identifier: Apache-2.0
// What probes own while they try the kernel's memory interfaces: mappings, file descriptors, and bytes that are told
// apart from any others.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <vector>

namespace ainode::checks {

/// "mmap: Cannot allocate memory", of errno.
std::string failure_of(const char* call);
/// "EINVAL", or the error's text.
std::string error_name(int number);

class Mapping {
 public:
  Mapping(std::size_t size, int protection, int flags, int fd)
      : size_(size), start_(mmap(nullptr, size, protection, flags, fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (is_there()) munmap(start_, size_);
  }
  bool is_there() const { return start_ != MAP_FAILED; }
  std::size_t size() const { return size_; }
  char* bytes() const { return static_cast<char*>(start_); }

 private:
  std::size_t size_;
  void* start_;
};

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

inline constexpr int kNodeLimit = 1024;

/// A set of nodes as the system calls take it.
class NodeMask {
 public:
  explicit NodeMask(const std::vector<int>& nodes) : words_(kNodeLimit / kBits + 1) {
    for (const int node : nodes)
      words_[static_cast<std::size_t>(node) / kBits] |= 1UL << (static_cast<std::size_t>(node) % kBits);
  }
  const unsigned long* words() const { return words_.data(); }

 private:
  static constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> words_;
};

bool is_node(int numa_node);
/// mbind(2). False with errno set.
bool set_policy(const Mapping& area, int policy, const std::vector<int>& nodes);

/// `size` is a multiple of 4.
void write_pattern(char* bytes, std::size_t size);
bool has_pattern(const char* bytes, std::size_t size);
bool is_all_zero(const char* bytes, std::size_t size);

}  // namespace ainode::checks
