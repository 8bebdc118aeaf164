// SPDX-License-Identifier: Apache-2.0
// Overlay mounts by plain mount(2) with `userxattr`. Directories are handed over as /proc/self/fd/N: no escaping of
// colons and commas, and no limit on the options' length.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/mounts.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {

namespace {

std::string by_descriptor(const Descriptor& directory) {
  return fmt::format("/proc/self/fd/{}", directory.get());
}

long file_system_of(const fs::path& path) {
  struct statfs status = {};
  if (statfs(path.c_str(), &status) != 0) throw system_error("look at the file system of " + path.string(), errno);
  return static_cast<long>(status.f_type);
}

Error not_possible(const std::string& message) {
  return Error(codes::overlay_failed, message)
      .help(
          "put the cache on a disk file system (ext4, xfs, btrfs): --store DIR or XDG_CACHE_HOME; in a container, on "
          "a volume");
}

void throw_unless_on_disk(const fs::path& upper, const fs::path& work) {
  // Debian 12's kernel mounts an overlay over these and then fails in the middle of the work.
  for (const fs::path& path : {upper, work}) {
    if (file_system_of(path) == TMPFS_MAGIC) throw not_possible(path.string() + " lies on a tmpfs");
    if (file_system_of(path) == OVERLAYFS_SUPER_MAGIC) throw not_possible(path.string() + " lies on an overlay itself");
  }
  struct stat upper_status = {}, work_status = {};
  if (stat(upper.c_str(), &upper_status) != 0) throw system_error("look at " + upper.string(), errno);
  if (stat(work.c_str(), &work_status) != 0) throw system_error("look at " + work.string(), errno);
  if (upper_status.st_dev != work_status.st_dev)
    throw Error(codes::overlay_failed,
                fmt::format("{} and {} lie on different file systems", upper.string(), work.string()))
        .help("keep both below one directory of the cache");
}

/// A tmpfs below the overlay holds the mount points that a tree may lack; so they never enter the upper directory.
class Underlay {
 public:
  explicit Underlay(const fs::path& mount_point) : mount_point_(mount_point) {
    if (mount("tmpfs", mount_point.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0)
      throw system_error("mount a tmpfs on " + mount_point.string(), errno);
    for (const char* name : kMountPoints) make_directories(mount_point / name);
  }
  Underlay(const Underlay&) = delete;
  ~Underlay() {
    if (!mount_point_.empty()) umount2(mount_point_.c_str(), MNT_DETACH);
  }
  void keep() { mount_point_.clear(); }

 private:
  fs::path mount_point_;
};

}  // namespace

Overlay::Overlay(const std::vector<fs::path>& lowers, const fs::path& upper, const fs::path& work, fs::path mount_point)
    : mount_point_(std::move(mount_point)) {
  if (!is_in_user_namespace())
    throw Error(codes::overlay_failed, "an overlay on " + mount_point_.string() + " outside a user namespace");
  throw_unless_on_disk(upper, work);
  // A work directory that a volatile overlay has used is refused by the kernel until it is emptied.
  remove_tree(work / "work");
  std::vector<Descriptor> directories;
  std::string lower_option;
  const auto hold = [&](const fs::path& path) {
    return by_descriptor(directories.emplace_back(open_file(path, O_PATH | O_DIRECTORY)));
  };
  for (const fs::path& lower : lowers) lower_option += hold(lower) + ":";
  const std::string upper_option = hold(upper), work_option = hold(work);
  Underlay underlay(mount_point_);
  lower_option += hold(mount_point_);
  const std::string options =
      fmt::format("userxattr,volatile,lowerdir={},upperdir={},workdir={}", lower_option, upper_option, work_option);
  if (mount("overlay", mount_point_.c_str(), "overlay", MS_NODEV, options.c_str()) != 0)
    throw not_possible(
        fmt::format("cannot mount an overlay with its upper directory {}: {}", upper.string(), std::strerror(errno)));
  underlay.keep();
}

Overlay::~Overlay() {
  for (int layer = 0; layer < 2; ++layer) {
    if (umount2(mount_point_.c_str(), 0) != 0) umount2(mount_point_.c_str(), MNT_DETACH);
  }
}

}  // namespace ainode
