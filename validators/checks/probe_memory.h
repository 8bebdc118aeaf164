// SPDX-License-Identifier: Apache-2.0
// What probes own while they try the kernel's memory interfaces: mappings, file descriptors, and bytes that are told
// apart from any others.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <string>

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

/// `size` is a multiple of 4.
void write_pattern(char* bytes, std::size_t size);
bool has_pattern(const char* bytes, std::size_t size);
bool is_all_zero(const char* bytes, std::size_t size);

}  // namespace ainode::checks
