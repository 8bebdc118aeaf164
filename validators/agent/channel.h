// SPDX-License-Identifier: Apache-2.0
// The way out of the guest and back: a virtio-serial port by its name, else the second serial line, else stdin and
// stdout.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ainode::agent {

/// An open channel. One thread at a time writes, and one reads; the lock is the caller's.
class Channel {
 public:
  static Channel standard_streams();
  /// Waits up to 20 s for the port /dev/vportNpM that /sys/class/virtio-ports names so; then tries /dev/ttyS1, raw.
  static std::optional<Channel> open_port(std::string_view name);

  Channel(Channel&& other) noexcept;
  Channel(const Channel&) = delete;
  ~Channel();
  /// Writes everything, waiting for a slow reader. False when the other side is gone.
  bool write(std::string_view bytes) const;
  /// Waits for bytes. Empty when the other side is gone.
  std::string read() const;

 private:
  Channel(int in, int out) : in_(in), out_(out) {}
  int in_, out_;  ///< may be one
};

}  // namespace ainode::agent
