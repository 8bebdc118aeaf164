// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "bench/llm/error.h"

namespace ainode::llm {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw Error(Exit::environment, fmt::format("{}: {}", path, std::strerror(errno)));
}

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

void read_whole(const std::string& path, int descriptor, std::span<std::byte> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = read(descriptor, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path);
    if (got == 0)
      throw Error(Exit::environment, fmt::format("{}: became shorter while it was read, at offset {}", path, done));
    done += static_cast<std::size_t>(got);
  }
}

}  // namespace

std::uint64_t available_memory() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/meminfo", "re"), std::fclose);
  char line[256];
  while (file && std::fgets(line, sizeof line, file.get()) != nullptr) {
    if (std::strncmp(line, "MemAvailable:", 13) == 0) return std::strtoull(line + 13, nullptr, 10) * 1024;
  }
  throw Error(Exit::environment, "/proc/meminfo: no MemAvailable");
}

void require_memory(const std::string& subject, std::uint64_t needed, std::uint64_t available) {
  if (needed <= available) return;
  throw Error(Exit::environment, fmt::format("{}: needs {} MiB of memory, {} MiB are available", subject,
                                             needed / (1U << 20) + 1, available / (1U << 20)));
}

Memory::Memory(const std::string& subject, std::size_t size) : size_(size) {
  if (size == 0) return;
  require_memory(subject, size, available_memory());
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) fail(fmt::format("{}: {} MiB of memory", subject, size / (1U << 20) + 1));
  data_ = static_cast<std::byte*>(address);
}

Memory::~Memory() {
  if (data_ != nullptr) munmap(data_, size_);
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Memory read_file(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) fail(path);
  struct stat status = {};
  if (fstat(file.number, &status) != 0) fail(path);
  if (!S_ISREG(status.st_mode)) throw Error(Exit::environment, fmt::format("{}: is no regular file", path));
  Memory memory(path, static_cast<std::size_t>(status.st_size));
  read_whole(path, file.number, memory.bytes());
  return memory;
}

}  // namespace ainode::llm
