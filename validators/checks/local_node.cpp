// SPDX-License-Identifier: Apache-2.0
// Files and small probes; the probes with a story of their own stand in local_memory.cpp and child_process.cpp.
#include "validators/checks/local_node.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/handle.h"
#include "validators/checks/child_process.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Directory = Handle<DIR, closedir>;

constexpr std::size_t kFileLimit = std::size_t{256} << 20;
// Seconds in any guest that runs; a host that starves a guest must not make a fault of it.
constexpr std::chrono::seconds kCommandDeadline{180}, kCompanionDeadline{600};
constexpr int kReadWholeLog = 3, kLogBufferSize = 10;  // syslog(2)'s SYSLOG_ACTION_READ_ALL and _SIZE_BUFFER

/// Files of /proc and /sys have no size to ask for: read to the end.
std::optional<std::string> read_to_end(int fd) {
  std::string content;
  std::array<char, 65536> piece;
  while (content.size() <= kFileLimit) {
    const ssize_t size = read(fd, piece.data(), piece.size());
    if (size == 0) return content;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    content.append(piece.data(), static_cast<std::size_t>(size));
  }
  return std::nullopt;
}

bool is_directory(const std::string& parent, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat status {};
  return lstat((parent + "/" + entry.d_name).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// False where a directory cannot be read.
bool find_privileged_files(const std::string& folder, std::vector<std::string>& found) {
  if (access(folder.c_str(), R_OK | X_OK) != 0) return false;
  for (const DirectoryEntry& entry : LocalNode().list(folder)) {
    const std::string path = folder + "/" + entry.name;
    if (entry.is_directory) {
      if (!find_privileged_files(path, found)) return false;
      continue;
    }
    const auto status = LocalNode().status(path);
    if (!status || !status->is_regular) continue;
    const bool has_bit = (status->mode & (S_ISUID | S_ISGID)) != 0;
    if (has_bit || lgetxattr(path.c_str(), "security.capability", nullptr, 0) > 0) found.push_back(path);
  }
  return true;
}

std::int64_t nanoseconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<std::string> LocalNode::read_file(const std::string& path) const {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  auto content = read_to_end(fd);
  close(fd);
  return content;
}

std::vector<DirectoryEntry> LocalNode::list(const std::string& path) const {
  std::vector<DirectoryEntry> entries;
  const Directory directory(opendir(path.c_str()));
  if (!directory) return entries;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({name, is_directory(path, *entry)});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

std::optional<std::string> LocalNode::read_link(const std::string& path) const {
  std::array<char, 4096> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

bool LocalNode::exists(const std::string& path) const {
  return access(path.c_str(), F_OK) == 0;
}

std::optional<FileStatus> LocalNode::status(const std::string& path) const {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  return FileStatus{S_ISREG(status.st_mode), status.st_mode & 07777u, status.st_uid, status.st_gid};
}

std::optional<std::vector<std::string>> LocalNode::privileged_files() const {
  std::vector<std::string> found;
  for (const char* folder : {"/etc", "/usr"})
    if (!find_privileged_files(folder, found)) return std::nullopt;
  std::sort(found.begin(), found.end());
  return found;
}

std::string LocalNode::kernel_release() const {
  utsname name{};
  return uname(&name) == 0 ? name.release : "";
}

std::optional<std::string> LocalNode::kernel_log() const {
  const int capacity = klogctl(kLogBufferSize, nullptr, 0);
  if (capacity <= 0) return std::nullopt;
  std::string log(static_cast<std::size_t>(capacity), '\0');
  const int size = klogctl(kReadWholeLog, log.data(), capacity);
  if (size < 0) return std::nullopt;
  log.resize(static_cast<std::size_t>(size));
  return log;
}

std::optional<std::int64_t> LocalNode::coarse_clock_nanoseconds() const {
  // A late tick makes a longer step. Where a busy host gives its slices by turns to an emulated processor that never
  // sleeps, all ticks can be late; one that just slept is served at once.
  constexpr int kSteps = 100, kBetweenPauses = 4;
  constexpr std::chrono::milliseconds kPause{20};
  constexpr std::int64_t kPatience = 10'000'000'000;  // a clock that stands still
  const std::int64_t start = nanoseconds_of(CLOCK_MONOTONIC);
  std::int64_t least = 0, before = nanoseconds_of(CLOCK_MONOTONIC_COARSE);
  for (int steps = 0; steps < kSteps && nanoseconds_of(CLOCK_MONOTONIC) - start < kPatience;) {
    const std::int64_t now = nanoseconds_of(CLOCK_MONOTONIC_COARSE), step = now - before;
    if (step == 0) continue;
    if (steps++ == 0 || step < least) least = step;
    before = now;
    if (steps % kBetweenPauses == 0) std::this_thread::sleep_for(kPause);
  }
  return least > 0 ? std::optional(least) : std::nullopt;
}

std::optional<bool> LocalNode::is_read_only(const std::string& path) const {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0) return std::nullopt;
  return (status.f_flag & ST_RDONLY) != 0;
}

std::optional<bool> LocalNode::is_same_directory(const std::string& one, const std::string& other) const {
  struct stat first {
  }, second{};
  if (stat(one.c_str(), &first) != 0 || stat(other.c_str(), &second) != 0) return std::nullopt;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

CommandOutcome LocalNode::run(const std::vector<std::string>& argv) const {
  CommandOutcome outcome;
  ChildOutcome child = run_child(argv, kCommandDeadline, [&](std::string_view piece) { outcome.output += piece; });
  outcome.status = child.status;
  outcome.problem = std::move(child.problem);
  return outcome;
}

CommandOutcome LocalNode::run_companion(const std::vector<std::string>& argv) const {
  std::string directory = companions_;
  if (directory.empty()) {
    const std::string self = read_link("/proc/self/exe").value_or("");
    directory = self.substr(0, self.rfind('/'));
  }
  std::vector<std::string> command = argv;
  command.at(0) = directory + "/" + command[0];
  CommandOutcome outcome;
  std::string complaint;
  ChildOutcome child = run_child(
      command, kCompanionDeadline, [&](std::string_view piece) { outcome.output += piece; },
      [&](std::string_view piece) { complaint += piece; });
  outcome.status = child.status;
  outcome.problem = !child.problem.empty() ? std::move(child.problem) : child.status != 0 ? trimmed(complaint) : "";
  return outcome;
}

}  // namespace ainode::checks
