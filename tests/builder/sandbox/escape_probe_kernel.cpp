// SPDX-License-Identifier: Apache-2.0
// Through the kernel itself: what it can be asked to load, to set, to grant, and by which doors.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "escape_probe.h"

namespace escape {

namespace {

void modules(const Arguments&) {
  char image[64] = {};
  tell("init_module", syscall(SYS_init_module, image, sizeof image, ""));
  tell("finit_module", syscall(SYS_finit_module, open("/proc/self/exe", O_RDONLY), "", 0));
  tell("delete_module", syscall(SYS_delete_module, "overlay", O_NONBLOCK));
}

void kexec(const Arguments&) {
  tell("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  tell("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, "", 4 /* without an initrd */));
}

void bpf_and_perf(const Arguments&) {
  union bpf_attr map = {};
  map.map_type = BPF_MAP_TYPE_ARRAY;
  map.key_size = map.value_size = 4;
  map.max_entries = 1;
  tell("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
  struct perf_event_attr event = {};
  event.size = sizeof event;
  tell("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

void keys(const Arguments&) {
  tell("add_key", syscall(SYS_add_key, "user", "mark", "x", 1, -4 /* the user's keyring */));
  tell("request_key", syscall(SYS_request_key, "user", "mark", nullptr, -4));
  tell("keyctl", syscall(SYS_keyctl, 0, -4, 0));
}

void fault_and_ring(const Arguments&) {
  tell("userfaultfd", syscall(SYS_userfaultfd, 1 /* user mode only */));
  char parameters[256] = {};
  tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters));
  tell("io_uring_enter", syscall(SYS_io_uring_enter, 0, 0, 0, 0, nullptr, 0));
}

/// To the time that it is, so that nothing is lost where it is allowed.
void clocks(const Arguments&) {
  struct timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  tell("clock_settime", clock_settime(CLOCK_REALTIME, &now));
  const struct timeval again = {now.tv_sec, now.tv_nsec / 1000};
  tell("settimeofday", settimeofday(&again, nullptr));
  struct timex adjustment = {};
  adjustment.modes = ADJ_STATUS;
  tell("adjtimex", adjtimex(&adjustment));
  tell("clock_adjtime", clock_adjtime(CLOCK_REALTIME, &adjustment));
}

void machine(const Arguments&) {
  tell("reboot", syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, nullptr));
  tell("swapon", swapon("/etc/owner", 0));
  tell("swapoff", swapoff("/etc/owner"));
  tell("acct", acct("/etc/owner"));
  tell("quotactl", quotactl(QCMD(Q_SYNC, USRQUOTA), nullptr, 0, nullptr));
  tell("sethostname", sethostname("owned", 5));
  tell("setdomainname", setdomainname("owned", 5));
  tell("syslog", syscall(SYS_syslog, 3, nullptr, 0));
  tell("iopl", syscall(SYS_iopl, 3));
  tell("vhangup", vhangup());
}

/// A typed character for whoever reads the terminal next; the request's upper half is what the kernel ignores.
void terminal(const Arguments&) {
  const char typed = 'x';
  tell("TIOCSTI", ioctl(0, TIOCSTI, &typed));
  tell("TIOCSTI with upper bits", syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, &typed));
  tell("TIOCLINUX", ioctl(0, 0x541c, &typed));
  tell("TIOCSCTTY", ioctl(0, TIOCSCTTY, 1));
  tell("/dev/tty", open("/dev/tty", O_RDWR));
}

void capabilities(const Arguments&) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {0x1ff, 0x1ff, 0x1ff}};
  tell("capset", syscall(SYS_capset, &header, all));
  tell("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
  tell("new privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  tell("securebits", prctl(PR_SET_SECUREBITS, 0));
  tell("seccomp off", prctl(PR_SET_SECCOMP, 0));
  tell("exe file", prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, open("/proc/self/exe", O_RDONLY), 0, 0));
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  tell("core limit", setrlimit(RLIMIT_CORE, &unlimited));
  tell("memory limit", setrlimit(RLIMIT_AS, &unlimited));
  tell("priority", setpriority(PRIO_PROCESS, 0, -5));
}

/// The door of 32-bit programs. The arguments must lie below 4 GiB.
long by_interrupt(long call, long first = 0, long second = 0, long third = 0) {
  long result = 0;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(call), "b"(first), "c"(second), "d"(third)
               : "memory", "r8", "r9", "r10", "r11");
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

/// As x32 programs call.
void other_doors(const Arguments&) {
  constexpr long kX32 = 0x40000000;
  tell("x32 mount", syscall(kX32 | SYS_mount, "tmpfs", "/tmp", "tmpfs", 0, nullptr));
  tell("x32 unshare", syscall(kX32 | SYS_unshare, 0x10000000));
  tell("x32 ptrace", syscall(kX32 | 521, 16, 1, 0, 0));
}

/// As 32-bit programs call, where the kernel has any.
void interrupt_door(const Arguments&) {
  tell("mount", by_interrupt(21));
  tell("umount", by_interrupt(22));
  tell("init_module", by_interrupt(128));
  tell("settimeofday", by_interrupt(79));
  tell("clock_settime64", by_interrupt(404));
  tell("unshare", by_interrupt(310, 0x10000000));
  tell("clone", by_interrupt(120, 0x10000000 | SIGCHLD));
  tell("bpf", by_interrupt(357));
  auto* const low = static_cast<unsigned*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
  low[0] = 40;  // AF_VSOCK
  low[1] = 1;
  tell("socketcall", by_interrupt(102, 1, static_cast<long>(reinterpret_cast<unsigned long>(low))));
  tell("socket", by_interrupt(359, 40, 1));
}

/// core_pattern may start a program of the host as root: the limit of one byte alone prevents it.
void core_dump(const Arguments&) {
  struct rlimit core = {};
  getrlimit(RLIMIT_CORE, &core);
  say("limit " + std::to_string(core.rlim_cur) + ", at most " + std::to_string(core.rlim_max));
  const pid_t child = fork();
  if (child == 0) {
    if (chdir("/tmp") != 0) _exit(1);
    std::signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say(WIFSIGNALED(status) && !WCOREDUMP(status) ? "crashed without a core" : "dumped");
}

}  // namespace

const std::vector<Probe>& kernel_probes() {
  static const std::vector<Probe> probes = {
      {"modules", modules},
      {"kexec", kexec},
      {"bpf-and-perf", bpf_and_perf},
      {"keys", keys},
      {"fault-and-ring", fault_and_ring},
      {"clocks", clocks},
      {"machine", machine},
      {"terminal", terminal},
      {"capabilities", capabilities},
      {"other-doors", other_doors},
      {"interrupt-door", interrupt_door},
      {"core-dump", core_dump},
  };
  return probes;
}

}  // namespace escape
