// SPDX-License-Identifier: Apache-2.0
// Places: version 2 beside this process's own group (a group with processes may have no children), or version 1's
// hierarchy `pids` below it. A shared lock on the directory tells that its maker lives.
#include "builder/sandbox/control_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <sstream>

#include "base/error.h"

namespace ainode {

namespace {

constexpr const char* kPrefix = "ainode-";

bool has_word(const std::string& text, const std::string& wanted, char separator) {
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, separator);) {
    while (!word.empty() && word.back() == '\n') word.pop_back();
    if (word == wanted) return true;
  }
  return false;
}

/// One line of /proc/self/mountinfo, as far as it matters here.
struct MountLine {
  fs::path root, mount_point;
  std::string type, options;
};

MountLine parse_mount(const std::string& line) {
  std::istringstream fields(line);
  std::string ignored;
  MountLine mount;
  fields >> ignored >> ignored >> ignored >> mount.root >> mount.mount_point;
  while (fields >> ignored && ignored != "-") {
  }
  fields >> mount.type >> ignored >> mount.options;
  return mount;
}

/// This process's path in the hierarchy whose line of /proc/self/cgroup has these controllers ("" is version 2).
std::string path_in(const std::string& groups, const std::string& controller) {
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : has_word(controllers, controller, ','))
      return line.substr(second + 1);
  }
  return "";
}

std::string text_of(const fs::path& file) {
  try {
    return read_file_if_any(file).value_or("");
  } catch (const Error&) {
    return "";
  }
}

/// The number after `key` in a file of lines "key number".
std::uint64_t count_in(const fs::path& file, const std::string& key) {
  std::istringstream words(text_of(file));
  std::uint64_t count = 0;
  for (std::string word; words >> word >> count;) {
    if (word == key) return count;
  }
  return 0;
}

void remove_abandoned(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (entry.path().filename().string().rfind(kPrefix, 0) != 0) continue;
    const Descriptor group(open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group.is_open() && flock(group.get(), LOCK_EX | LOCK_NB) == 0) rmdir(entry.path().c_str());
  }
}

std::uint64_t three_quarters_of_memory() {
  struct sysinfo machine = {};
  sysinfo(&machine);
  return std::uint64_t{machine.totalram} * machine.mem_unit / 4 * 3;
}

}  // namespace

std::vector<fs::path> control_group_places(const std::string& mounts, const std::string& groups) {
  std::vector<fs::path> unified, legacy;
  std::istringstream lines(mounts);
  for (std::string line; std::getline(lines, line);) {
    const MountLine mount = parse_mount(line);
    const bool is_unified = mount.type == "cgroup2";
    if (!is_unified && !(mount.type == "cgroup" && has_word(mount.options, "pids", ','))) continue;
    const std::string path = path_in(groups, is_unified ? "" : "pids");
    const fs::path below = fs::path(path).lexically_relative(mount.root);
    if (path.empty() || below.empty() || *below.begin() == "..") continue;
    const fs::path own = (mount.mount_point / below / "").lexically_normal().parent_path();
    if (!is_unified) {
      legacy.push_back(own);
      continue;
    }
    unified.push_back(own);
    if (own != mount.mount_point) unified.push_back(own.parent_path());
  }
  unified.insert(unified.end(), legacy.begin(), legacy.end());
  return unified;
}

ControlGroup::ControlGroup(std::uint64_t process_limit) : process_limit_(process_limit) {
  for (const fs::path& place : control_group_places(text_of("/proc/self/mountinfo"), text_of("/proc/self/cgroup"))) {
    // Version 2 alone has this file: the controllers that a child would get.
    const fs::path given = place / "cgroup.subtree_control";
    if (fs::exists(given) && !has_word(text_of(given), "pids", ' ')) continue;
    if (make_in(place)) return;
  }
}

bool ControlGroup::make_in(const fs::path& parent) {
  if (access(parent.c_str(), W_OK) != 0) return false;
  remove_abandoned(parent);
  if (!make_and_lock(parent)) return false;
  try {
    set("pids.max", process_limit_);
    if (fs::exists(path_ / "memory.max")) {
      set("memory.max", three_quarters_of_memory());
      set("memory.oom.group", 1);
    }
    // Opened here: version 2 asks for the opener's rights to move a process.
    entry_ = open_file(path_ / "cgroup.procs", O_WRONLY);
  } catch (const Error&) {
    rmdir(path_.c_str());
    path_.clear();
  }
  return entry_.is_open();
}

bool ControlGroup::make_and_lock(const fs::path& parent) {
  static std::atomic<unsigned> made = 0;
  for (;;) {
    const fs::path path = parent / fmt::format("{}{}-{}", kPrefix, getpid(), ++made);
    if (mkdir(path.c_str(), 0755) != 0) return false;
    lock_ = Descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Before the lock is held, the directory looks abandoned to whoever cleans up at this moment.
    if (lock_.is_open() && flock(lock_.get(), LOCK_SH) == 0 && fs::exists(path)) {
      path_ = path;
      return true;
    }
    if (fs::exists(path)) {
      rmdir(path.c_str());
      return false;
    }
  }
}

void ControlGroup::set(const char* file, std::uint64_t value) const {
  const fs::path path = path_ / file;
  write_all(open_file(path, O_WRONLY).get(), std::to_string(value), path);
}

ControlGroup::~ControlGroup() {
  if (path_.empty()) return;
  entry_.reset();
  // A process that was reaped a moment ago may still be leaving.
  for (int round = 0; round < 500 && rmdir(path_.c_str()) != 0 && errno == EBUSY; ++round) usleep(2000);
}

std::vector<std::string> ControlGroup::limits_hit() const {
  std::vector<std::string> hit;
  if (path_.empty()) return hit;
  if (count_in(path_ / "pids.events", "max") > 0) hit.push_back(fmt::format("{} processes at once", process_limit_));
  if (count_in(path_ / "memory.events", "oom_kill") > 0)
    hit.push_back(fmt::format("{} MiB of memory for all its processes", three_quarters_of_memory() >> 20));
  return hit;
}

}  // namespace ainode
