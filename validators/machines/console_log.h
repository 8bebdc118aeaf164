// SPDX-License-Identifier: Apache-2.0
// The guest's console as it arrives: kept in a file of bounded size, and watched for the kernel's last words.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/files.h"

namespace ainode {

/// A log file that takes at most `limit` bytes; what comes later is counted, not kept.
class CappedLog {
 public:
  explicit CappedLog(const fs::path& path, std::uint64_t limit = std::uint64_t{16} << 20);
  void write(std::string_view bytes);
  std::uint64_t received() const { return received_; }

 private:
  fs::path path_;
  Descriptor file_;
  std::uint64_t limit_, received_ = 0;
};

class ConsoleLog {
 public:
  explicit ConsoleLog(const fs::path& path) : log_(path) {}
  void write(std::string_view bytes);

  /// What the kernel said as its reason: "VFS: Unable to mount root fs on unknown-block(0,0)"; empty without a panic.
  /// Anything in the guest that may write to the console can say the same: the caller weighs it.
  const std::string& panic() const { return panic_; }
  void forget_panic() { panic_.clear(), breakpoint_ = Breakpoint::none; }
  /// The kernel died of a breakpoint where its memory holds none: QEMU ran code that the kernel had replaced already.
  bool has_stale_breakpoint() const { return breakpoint_ == Breakpoint::stale; }
  /// The last lines, oldest first, made printable; at most 8.
  std::string tail() const;
  std::uint64_t received() const { return log_.received(); }

 private:
  void end_line();
  void look_for_breakpoint(std::string_view line);

  CappedLog log_;
  std::string line_, panic_;
  enum class Breakpoint { none, hit, stale } breakpoint_ = Breakpoint::none;
  std::deque<std::string> last_lines_;
};

}  // namespace ainode
