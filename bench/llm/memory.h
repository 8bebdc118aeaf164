// SPDX-License-Identifier: Apache-2.0
// Memory that is asked for only when the machine has it: a model that does not fit is an error, not the OOM killer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ainode::llm {

/// MemAvailable of /proc/meminfo, in bytes. Throws Error(environment) where there is none.
std::uint64_t available_memory();

/// Throws Error(environment) when `needed` bytes for `subject` are more than `available`.
void require_memory(const std::string& subject, std::uint64_t needed, std::uint64_t available);

/// Zeroed pages of the kernel's own, given back at the end of life.
class Memory {
 public:
  Memory() = default;
  /// Checks first that they are available. `subject` is what they are for.
  Memory(const std::string& subject, std::size_t size);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The whole of a regular file, read, not mapped: a file that shrinks meanwhile is an error, not SIGBUS.
Memory read_file(const std::string& path);

}  // namespace ainode::llm
