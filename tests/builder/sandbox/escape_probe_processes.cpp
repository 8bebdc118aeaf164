// SPDX-License-Identifier: Apache-2.0
// Out of the tree through other processes, namespaces and the network.
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "escape_probe.h"

namespace escape {

namespace {

/// `first`: PID 1, of whom all is out of reach; else a process outside, whose id means nothing here.
void touch_process(int process) {
  char byte = 0;
  const struct iovec here = {&byte, 1}, there = {reinterpret_cast<void*>(0x400000), 1};
  tell("ptrace", ptrace(PTRACE_ATTACH, process, nullptr, nullptr));
  tell("process_vm_readv", process_vm_readv(process, &here, 1, &there, 1, 0));
  tell("process_vm_writev", process_vm_writev(process, &here, 1, &there, 1, 0));
  const long handle = tell("pidfd_open", syscall(SYS_pidfd_open, process, 0));
  tell("pidfd_getfd", syscall(SYS_pidfd_getfd, handle, 0, 0));
  tell("setns", syscall(SYS_setns, handle, CLONE_NEWNS));
}

void first_process(const Arguments&) {
  touch_process(1);
  tell("kill", kill(1, SIGKILL));  // the kernel drops it on the way
  tell("still there", kill(1, 0));
}

void outside_process(const Arguments& arguments) {
  const int process = std::stoi(arguments[0]);
  touch_process(process);
  tell("kill", kill(process, SIGKILL));
  tell("kill its group", kill(-process, SIGKILL));
  tell("sched_setaffinity", syscall(SYS_sched_setaffinity, process, 0, nullptr));
  tell("its files", open(("/proc/" + arguments[0] + "/root").c_str(), O_RDONLY));
}

void all_processes(const Arguments&) {
  signal(SIGUSR1, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  tell("own group", kill(0, SIGUSR1));
  tell("everyone", kill(-1, SIGKILL));
  int status = 0;
  tell("wait", waitpid(child, &status, 0));
  say("the child was ended by signal " + std::to_string(WTERMSIG(status)));
  say("parent " + std::to_string(getppid()) + ", session " + std::to_string(getsid(0)));
}

void namespaces(const Arguments&) {
  struct Kind {
    const char* name;
    int flag;
  };
  for (const Kind kind : {Kind{"user", CLONE_NEWUSER},
                          {"mnt", CLONE_NEWNS},
                          {"pid", CLONE_NEWPID},
                          {"net", CLONE_NEWNET},
                          {"ipc", CLONE_NEWIPC},
                          {"uts", CLONE_NEWUTS},
                          {"cgroup", CLONE_NEWCGROUP},
                          {"time", CLONE_NEWTIME}}) {
    tell(std::string("unshare ") + kind.name, unshare(kind.flag));
    const int own = open((std::string("/proc/self/ns/") + kind.name).c_str(), O_RDONLY);
    tell(std::string("setns ") + kind.name, setns(own, kind.flag));
    if (kind.flag == CLONE_NEWTIME) continue;  // clone has no bit for it
    const long child = syscall(SYS_clone, kind.flag | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) _exit(0);
    tell(std::string("clone ") + kind.name, child);
  }
  struct clone_args arguments = {};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  tell("clone3", child);
}

void id_maps(const Arguments&) {
  for (const char* name : {"uid_map", "gid_map", "setgroups"}) {
    const int file = open((std::string("/proc/self/") + name).c_str(), O_WRONLY);
    tell(name, file < 0 ? -1 : write(file, "0 0 4294967295\n", 15));
  }
}

/// A listener waits at this port of the host's loopback, and at this abstract name.
void host_network(const Arguments& arguments) {
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(arguments[0])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int internet = socket(AF_INET, SOCK_STREAM, 0);
  tell("loopback", connect(internet, reinterpret_cast<struct sockaddr*>(&address), sizeof address));
  struct sockaddr_in6 six = {};
  six.sin6_family = AF_INET6;
  six.sin6_port = address.sin_port;
  six.sin6_addr = in6addr_loopback;
  const int internet6 = socket(AF_INET6, SOCK_STREAM, 0);
  // Without an address of its own, or without IPv6 in the kernel: all the same.
  const bool is_reached = connect(internet6, reinterpret_cast<struct sockaddr*>(&six), sizeof six) == 0;
  say(is_reached ? "loopback 6: done" : "loopback 6: out of reach");
  for (const std::string& name :
       {arguments[1], std::string("/tmp/dbus-session"), std::string("/org/freedesktop/systemd1/notify")}) {
    struct sockaddr_un abstract = {};
    abstract.sun_family = AF_UNIX;
    std::memcpy(abstract.sun_path + 1, name.data(), name.size());
    const int local = socket(AF_UNIX, SOCK_STREAM, 0);
    tell("abstract name", connect(local, reinterpret_cast<struct sockaddr*>(&abstract),
                                  static_cast<socklen_t>(sizeof abstract.sun_family + 1 + name.size())));
  }
  for (const char* path : {"/run/dbus/system_bus_socket", "/run/systemd/private", "/var/run/docker.sock"}) {
    struct sockaddr_un named = {};
    named.sun_family = AF_UNIX;
    std::strcpy(named.sun_path, path);
    tell(path, connect(socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<struct sockaddr*>(&named), sizeof named));
  }
}

/// The kernel's answer to a request over netlink.
long netlink(const void* request, std::size_t size) {
  const int route = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (route < 0 || send(route, request, size, 0) < 0) return -1;
  alignas(struct nlmsghdr) char answer[4096];
  if (recv(route, answer, sizeof answer, 0) < 0) return -1;
  const auto* const header = reinterpret_cast<const struct nlmsghdr*>(answer);
  if (header->nlmsg_type != NLMSG_ERROR) return 0;
  errno = -static_cast<const struct nlmsgerr*>(NLMSG_DATA(header))->error;
  return errno ? -1 : 0;
}

void link_up(const Arguments&) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
  } request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = 1;
  request.link.ifi_flags = request.link.ifi_change = IFF_UP;
  tell("loopback up", netlink(&request, sizeof request));
}

void socket_families(const Arguments&) {
  struct Family {
    const char* name;
    int number, type;
  };
  for (const Family family : {Family{"unix", AF_UNIX, SOCK_STREAM},
                              {"packet", AF_PACKET, SOCK_RAW},
                              {"vsock", AF_VSOCK, SOCK_STREAM},
                              {"alg", AF_ALG, SOCK_SEQPACKET},
                              {"bluetooth", AF_BLUETOOTH, SOCK_RAW},
                              {"can", AF_CAN, SOCK_RAW},
                              {"key", AF_KEY, SOCK_RAW},
                              {"xdp", AF_XDP, SOCK_RAW},
                              {"raw inet", AF_INET, SOCK_RAW}})
    tell(family.name, socket(family.number, family.type, family.number == AF_INET ? IPPROTO_ICMP : 0));
  tell("pair of tipc", syscall(SYS_socketpair, AF_TIPC, SOCK_STREAM, 0, nullptr));
}

/// Holds its own root open and does not end by itself; the mark is in its command line.
void daemon(const Arguments&) {
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
      open("/etc/owner", O_RDWR);
      for (int stream = 0; stream < 3; ++stream) close(stream);
      for (;;) pause();
    }
    _exit(0);
  }
  say("started");
}

}  // namespace

const std::vector<Probe>& process_probes() {
  static const std::vector<Probe> probes = {
      {"first-process", first_process},
      {"outside-process", outside_process},
      {"all-processes", all_processes},
      {"namespaces", namespaces},
      {"id-maps", id_maps},
      {"host-network", host_network},
      {"link-up", link_up},
      {"socket-families", socket_families},
      {"daemon", daemon},
  };
  return probes;
}

}  // namespace escape
