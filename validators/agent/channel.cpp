// SPDX-License-Identifier: Apache-2.0
// devtmpfs makes the port's device as soon as its driver runs, so no udev is needed.
#include "validators/agent/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "validators/checks/local_node.h"
#include "validators/checks/text.h"

namespace ainode::agent {

namespace {

constexpr const char* kPorts = "/sys/class/virtio-ports";
constexpr const char* kSerialLine = "/dev/ttyS1";
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::milliseconds kPause{50};

int open_named_port(std::string_view name) {
  const checks::LocalNode node;
  const std::string ports = kPorts;
  for (const checks::DirectoryEntry& port : node.list(ports)) {
    const std::string given = checks::trimmed(node.read_file(ports + "/" + port.name + "/name").value_or(""));
    if (given == name) return open(("/dev/" + port.name).c_str(), O_RDWR | O_CLOEXEC);
  }
  return -1;
}

/// A line that no hardware stands behind opens too, but has no attributes.
int open_serial_line() {
  const int fd = open(kSerialLine, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return -1;
  termios attributes{};
  if (tcgetattr(fd, &attributes) == 0) {
    cfmakeraw(&attributes);
    if (tcsetattr(fd, TCSANOW, &attributes) == 0) return fd;
  }
  close(fd);
  return -1;
}

}  // namespace

Channel Channel::standard_streams() {
  return {dup(STDIN_FILENO), dup(STDOUT_FILENO)};
}

std::optional<Channel> Channel::open_port(std::string_view name) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  int fd = open_named_port(name);
  while (fd < 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
    fd = open_named_port(name);
  }
  if (fd < 0) fd = open_serial_line();
  if (fd < 0) return std::nullopt;
  return Channel(fd, fd);
}

Channel::Channel(Channel&& other) noexcept : in_(std::exchange(other.in_, -1)), out_(std::exchange(other.out_, -1)) {}

Channel::~Channel() {
  if (in_ >= 0 && in_ != out_) close(in_);
  if (out_ >= 0) close(out_);
}

bool Channel::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t size = ::write(out_, bytes.data(), bytes.size());
    if (size > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (size < 0 && errno == EAGAIN) {
      pollfd ready{out_, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (size == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::string Channel::read() const {
  std::array<char, 65536> bytes;
  ssize_t size = 0;
  do size = ::read(in_, bytes.data(), bytes.size());
  while (size < 0 && errno == EINTR);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace ainode::agent
