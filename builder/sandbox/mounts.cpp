// SPDX-License-Identifier: Apache-2.0
// Every destination is looked up with RESOLVE_IN_ROOT and mounted on by its descriptor, so no symbolic link that a
// package planted leads out of the tree; then pivot_root, and the host's mounts are let go.
#include "builder/sandbox/mounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/resolve.h"

namespace ainode {

namespace {

using Action = MountStep::Action;
constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;

/// A tree on its own mount is an Overlay's root (a checkout is a directory among others).
bool is_mount_point(const fs::path& root) {
  struct stat inside = {}, above = {};
  if (stat(root.c_str(), &inside) != 0) throw system_error("look at the tree " + root.string(), errno);
  if (stat((root / "..").c_str(), &above) != 0) throw system_error("look above the tree " + root.string(), errno);
  return inside.st_dev != above.st_dev;
}

void add_devices(std::vector<MountStep>& steps) {
  steps.push_back({Action::file_system, "tmpfs", "dev", "mode=0755,size=64k", MS_NOSUID});
  for (const char* device : {"null", "zero", "full", "random", "urandom", "tty"}) {
    steps.push_back({Action::file, "", fmt::format("dev/{}", device), "", 0, 0666});
    steps.push_back({Action::bind, fmt::format("/dev/{}", device), fmt::format("dev/{}", device)});
  }
  steps.push_back({Action::link, "/proc/self/fd", "dev/fd"});
  steps.push_back({Action::link, "/proc/self/fd/0", "dev/stdin"});
  steps.push_back({Action::link, "/proc/self/fd/1", "dev/stdout"});
  steps.push_back({Action::link, "/proc/self/fd/2", "dev/stderr"});
  steps.push_back({Action::directory, "", "dev/shm"});
  steps.push_back({Action::file_system, "tmpfs", "dev/shm", "mode=1777,size=256m", kPlain});
}

/// Read-only as a whole: root of a build owns the host's sysctls. Hidden is what container runtimes hide, and what
/// tells of the host's memory to its owner.
void add_proc(std::vector<MountStep>& steps) {
  steps.push_back({Action::file_system, "proc", "proc", "", kPlain | MS_NOEXEC | MS_RDONLY});
  for (const char* name : {"kcore", "keys", "key-users", "timer_list", "timer_stats", "sched_debug", "latency_stats",
                           "kmsg", "sysrq-trigger", "acpi", "asound", "scsi", "interrupts", "kpagecount", "kpageflags",
                           "kpagecgroup", "vmallocinfo", "slabinfo", "pagetypeinfo"})
    steps.push_back({Action::mask, "", fmt::format("proc/{}", name)});
}

/// Together they hold less than the machine's memory; /work needs little more than mount points.
void add_scratch(std::vector<MountStep>& steps) {
  steps.push_back({Action::file_system, "tmpfs", "run", "mode=0755,size=10%", kPlain});
  steps.push_back({Action::directory, "", "run/lock", "", 0, 01777});
  steps.push_back({Action::file_system, "tmpfs", "tmp", "mode=1777,size=50%", kPlain});
  steps.push_back({Action::file_system, "tmpfs", "work", "mode=0755,size=16m", kPlain});
}

void add_bind(std::vector<MountStep>& steps, const BindMount& bind) {
  struct stat status = {};
  if (stat(bind.source.c_str(), &status) != 0)
    throw Error(codes::sandbox_failed, "there is no " + bind.source.string() + " to show in the sandbox");
  const fs::path inside = bind.destination.lexically_normal().relative_path();
  if (!bind.destination.is_absolute() || inside.empty() || *inside.begin() == "..")
    throw Error(codes::sandbox_failed,
                "a bind's destination must be an absolute path below /: " + bind.destination.string());
  const fs::path top = *inside.begin();
  if (top == "tmp" || top == "run" || top == "work") {
    fs::path directory = top;
    const fs::path below = inside.parent_path().lexically_relative(top);
    for (const fs::path& name : below) {
      if (name == ".") continue;
      directory /= name;
      steps.push_back({Action::directory, "", directory.string()});
    }
    if (inside != top)
      steps.push_back({S_ISDIR(status.st_mode) ? Action::directory : Action::file, "", inside.string(), "", 0, 0755});
  }
  steps.push_back({Action::bind, fs::absolute(bind.source).string(), inside.string()});
  if (!bind.writable) steps.push_back({Action::read_only, "", inside.string()});
}

/// Descriptors as paths without allocating.
class DescriptorPath {
 public:
  explicit DescriptorPath(int fd) { std::snprintf(text_.data(), text_.size(), "/proc/self/fd/%d", fd); }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 32> text_;
};

Descriptor look_up(int root, const char* path) {
  return open_resolved(root, path, O_PATH, RESOLVE_IN_ROOT);
}

SetupFailure failed(const char* action, const char* subject) {
  return {action, subject, errno};
}

/// With all mounts below it; a remount would miss those.
bool make_read_only(int mount_point) {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return syscall(SYS_mount_setattr, mount_point, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) == 0;
}

bool make_inside(int root, const MountStep& step) {
  const std::size_t slash = step.destination.rfind('/');
  std::array<char, 4096> parent = {};
  if (slash == std::string::npos || slash >= parent.size()) {
    errno = EINVAL;
    return false;
  }
  step.destination.copy(parent.data(), slash);
  const Descriptor directory = look_up(root, parent.data());
  if (!directory.is_open()) return false;
  const char* name = step.destination.c_str() + slash + 1;
  int result = 0;
  if (step.action == Action::directory) {
    result = mkdirat(directory.get(), name, step.mode);
    if (result == 0 && step.mode != 0755) result = fchmodat(directory.get(), name, step.mode, 0);
  } else if (step.action == Action::link) {
    result = symlinkat(step.source.c_str(), directory.get(), name);
  } else {
    result = mknodat(directory.get(), name, S_IFREG | step.mode, 0);
  }
  return result == 0 || (errno == EEXIST && step.action != Action::link);
}

bool mount_at(int root, const MountStep& step) {
  const Descriptor place = look_up(root, step.destination.c_str());
  if (!place.is_open()) return step.action == Action::mask && errno == ENOENT;
  const DescriptorPath path(place.get());
  switch (step.action) {
    case Action::file_system:
      return mount(step.source.c_str(), path.c_str(), step.source.c_str(), step.flags, step.options.c_str()) == 0;
    case Action::bind:
      return mount(step.source.c_str(), path.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
    case Action::read_only:
      return make_read_only(place.get());
    default: {
      struct stat status = {};
      if (fstat(place.get(), &status) != 0) return false;
      if (S_ISDIR(status.st_mode)) return mount("tmpfs", path.c_str(), "tmpfs", kPlain | MS_RDONLY, "size=4k") == 0;
      return mount("/dev/null", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
    }
  }
}

SetupFailure carry_out(int root, const MountStep& step) {
  switch (step.action) {
    case Action::directory:
    case Action::file:
    case Action::link:
      return make_inside(root, step) ? SetupFailure{} : failed("make /", step.destination.c_str());
    default:
      return mount_at(root, step) ? SetupFailure{} : failed("mount on /", step.destination.c_str());
  }
}

/// A read-only overlay of the tree and an underlay with the mount points that it may lack.
SetupFailure cover_read_only(const MountPlan& plan) {
  const char* root = plan.root.c_str();
  const Descriptor tree(open(root, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!tree.is_open()) return failed("open the tree ", root);
  if (mount("tmpfs", root, "tmpfs", kPlain, "mode=0755,size=64k") != 0) return failed("mount a tmpfs on ", root);
  const Descriptor underlay(open(root, O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const char* name : kMountPoints) {
    if (mkdirat(underlay.get(), name, 0755) != 0) return failed("make a mount point in ", root);
  }
  std::array<char, 96> options;
  std::snprintf(options.data(), options.size(), "userxattr,lowerdir=/proc/self/fd/%d:/proc/self/fd/%d", tree.get(),
                underlay.get());
  if (mount("overlay", root, "overlay", MS_NODEV | MS_RDONLY, options.data()) != 0)
    return failed("mount a read-only overlay on ", root);
  return {};
}

}  // namespace

MountPlan plan_mounts(const SandboxCommand& command) {
  std::error_code ignored;
  if (!fs::is_directory(command.root, ignored))
    throw Error(codes::sandbox_failed, "there is no tree at " + command.root.string());
  MountPlan plan;
  plan.root = fs::canonical(command.root).string();
  plan.is_writable = is_mount_point(plan.root);
  add_devices(plan.steps);
  add_scratch(plan.steps);
  add_proc(plan.steps);
  for (const BindMount& bind : command.binds) add_bind(plan.steps, bind);
  return plan;
}

SetupFailure enter_tree(const MountPlan& plan) noexcept {
  const char* path = plan.root.c_str();
  umask(0);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("make the mounts private", "");
  if (!plan.is_writable) {
    if (const SetupFailure failure = cover_read_only(plan)) return failure;
  }
  const Descriptor root(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return failed("open the tree ", path);
  for (const MountStep& step : plan.steps) {
    if (const SetupFailure failure = carry_out(root.get(), step)) return failure;
  }
  if (fchdir(root.get()) != 0) return failed("enter ", path);
  if (syscall(SYS_pivot_root, ".", ".") != 0) return failed("make the root of ", path);
  if (umount2(".", MNT_DETACH) != 0) return failed("let go of the host's mounts", "");
  if (chdir("/") != 0) return failed("enter the new root of ", path);
  return {};
}

}  // namespace ainode
