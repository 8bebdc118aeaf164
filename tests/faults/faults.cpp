// SPDX-License-Identifier: Apache-2.0
// Preloaded into the builder: counts what it asks of the file system below one directory, and lets one call fail, or
// kills the process before or after it.
//
//   AINODE_FAULT_BELOW=DIR        what counts
//   AINODE_FAULT_COUNTER=FILE     holds the count, shared by all processes of the run; made by the test, 8 bytes of
//   zero AINODE_FAULT_LOG=FILE         every call a line: NUMBER NAME PATH; calls that change something elsewhere as 0
//   AINODE_FAULT=N:ACTION         ACTION: kill-before, kill-after, ENOSPC, EIO, or full: ENOSPC from there on for all
//                                 that needs room
//
// Only processes named "ainode" count: gpg and the tree's own programs are not the builder.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Action { none, kill_before, kill_after, no_space, io_error, full };

struct Settings {
  std::atomic<long>* counter = nullptr;
  const char* below = nullptr;
  const char* log = nullptr;
  long at = 0;
  Action action = Action::none;
};

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return syscall(number, a, b, c, d);
}

Settings read_settings() {
  Settings settings;
  const char* below = getenv("AINODE_FAULT_BELOW");
  const char* counter = getenv("AINODE_FAULT_COUNTER");
  if (!below || !counter || std::strcmp(program_invocation_short_name, "ainode") != 0) return settings;
  const int fd = static_cast<int>(raw(SYS_openat, AT_FDCWD, reinterpret_cast<long>(counter), O_RDWR | O_CLOEXEC));
  if (fd < 0) return settings;
  void* shared = mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  raw(SYS_close, fd);
  if (shared == MAP_FAILED) return settings;
  settings.counter = static_cast<std::atomic<long>*>(shared);
  settings.below = below;
  settings.log = getenv("AINODE_FAULT_LOG");
  if (const char* fault = getenv("AINODE_FAULT")) {
    char* end = nullptr;
    settings.at = std::strtol(fault, &end, 10);
    struct {
      const char* name;
      Action action;
    } constexpr kActions[] = {{":kill-before", Action::kill_before},
                              {":kill-after", Action::kill_after},
                              {":ENOSPC", Action::no_space},
                              {":EIO", Action::io_error},
                              {":full", Action::full}};
    for (const auto& row : kActions)
      if (std::strcmp(end, row.name) == 0) settings.action = row.action;
  }
  return settings;
}

const Settings& settings() {
  static const Settings read = read_settings();
  return read;
}

__attribute__((constructor)) void read_early() {
  settings();
}

/// Where a descriptor leads; false for sockets, pipes and what has no path.
bool path_of(int fd, char (&path)[PATH_MAX]) {
  char link[64];
  if (fd == AT_FDCWD)
    std::snprintf(link, sizeof link, "/proc/self/cwd");
  else
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0 || path[0] != '/') return false;
  path[size] = '\0';
  return true;
}

bool path_of(int directory, const char* name, char (&path)[PATH_MAX]) {
  if (name[0] == '/') {
    std::snprintf(path, sizeof path, "%s", name);
    return true;
  }
  if (!path_of(directory, path)) return false;
  const std::size_t length = std::strlen(path);
  std::snprintf(path + length, sizeof path - length, "/%s", name);
  return true;
}

/// Opened beforehand, a device or the kernel's own files: nothing of the host is changed by writing there.
bool is_virtual(const char* path) {
  for (const char* prefix : {"/proc/", "/memfd:", "/dev/null", "/dev/pts/", "/dev/tty", "/sys/"})
    if (std::strncmp(path, prefix, std::strlen(prefix)) == 0) return true;
  return false;
}

