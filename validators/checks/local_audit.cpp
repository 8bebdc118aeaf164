// SPDX-License-Identifier: Apache-2.0
// Linux' include/uapi/linux/audit.h: AUDIT_GET over netlink gives struct audit_status, or an error to who may not ask.
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "validators/checks/local_node.h"

namespace ainode::checks {

namespace {

constexpr int kPatienceSeconds = 5;
constexpr int kMostAnswers = 100;  // others' records may come first

bool ask(int socket) {
  nlmsghdr request{};
  request.nlmsg_len = NLMSG_LENGTH(0);
  request.nlmsg_type = AUDIT_GET;
  request.nlmsg_flags = NLM_F_REQUEST;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const timeval patience = {kPatienceSeconds, 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return sendto(socket, &request, request.nlmsg_len, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) > 0;
}

std::optional<bool> answer_on(int socket) {
  std::array<char, 8192> bytes{};
  for (int i = 0; i < kMostAnswers; ++i) {
    const ssize_t size = recv(socket, bytes.data(), bytes.size(), 0);
    nlmsghdr header{};
    if (size < static_cast<ssize_t>(sizeof header)) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) return std::nullopt;
    if (header.nlmsg_type != AUDIT_GET) continue;
    audit_status status{};
    if (size < static_cast<ssize_t>(NLMSG_HDRLEN + offsetof(audit_status, failure))) return std::nullopt;
    std::memcpy(&status, bytes.data() + NLMSG_HDRLEN,
                std::min(sizeof status, static_cast<std::size_t>(size) - NLMSG_HDRLEN));
    return status.enabled != 0;
  }
  return std::nullopt;
}

}  // namespace

std::optional<bool> LocalNode::is_auditing() const {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  // Told `audit=0`, or built without it, the kernel has no such socket.
  if (socket < 0) return errno == EPROTONOSUPPORT ? std::optional(false) : std::nullopt;
  std::optional<bool> answer;
  if (ask(socket))
    answer = answer_on(socket);
  else if (errno == ECONNREFUSED)
    answer = false;
  close(socket);
  return answer;
}

}  // namespace ainode::checks
