// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/open_ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

/// One of the kernel's tables, and the state in which a socket waits for whoever comes.
struct Table {
  const char* path;
  std::string_view protocol, waiting;
  bool is_always_there;  ///< IPv6 can be off
};

constexpr Table kUdp = {"/proc/net/udp", "udp", "07", true};  // TCP_CLOSE: bound, and connected to nobody
constexpr Table kTables[] = {
    {"/proc/net/tcp", "tcp", "0A", true},    // TCP_LISTEN
    {"/proc/net/tcp6", "tcp", "0A", false},  // TCP_LISTEN
    kUdp,
    {"/proc/net/udp6", "udp", "07", false},
};

/// Of an address in hexadecimal, in words of the host's byte order: 127.0.0.1 is 0100007F.
bool is_loopback(std::string_view address) {
  const std::string_view last_word = address.substr(address.size() - 8);
  const std::string_view above = address.substr(0, address.size() - 8);
  if (above.empty() || above == "0000000000000000FFFF0000") return last_word.substr(6) == "7F";
  return above == "000000000000000000000000" && last_word == "01000000";
}

/// "0100007F:0016" → its port, unless it is the loopback's.
int foreign_port(std::string_view local) {
  const std::size_t colon = local.find(':');
  if (colon == std::string_view::npos || colon < 8 || is_loopback(local.substr(0, colon))) return -1;
  int port = -1;
  std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
  return port;
}

/// Port and protocol → inodes of the sockets that wait there.
using Sockets = std::map<std::pair<int, std::string_view>, std::set<std::string>>;

void add_waiting(const std::string& text, const Table& table, Sockets& sockets) {
  constexpr std::size_t kInode = 9;
  for (const std::string& line : split_lines(text)) {
    const std::vector<std::string> words = split_words(line);
    if (words.size() <= kInode || words[3] != table.waiting) continue;
    if (const int port = foreign_port(words[1]); port >= 0) sockets[{port, table.protocol}].insert(words[kInode]);
  }
}

std::vector<OpenPort> ports_of(const Node& node, const Sockets& sockets) {
  const std::vector<std::string> range =
      split_words(node.read_file("/proc/sys/net/ipv4/ip_local_port_range").value_or(""));
  const auto dealt = [&](std::size_t i) { return range.size() == 2 ? to_number(range[i]).value_or(0) : 0; };
  std::vector<OpenPort> ports;
  for (const auto& [place, inodes] : sockets) {
    const auto& [port, protocol] = place;
    ports.push_back(
        {fmt::format("{}/{}", port, protocol), inodes, protocol == "udp" && port >= dealt(0) && port <= dealt(1)});
  }
  return ports;
}

}  // namespace

std::optional<std::vector<OpenPort>> open_ports(const Node& node) {
  Sockets sockets;
  for (const Table& table : kTables) {
    const auto text = node.read_file(table.path);
    if (!text && table.is_always_there) return std::nullopt;
    add_waiting(text.value_or(""), table, sockets);
  }
  return ports_of(node, sockets);
}

// A command, so that a recording holds both looks and its judge need not wait. systemd-timesyncd is the client that
// waits longest: ten seconds.
std::optional<std::vector<OpenPort>> later_open_ports(const Node& node) {
  const CommandOutcome outcome = node.run({"sh", "-c", "sleep 11; cat /proc/net/udp /proc/net/udp6 2>/dev/null"});
  if (!outcome.problem.empty() || outcome.output.find("local_address") == std::string::npos) return std::nullopt;
  Sockets sockets;
  add_waiting(outcome.output, kUdp, sockets);
  return ports_of(node, sockets);
}

bool is_lasting(const OpenPort& port, const std::vector<OpenPort>& later) {
  return std::any_of(later.begin(), later.end(), [&](const OpenPort& other) {
    return other.name == port.name &&
           std::any_of(port.inodes.begin(), port.inodes.end(),
                       [&](const std::string& inode) { return other.inodes.contains(inode); });
  });
}

}  // namespace ainode::checks
