// SPDX-License-Identifier: Apache-2.0
// Out of the tree by names, descriptors and mounts.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "escape_probe.h"

namespace escape {

namespace {

int try_open(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK);
  tell(path, file);
  return file;
}

void mounts(const Arguments&) {
  tell("mount", mount("tmpfs", "/tmp", "tmpfs", 0, nullptr));
  tell("bind", mount("/", "/tmp", nullptr, MS_BIND | MS_REC, nullptr));
  tell("umount /proc/sys", umount2("/proc/sys", MNT_DETACH));
  tell("umount /proc/sysrq-trigger", umount2("/proc/sysrq-trigger", MNT_DETACH));
  tell("pivot_root", syscall(SYS_pivot_root, "/", "/tmp"));
}

void remount_read_only_bind(const Arguments&) {
  tell("remount", mount(nullptr, "/work/in", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  struct mount_attr writable = {};
  writable.attr_clr = MOUNT_ATTR_RDONLY;
  tell("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/work/in", 0, &writable, sizeof writable));
  tell("write", open("/work/in/file", O_WRONLY));
  tell("chmod", chmod("/work/in/file", 0777));
  tell("unlink", unlink("/work/in/file"));
  tell("link into the tree", link("/work/in/file", "/etc/link"));
  const int file = open("/work/in/file", O_PATH);
  const std::string again = "/proc/self/fd/" + std::to_string(file);
  tell("open again by descriptor", open(again.c_str(), O_WRONLY));
}

void new_mount_calls(const Arguments&) {
  tell("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  tell("fsconfig", syscall(SYS_fsconfig, 0, 6, nullptr, nullptr, 0));
  tell("fsmount", syscall(SYS_fsmount, 0, 0, 0));
  tell("fspick", syscall(SYS_fspick, AT_FDCWD, "/", 0));
  tell("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  tell("move_mount", syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/run", 0));
}

/// The classic: a root below an open directory, then up past it. `canary` is a path of the host.
void chroot_and_climb(const Arguments& canary) {
  struct stat before = {}, after = {};
  stat("/", &before);
  const int outside = open("/", O_RDONLY | O_DIRECTORY);
  tell("chroot", chroot("/etc"));
  tell("fchdir", fchdir(outside));
  for (int level = 0; level < 64; ++level) {
    if (chdir("..") != 0) break;
  }
  tell("chroot", chroot("."));
  stat("/", &after);
  say(before.st_dev == after.st_dev && before.st_ino == after.st_ino ? "the same root" : "another root");
  tell("canary", open(canary[0].c_str(), O_RDONLY));
}

void first_process_files(const Arguments&) {
  for (const char* name : {"root", "cwd", "exe", "environ", "mem", "maps", "ns/mnt"})
    tell(name, open((std::string("/proc/1/") + name).c_str(), O_RDONLY));
  // Whether the directory itself opens depends on whose build it is.
  say(open("/proc/1/fd/0", O_RDONLY) < 0 ? "fd/0: out of reach" : "fd/0: done");
}

/// All that was inherited: three pipes, of which no socket could carry a descriptor.
void descriptors(const Arguments&) {
  DIR* const directory = opendir("/proc/self/fd");
  std::vector<int> numbers;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.' && std::stoi(entry->d_name) != dirfd(directory))
      numbers.push_back(std::stoi(entry->d_name));
  }
  std::sort(numbers.begin(), numbers.end());
  for (const int number : numbers) {
    struct stat status = {};
    fstat(number, &status);
    say(std::to_string(number) + ": " + (S_ISFIFO(status.st_mode) ? "pipe" : "something else"));
  }
}

void handles(const Arguments&) {
  alignas(struct file_handle) char space[sizeof(struct file_handle) + 128] = {};
  auto* const handle = reinterpret_cast<struct file_handle*>(space);
  int mount = 0;
  handle->handle_bytes = 128;
  tell("name_to_handle_at", name_to_handle_at(AT_FDCWD, "/", handle, &mount, 0));
  // The root directory's handle on ext4 and its like: inode 2.
  handle->handle_bytes = 8;
  handle->handle_type = 1;
  space[sizeof(struct file_handle)] = 2;
  tell("open_by_handle_at", open_by_handle_at(AT_FDCWD, handle, O_RDONLY));
}

/// Everything below /proc, apart from processes, that opens for writing and is not /dev/null behind a name.
void list_writable(const std::string& directory) {
  DIR* const list = opendir(directory.c_str());
  if (!list) return;
  while (const dirent* entry = readdir(list)) {
    const std::string name = entry->d_name, path = directory + "/" + name;
    struct stat status = {};
    if (name[0] == '.' || (directory == "/proc" && std::isdigit(name[0])) || lstat(path.c_str(), &status) != 0)
      continue;
    if (S_ISDIR(status.st_mode)) list_writable(path);
    if (!S_ISREG(status.st_mode)) continue;
    const int file = open(path.c_str(), O_WRONLY | O_NONBLOCK);
    if (file < 0) continue;
    say(path);
    close(file);
  }
  closedir(list);
}

void proc_writes(const Arguments&) {
  for (const char* name :
       {"kernel/core_pattern", "kernel/hostname", "kernel/pid_max", "vm/overcommit_memory", "net/ipv4/ip_forward"})
    try_open(std::string("/proc/sys/") + name, O_WRONLY);
  list_writable("/proc");
}

void host_kernel_files(const Arguments&) {
  for (const char* path :
       {"/sys", "/sys/kernel", "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/port", "/dev/loop-control",
        "/dev/vda", "/dev/sda", "/dev/mapper/control", "/dev/vsock", "/dev/userfaultfd", "/dev/ptmx", "/dev/tty"})
    try_open(path, O_RDWR);
  struct stat status = {};
  const bool is_hidden = stat("/proc/sysrq-trigger", &status) != 0 || status.st_rdev == makedev(1, 3);
  say(is_hidden ? "sysrq-trigger is hidden" : "sysrq-trigger is there");
}

void device_nodes(const Arguments&) {
  for (const char* place : {"/etc", "/tmp", "/run", "/dev", "/dev/shm", "/work"}) {
    tell(std::string("block in ") + place,
         mknod((std::string(place) + "/block").c_str(), S_IFBLK | 0600, makedev(254, 0)));
    tell(std::string("mem in ") + place, mknod((std::string(place) + "/mem").c_str(), S_IFCHR | 0600, makedev(1, 1)));
  }
  tell("whiteout", mknod("/etc/whiteout", S_IFCHR | 0600, makedev(0, 0)));
}

/// Names and links that mean something else on the host; `canary` is a path there.
void links(const Arguments& canary) {
  tell("symlink", symlink(canary[0].c_str(), "/etc/out"));
  tell("write through it", open("/etc/out", O_WRONLY));
  tell("climbing symlink", symlink(("../../../../../../.." + canary[0]).c_str(), "/etc/climb"));
  tell("write through it", open("/etc/climb", O_WRONLY));
  tell("/proc/self/root", open(("/proc/self/root/.." + canary[0]).c_str(), O_RDONLY));
  tell("/proc/self/cwd", open(("/proc/self/cwd/../.." + canary[0]).c_str(), O_RDONLY));
}

/// The tree's files are hard links to the store's objects.
void lower_files(const Arguments&) {
  tell("hard link", link("/etc/owner", "/etc/other"));
  const int file = tell("open it", open("/etc/other", O_RDWR | O_TRUNC));
  tell("write", write(static_cast<int>(file), "changed\n", 8));
  tell("chown", chown("/etc/owner", 33, 33));
  tell("chmod", chmod("/etc/owner", 06777));
  tell("xattr", setxattr("/etc/owner", "user.mark", "x", 1, 0));
  tell("rename", rename("/etc", "/var/etc"));
  tell("remove", unlink("/etc/lower-only"));
}

void overlay_attributes(const Arguments&) {
  tell("mkdir", mkdir("/etc/made", 0755));
  tell("trusted.overlay.redirect", setxattr("/etc/made", "trusted.overlay.redirect", "/../..", 6, 0));
  tell("rename /proc", rename("/proc", "/etc/proc"));
  tell("rmdir /run", rmdir("/run"));
}

/// As somebody who gave all rights away.
void run_as_other(const char* program) {
  const pid_t child = fork();
  if (child == 0) {
    if (setresgid(33, 33, 33) != 0 || setresuid(33, 33, 33) != 0) _exit(1);
    execl(program, program, "identity", nullptr);
    tell("exec", -1);
    _exit(1);
  }
  waitpid(child, nullptr, 0);
}

void set_id_file(const Arguments&) {
  const int from = open("/proc/self/exe", O_RDONLY), to = open("/etc/set-id", O_CREAT | O_WRONLY, 0755);
  char buffer[65536];
  for (ssize_t count = 0; (count = read(from, buffer, sizeof buffer)) > 0;) {
    if (write(to, buffer, static_cast<size_t>(count)) != count) return;
  }
  close(to);
  tell("chmod", chmod("/etc/set-id", 06755));
  run_as_other("/etc/set-id");
  // VFS_CAP_REVISION_2, permitted: all; a second try without the flag that makes exec insist on them.
  for (const unsigned effective : {1U, 0U}) {
    const unsigned all[5] = {0x02000000 | effective, ~0U, 0, 0x1ff, 0};
    tell("setcap", setxattr("/etc/set-id", "security.capability", all, sizeof all, 0));
    run_as_other("/etc/set-id");
  }
}

void identity(const Arguments&) {
  say("uid " + std::to_string(geteuid()) + ", gid " + std::to_string(getegid()));
  FILE* const status = std::fopen("/proc/self/status", "r");
  for (char line[256]; std::fgets(line, sizeof line, status);) {
    if (!std::strncmp(line, "CapEff:", 7) || !std::strncmp(line, "NoNewPrivs:", 11) ||
        !std::strncmp(line, "Seccomp:", 8))
      say(std::string(line, std::strlen(line) - 1));
  }
  std::fclose(status);
}

void file_in_memory(const Arguments&) {
  const int from = open("/proc/self/exe", O_RDONLY);
  const int memory = static_cast<int>(tell("memfd_create", static_cast<long>(syscall(SYS_memfd_create, "x", 0))));
  char buffer[65536];
  for (ssize_t count = 0; (count = read(from, buffer, sizeof buffer)) > 0;) {
    if (write(memory, buffer, static_cast<size_t>(count)) != count) return;
  }
  close(from);
  char name[] = "memory", probe[] = "identity";
  char* const arguments[] = {name, probe, nullptr};
  fexecve(memory, arguments, environ);
  tell("fexecve", -1);
}

}  // namespace

const std::vector<Probe>& file_probes() {
  static const std::vector<Probe> probes = {
      {"mounts", mounts},
      {"remount-read-only-bind", remount_read_only_bind},
      {"new-mount-calls", new_mount_calls},
      {"chroot-and-climb", chroot_and_climb},
      {"first-process-files", first_process_files},
      {"descriptors", descriptors},
      {"handles", handles},
      {"proc-writes", proc_writes},
      {"host-kernel-files", host_kernel_files},
      {"device-nodes", device_nodes},
      {"links", links},
      {"lower-files", lower_files},
      {"overlay-attributes", overlay_attributes},
      {"set-id-file", set_id_file},
      {"identity", identity},
      {"file-in-memory", file_in_memory},
  };
  return probes;
}

}  // namespace escape
