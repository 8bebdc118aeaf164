// SPDX-License-Identifier: Apache-2.0
// The filter of system calls, by libseccomp: syncing succeeds without work (a killed build starts again, so nothing is
// gained by waiting for the disk), what reaches beyond the tree is refused and told, all else is allowed.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "builder/sandbox/confinement.h"

namespace ainode {

namespace {

using Filter = Handle<void, seccomp_release>;

constexpr std::array kSucceedWithoutWork = {SCMP_SYS(fsync),           SCMP_SYS(fdatasync),       SCMP_SYS(sync),
                                            SCMP_SYS(syncfs),          SCMP_SYS(sync_file_range), SCMP_SYS(msync),
                                            SCMP_SYS(sync_file_range2)};

/// Refused without a word: harmless programs try these first and then do without.
constexpr std::array kRefusedSilently = {SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(keyctl),
                                         SCMP_SYS(syslog)};

constexpr std::array kRefused = {
    // modules, kexec, bpf, performance counters, keys
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(create_module),
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    // wide attack surfaces that no script needs
    SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(lookup_dcookie),
    // the machine: clock, reboot, swap, accounting, ports
    SCMP_SYS(clock_settime), SCMP_SYS(clock_settime64), SCMP_SYS(settimeofday), SCMP_SYS(stime), SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime), SCMP_SYS(clock_adjtime64), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(vhangup),
    // mounts and namespaces
    SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(move_mount),
    SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns)};

/// Without CLONE_NEWTIME: its bit is part of clone's exit signal; only unshare and clone3 know it.
constexpr std::array<std::uint64_t, 7> kNamespaceFlags = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                                          CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

void check(int result, const char* action) {
  if (result < 0)
    throw Error(codes::sandbox_failed, fmt::format("libseccomp cannot {}: {}", action, std::strerror(-result)));
}

/// A call that an architecture lacks (a negative pseudo number) is skipped by libseccomp itself.
template <class... Comparisons>
void rule(const Filter& filter, std::uint32_t action, int call, Comparisons... comparisons) {
  check(seccomp_rule_add(filter.get(), action, call, sizeof...(comparisons), comparisons...), "add a rule");
}

/// Not every family belongs to the network namespace: AF_VSOCK reaches the hypervisor and its other guests.
void add_socket_rules(const Filter& filter) {
  constexpr std::uint64_t kFamilies = AF_NETLINK + 1;
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    for (std::uint64_t family = 0; family < kFamilies; ++family) {
      if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
      rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, SCMP_A0(SCMP_CMP_EQ, family));
    }
    rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, SCMP_A0(SCMP_CMP_GE, kFamilies));
  }
  // 32-bit programs have a call for all, whose arguments lie in memory, where a filter cannot look.
  constexpr std::uint64_t kSocket = 1;
  rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socketcall), SCMP_A0(SCMP_CMP_EQ, kSocket));
}

void add_rules(const Filter& filter) {
  for (const int call : kSucceedWithoutWork) rule(filter, SCMP_ACT_ERRNO(0), call);
  for (const int call : kRefusedSilently) rule(filter, SCMP_ACT_ERRNO(EPERM), call);
  for (const int call : kRefused) rule(filter, SCMP_ACT_NOTIFY, call);
  for (const std::uint64_t flag : kNamespaceFlags)
    rule(filter, SCMP_ACT_NOTIFY, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
  // A filter cannot see clone3's flags; with ENOSYS the C library falls back to clone.
  rule(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  for (const std::uint64_t request : {TIOCSTI, TIOCLINUX})
    rule(filter, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, request));
  add_socket_rules(filter);
}

std::string make_filter() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) throw Error(codes::sandbox_failed, "libseccomp cannot make a filter");
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)),
        "set the foreign call's answer");
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise the filter");
  if (seccomp_arch_native() == SCMP_ARCH_X86_64)
    check(seccomp_arch_add(filter.get(), SCMP_ARCH_X86), "cover 32-bit programs");
  add_rules(filter);
  const Descriptor file(memfd_create("seccomp filter", MFD_CLOEXEC));
  if (!file.is_open()) throw system_error("create a file in memory", errno);
  check(seccomp_export_bpf(filter.get(), file.get()), "export the filter");
  return read_file(fmt::format("/proc/self/fd/{}", file.get()));
}

}  // namespace

const std::string& syscall_filter() {
  static const std::string filter = make_filter();
  return filter;
}

bool apply_syscall_filter(const std::string& filter, int& listener) noexcept {
  struct sock_fprog program = {};
  program.len = static_cast<unsigned short>(filter.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  listener =
      static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
  if (listener >= 0) return true;
  return errno == EBUSY && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace ainode
