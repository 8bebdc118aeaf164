// SPDX-License-Identifier: Apache-2.0
// The way out of the guest: a virtio-serial port by its name, else the second serial line, else stdout.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ainode::agent {

/// An open channel. One thread at a time writes; the lock is the caller's.
class Channel {
 public:
  static Channel standard_output();
  /// Waits up to 20 s for the port /dev/vportNpM that /sys/class/virtio-ports names so; then tries /dev/ttyS1, raw.
  static std::optional<Channel> open_port(std::string_view name);

  Channel(Channel&& other) noexcept;
  Channel(const Channel&) = delete;
  ~Channel();
  /// Writes everything, waiting for a slow reader. False when the other side is gone.
  bool write(std::string_view bytes) const;

 private:
  explicit Channel(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace ainode::agent