class Point {
 public:
  Point(const char* name, const char* path, bool needs_room) : error_(errno) {
    const Settings& wish = settings();
    if (!wish.counter || !path || is_virtual(path)) return;
    const std::size_t length = std::strlen(wish.below);
    const bool is_below = std::strncmp(path, wish.below, length) == 0 && (path[length] == '/' || path[length] == '\0');
    const long number = is_below ? wish.counter->fetch_add(1) + 1 : 0;
    // Opened each time: a descriptor that is held could be closed and its number given to something else.
    const long log =
        wish.log ? raw(SYS_openat, AT_FDCWD, reinterpret_cast<long>(wish.log), O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (log >= 0) {
      char line[PATH_MAX + 64];
      const int size = std::snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
      raw(SYS_write, log, reinterpret_cast<long>(line), size);
      raw(SYS_close, log);
    }
    if (number == 0 || wish.action == Action::none) return;
    is_at_ = number == wish.at;
    if (is_at_ && wish.action == Action::kill_before) raw(SYS_kill, raw(SYS_getpid), SIGKILL);
    if (is_at_ && wish.action == Action::no_space && needs_room) fails_ = ENOSPC;
    if (is_at_ && wish.action == Action::io_error) fails_ = EIO;
    if (number >= wish.at && wish.action == Action::full && needs_room) fails_ = ENOSPC;
  }
  ~Point() {
    if (is_at_ && settings().action == Action::kill_after) raw(SYS_kill, raw(SYS_getpid), SIGKILL);
  }
  Point(const Point&) = delete;
  bool fails() const {
    errno = fails_ ? fails_ : error_;
    return fails_ != 0;
  }

 private:
  int error_, fails_ = 0;
  bool is_at_ = false;
};

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool opens_for_writing(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

}  // namespace

// A call by descriptor, and a call by path: the point, then the C library's own.
#define BY_DESCRIPTOR(result, name, needs_room, fd, parameters, arguments)    \
  extern "C" result name parameters {                                         \
    static const auto real = next<decltype(&(name))>(#name);                  \
    char path[PATH_MAX];                                                      \
    const Point point(#name, path_of(fd, path) ? path : nullptr, needs_room); \
    return point.fails() ? static_cast<result>(-1) : real arguments;          \
  }
#define BY_PATH(result, name, needs_room, directory, file, parameters, arguments)          \
  extern "C" result name parameters {                                                      \
    static const auto real = next<decltype(&(name))>(#name);                               \
    char path[PATH_MAX];                                                                   \
    const Point point(#name, path_of(directory, file, path) ? path : nullptr, needs_room); \
    return point.fails() ? static_cast<result>(-1) : real arguments;                       \
  }
#define OPEN(name, directory, parameters, arguments)                                         \
  extern "C" int name parameters {                                                           \
    va_list list;                                                                            \
    va_start(list, flags);                                                                   \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;          \
    va_end(list);                                                                            \
    static const auto real = next<decltype(&(name))>(#name);                                 \
    char path[PATH_MAX];                                                                     \
    const bool counts = opens_for_writing(flags) && path_of(directory, file, path);          \
    const Point point(#name, counts ? path : nullptr, (flags & (O_CREAT | O_TMPFILE)) != 0); \
    return point.fails() ? -1 : real arguments;                                              \
  }

OPEN(open, AT_FDCWD, (const char* file, int flags, ...), (file, flags, mode))
OPEN(open64, AT_FDCWD, (const char* file, int flags, ...), (file, flags, mode))
OPEN(openat, directory, (int directory, const char* file, int flags, ...), (directory, file, flags, mode))
OPEN(openat64, directory, (int directory, const char* file, int flags, ...), (directory, file, flags, mode))
BY_PATH(int, mkostemp, true, AT_FDCWD, file, (char* file, int flags), (file, flags))
BY_PATH(int, mkostemp64, true, AT_FDCWD, file, (char* file, int flags), (file, flags))
BY_PATH(int, mkdir, true, AT_FDCWD, file, (const char* file, mode_t mode), (file, mode))
BY_PATH(int, mkdirat, true, directory, file, (int directory, const char* file, mode_t mode), (directory, file, mode))
BY_PATH(int, symlink, true, AT_FDCWD, file, (const char* target, const char* file), (target, file))
BY_PATH(int, symlinkat, true, directory, file, (const char* target, int directory, const char* file),
        (target, directory, file))
BY_PATH(int, link, true, AT_FDCWD, file, (const char* from, const char* file), (from, file))
BY_PATH(int, linkat, true, directory, file, (int old, const char* from, int directory, const char* file, int flags),
        (old, from, directory, file, flags))
BY_PATH(int, rename, true, AT_FDCWD, file, (const char* from, const char* file), (from, file))
BY_PATH(int, renameat, true, directory, file, (int old, const char* from, int directory, const char* file),
        (old, from, directory, file))
BY_PATH(int, renameat2, true, directory, file,
        (int old, const char* from, int directory, const char* file, unsigned flags),
        (old, from, directory, file, flags))
BY_PATH(int, unlink, false, AT_FDCWD, file, (const char* file), (file))
BY_PATH(int, unlinkat, false, directory, file, (int directory, const char* file, int flags), (directory, file, flags))
BY_PATH(int, rmdir, false, AT_FDCWD, file, (const char* file), (file))
BY_PATH(int, truncate, true, AT_FDCWD, file, (const char* file, off_t size), (file, size))
BY_PATH(int, truncate64, true, AT_FDCWD, file, (const char* file, off64_t size), (file, size))
BY_PATH(int, lsetxattr, true, AT_FDCWD, file,
        (const char* file, const char* name, const void* value, size_t size, int flags),
        (file, name, value, size, flags))
BY_PATH(int, setxattr, true, AT_FDCWD, file,
        (const char* file, const char* name, const void* value, size_t size, int flags),
        (file, name, value, size, flags))
BY_DESCRIPTOR(int, fsetxattr, true, fd, (int fd, const char* name, const void* value, size_t size, int flags),
              (fd, name, value, size, flags))
BY_DESCRIPTOR(int, ftruncate, true, fd, (int fd, off_t size), (fd, size))
BY_DESCRIPTOR(int, ftruncate64, true, fd, (int fd, off64_t size), (fd, size))
BY_DESCRIPTOR(ssize_t, write, true, fd, (int fd, const void* bytes, size_t size), (fd, bytes, size))
BY_DESCRIPTOR(ssize_t, pwrite, true, fd, (int fd, const void* bytes, size_t size, off_t at), (fd, bytes, size, at))
BY_DESCRIPTOR(ssize_t, pwrite64, true, fd, (int fd, const void* bytes, size_t size, off64_t at), (fd, bytes, size, at))
BY_DESCRIPTOR(ssize_t, writev, true, fd, (int fd, const struct iovec* parts, int count), (fd, parts, count))
BY_DESCRIPTOR(ssize_t, sendfile, true, fd, (int fd, int from, off_t* at, size_t size), (fd, from, at, size))
BY_DESCRIPTOR(ssize_t, sendfile64, true, fd, (int fd, int from, off64_t* at, size_t size), (fd, from, at, size))
BY_DESCRIPTOR(ssize_t, copy_file_range, true, fd,
              (int from, off64_t* from_at, int fd, off64_t* at, size_t size, unsigned flags),
              (from, from_at, fd, at, size, flags))
BY_DESCRIPTOR(int, fallocate, true, fd, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
BY_DESCRIPTOR(int, fchmod, false, fd, (int fd, mode_t mode), (fd, mode))
// No power is cut here, so nothing need reach the disk: that would only take time.
#define SYNC(name)                                                      \
  extern "C" int name(int fd) {                                         \
    char path[PATH_MAX];                                                \
    const Point point(#name, path_of(fd, path) ? path : nullptr, true); \
    return point.fails() ? -1 : 0;                                      \
  }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

extern "C" char* mkdtemp(char* file) {
  static const auto real = next<char* (*)(char*)>("mkdtemp");
  char path[PATH_MAX];
  const Point point("mkdtemp", path_of(AT_FDCWD, file, path) ? path : nullptr, true);
  return point.fails() ? nullptr : real(file);
}
