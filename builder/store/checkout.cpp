// SPDX-License-Identifier: Apache-2.0
// Trees onto the disk with hard links where an object's file is exactly what the tree says, copies everywhere else.
#include "builder/store/checkout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "builder/store/object.h"

namespace ainode {

namespace {

void set_xattrs(const fs::path& path, const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    if (lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
      throw system_error(fmt::format("set {} on {}", name, path.string()), errno);
    }
  }
}

/// bare-user keeps objects as the store's own user, without setuid, setgid and sticky and with the owner's read bit.
bool is_linkable(const FileObject& file) {
  const std::uint32_t mode = file.ownership.mode;
  return !file.is_symlink && file.ownership.uid == 0 && file.ownership.gid == 0 && file.ownership.xattrs.empty() &&
         mode == ((mode & 0775u) | 0400u);
}

/// As the store's own files have it: when a tree was written must not show in it.
void set_time_to_zero(const fs::path& path) {
  const std::array<timespec, 2> times = {};
  if (utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    throw system_error("set the time of " + path.string(), errno);
}

void copy_file(const Store& store, const std::string& checksum, const Ownership& ownership, const fs::path& path) {
  const std::string content = store.read_file(checksum).content;
  const Descriptor file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(file.get(), content, path);
  // chown first: it would drop setuid bits and capabilities.
  if (fchown(file.get(), ownership.uid, ownership.gid) != 0)
    throw system_error("change the owner of " + path.string(), errno);
  if (fchmod(file.get(), ownership.mode) != 0) throw system_error("change the mode of " + path.string(), errno);
  set_xattrs(path, ownership.xattrs);
  set_time_to_zero(path);
}

void write_link(const FileObject& link, const fs::path& path) {
  if (symlink(link.content.c_str(), path.c_str()) != 0) throw system_error("create symlink " + path.string(), errno);
  if (lchown(path.c_str(), link.ownership.uid, link.ownership.gid) != 0)
    throw system_error("change the owner of " + path.string(), errno);
  set_time_to_zero(path);
}

void check_out_file(const Store& store, const std::string& checksum, const fs::path& path) {
  const FileObject object = store.read_metadata(checksum);
  if (object.is_symlink) return write_link(object, path);
  if (is_linkable(object)) {
    store.require_sound(checksum);
    if (link(store.object_path(checksum).c_str(), path.c_str()) == 0) return;
    if (errno != EMLINK && errno != EXDEV && errno != EPERM) throw system_error("link " + path.string(), errno);
  }
  copy_file(store, checksum, object.ownership, path);
}

void set_ownership(const fs::path& directory, const Ownership& ownership) {
  if (chown(directory.c_str(), ownership.uid, ownership.gid) != 0)
    throw system_error("change the owner of " + directory.string(), errno);
  if (chmod(directory.c_str(), ownership.mode) != 0)
    throw system_error("change the mode of " + directory.string(), errno);
  set_xattrs(directory, ownership.xattrs);
}

void check_out_directory(const Store& store, const TreeDirectory& directory, const fs::path& path) {
  if (mkdir(path.c_str(), 0700) != 0) throw system_error("create directory " + path.string(), errno);
  for (const auto& [name, file] : directory.files) check_out_file(store, file.checksum, path / name);
  for (const auto& [name, child] : directory.directories) check_out_directory(store, *child, path / name);
  set_ownership(path, directory.ownership);
  set_time_to_zero(path);
}

bool is_same_file(const TreeDirectory& shown, const std::string& name, const TreeDirectory::File& wanted) {
  const auto file = shown.files.find(name);
  return file != shown.files.end() && file->second.checksum == wanted.checksum;
}

/// What is in the way goes first: a file can become a directory, and the other way round.
void clear_for(const TreeDirectory& shown, const TreeDirectory& wanted, const fs::path& path) {
  for (const auto& [name, file] : shown.files) {
    const auto kept = wanted.files.find(name);
    if (kept != wanted.files.end() && kept->second.checksum == file.checksum) continue;
    if (unlink((path / name).c_str()) != 0) throw system_error("remove " + (path / name).string(), errno);
  }
  for (const auto& [name, child] : shown.directories)
    if (!wanted.directories.contains(name)) remove_tree(path / name);
}

void change_directory(const Store& store, const TreeDirectory& shown, const TreeDirectory& wanted,
                      const fs::path& path) {
  clear_for(shown, wanted, path);
  for (const auto& [name, file] : wanted.files)
    if (!is_same_file(shown, name, file)) check_out_file(store, file.checksum, path / name);
  for (const auto& [name, child] : wanted.directories) {
    const auto before = shown.directories.find(name);
    if (before == shown.directories.end())
      check_out_directory(store, *child, path / name);
    else
      change_directory(store, *before->second, *child, path / name);
  }
  for (const auto& [name, value] : shown.ownership.xattrs)
    if (!wanted.ownership.xattrs.contains(name) && lremovexattr(path.c_str(), name.c_str()) != 0)
      throw system_error(fmt::format("remove {} of {}", name, path.string()), errno);
  if (!(shown.ownership == wanted.ownership)) set_ownership(path, wanted.ownership);
  set_time_to_zero(path);
}

/// Attributes that belong to a file; not overlayfs's and OSTree's own marks.
Xattrs read_xattrs(const fs::path& path) {
  std::array<char, 65536> names;
  const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
  if (length < 0) throw system_error("list the attributes of " + path.string(), errno);
  Xattrs xattrs;
  for (const char* name = names.data(); name < names.data() + length; name += std::string_view(name).size() + 1) {
    const std::string_view view(name);
    if (view.rfind("user.overlay.", 0) == 0 || view == "user.ostreemeta") continue;
    std::array<char, 65536> value;
    const ssize_t size = lgetxattr(path.c_str(), name, value.data(), value.size());
    if (size < 0) throw system_error(fmt::format("read {} of {}", name, path.string()), errno);
    xattrs[name] = std::string(value.data(), static_cast<std::size_t>(size));
  }
  return xattrs;
}

constexpr const char* kOpaque = "user.overlay.opaque";

bool is_opaque(const fs::path& path) {
  char value = 0;
  return lgetxattr(path.c_str(), kOpaque, &value, 1) == 1 && value == 'y';
}

/// A hard link to an object: its content need not be read twice to know it, and by one process only once.
bool is_sound_link(const Store& store, const struct stat& status, const std::string& checksum,
                   const FileObject& expected) {
  struct stat object = {};
  return is_linkable(expected) && S_ISREG(status.st_mode) && status.st_uid == 0 && status.st_gid == 0 &&
         (status.st_mode & 07777u) == expected.ownership.mode &&
         stat(store.object_path(checksum).c_str(), &object) == 0 && object.st_ino == status.st_ino &&
         object.st_dev == status.st_dev && store.is_sound(checksum);
}

/// Whether what lies at `path` is the object; false also when it is neither file nor symlink.
bool is_object(const Store& store, const fs::path& path, const std::string& checksum) {
  const FileObject expected = store.read_metadata(checksum);
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return false;
  if (is_sound_link(store, status, checksum, expected)) return true;
  FileObject file;
  file.is_symlink = S_ISLNK(status.st_mode);
  if (!file.is_symlink && !S_ISREG(status.st_mode)) return false;
  file.ownership.uid = status.st_uid;
  file.ownership.gid = status.st_gid;
  file.ownership.mode = file.is_symlink ? 0777 : status.st_mode & 07777u;
  // A link to the store's own file carries the store's attribute, and none of its own.
  if (!expected.ownership.xattrs.empty()) file.ownership.xattrs = read_xattrs(path);
  file.content = file.is_symlink ? fs::read_symlink(path).string() : read_file(path, std::size_t{16} << 30);
  return content_checksum(file) == checksum;
}

std::optional<fs::path> difference(const Store& store, const TreeDirectory& directory, const fs::path& path) {
  struct stat status = {};
  const Ownership& ownership = directory.ownership;
  if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ownership.uid ||
      status.st_gid != ownership.gid || (status.st_mode & 07777u) != ownership.mode)
    return path;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    ++count;
    const std::string name = entry.path().filename().string();
    if (!directory.files.contains(name) && !directory.directories.contains(name)) return entry.path();
  }
  if (count != directory.files.size() + directory.directories.size()) return path;
  for (const auto& [name, file] : directory.files) {
    if (!is_object(store, path / name, file.checksum)) return path / name;
  }
  for (const auto& [name, child] : directory.directories) {
    if (auto wrong = difference(store, *child, path / name)) return wrong;
  }
  return std::nullopt;
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

constexpr off_t kLargestMade = off_t{2} << 30;  // it is held in memory

class Fold {
 public:
  Fold(Store& store, const Attribution& attribution) : store_(store), attribution_(attribution) {}

  void directory(TreeDirectory& into, const fs::path& path, const std::string& inside) {
    std::vector<fs::path> children;
    for (const auto& entry : fs::directory_iterator(path)) children.push_back(entry.path());
    std::sort(children.begin(), children.end());
    for (const fs::path& child : children) entry(into, child, inside + child.filename().string());
  }

  std::vector<std::string> removed() && { return std::move(removed_); }

 private:
  void entry(TreeDirectory& into, const fs::path& path, const std::string& inside) {
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) throw system_error("look at " + path.string(), errno);
    const std::string name = path.filename().string();
    if (is_whiteout(status)) {
      into.files.erase(name);
      into.directories.erase(name);
      removed_.push_back(inside);
    } else if (S_ISDIR(status.st_mode)) {
      if (is_opaque(path)) {
        into.directories.erase(name);
        removed_.push_back(inside);
      }
      into.files.erase(name);
      TreeDirectory& child = into.ensure(name);
      Ownership ownership = ownership_of(status, path);
      if (child.owner.empty() || !(child.ownership == ownership))
        child.owner = origin_chain(child.owner, maker(status));
      child.ownership = std::move(ownership);
      directory(child, path, inside + "/");
    } else {
      into.directories.erase(name);
      TreeDirectory::File& file = into.files[name];
      std::string checksum = store_.write_file(object_of(status, path));
      if (checksum == file.checksum) return;  // only opened for writing, or given a new time
      file = {std::move(checksum), origin_chain(file.owner, maker(status))};
    }
  }

  std::string maker(const struct stat& status) const {
    return attribution_(status.st_ctim.tv_sec * std::int64_t{1'000'000'000} + status.st_ctim.tv_nsec);
  }

  static Ownership ownership_of(const struct stat& status, const fs::path& path) {
    return {status.st_uid, status.st_gid, status.st_mode & 07777u, read_xattrs(path)};
  }

  FileObject object_of(const struct stat& status, const fs::path& path) {
    if (S_ISLNK(status.st_mode))
      return {true, {status.st_uid, status.st_gid, 0777, {}}, fs::read_symlink(path).string()};
    if (S_ISREG(status.st_mode) && status.st_size > kLargestMade)
      throw Error(codes::script_failed, fmt::format("{} made a file of {} bytes, more than {}: {}", maker(status),
                                                    status.st_size, kLargestMade, path.string()));
    if (S_ISREG(status.st_mode)) return {false, ownership_of(status, path), read_file(path, std::size_t{16} << 30)};
    throw Error(codes::script_failed,
                fmt::format("{} left a device, a FIFO or a socket: {}", maker(status), path.string()));
  }

  Store& store_;
  const Attribution& attribution_;
  std::vector<std::string> removed_;
};

/// Takes marks that hide something out of an upper directory.
class Reveal {
 public:
  explicit Reveal(const Wanted& is_wanted) : is_wanted_(is_wanted) {}

  void directory(const TreeDirectory& hidden, const fs::path& path, const std::string& inside) const {
    std::vector<fs::path> children;
    for (const auto& entry : fs::directory_iterator(path)) children.push_back(entry.path());
    for (const fs::path& child : children) entry(hidden, child, inside + child.filename().string());
  }

 private:
  void entry(const TreeDirectory& hidden, const fs::path& path, const std::string& inside) const {
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) throw system_error("look at " + path.string(), errno);
    const auto file = hidden.files.find(path.filename().string());
    const auto below = hidden.directories.find(path.filename().string());
    const bool is_file = file != hidden.files.end(), is_directory = below != hidden.directories.end();
    if (is_whiteout(status)) {
      if (is_file ? is_wanted_(inside, file->second.owner) : is_directory && is_all_wanted(*below->second, inside))
        remove_tree(path);
    } else if (S_ISDIR(status.st_mode) && is_directory) {
      if (!is_opaque(path)) return directory(*below->second, path, inside + "/");
      if (is_all_wanted(*below->second, inside) && lremovexattr(path.c_str(), kOpaque) != 0)
        throw system_error("change " + path.string(), errno);
    }
  }

  bool is_all_wanted(const TreeDirectory& directory, const std::string& inside) const {
    if (!is_wanted_(inside, directory.owner)) return false;
    for (const auto& [name, file] : directory.files)
      if (!is_wanted_(inside + "/" + name, file.owner)) return false;
    return std::all_of(directory.directories.begin(), directory.directories.end(),
                       [&](const auto& child) { return is_all_wanted(*child.second, inside + "/" + child.first); });
  }

  const Wanted& is_wanted_;
};

}  // namespace

void check_out(const Store& store, const Tree& tree, const fs::path& directory) {
  make_directories(directory.parent_path());
  check_out_directory(store, tree.root(), directory);
}

namespace {

StepKey left_key() {
  return {"checkout", 1};
}

}  // namespace

Checkout::Checkout(Store& store) {
  // What is setuid in the tree is setuid here: nobody else may come near it.
  make_directories(kept_in(store), 0700);
  fs::permissions(kept_in(store), fs::perms::owner_all);
  lock_ = FileLock::try_lock(kept_in(store) / "lock", FileLock::Mode::exclusive);
  if (!lock_) {
    own_.emplace(store.work_directory(), "tree-");
    directory_ = own_->path();
    return;
  }
  directory_ = kept_in(store);
  left_ = store.recall(left_key()).value_or("");
  // From the first change on it is nothing to rely on.
  if (!left_.empty()) store.remember(left_key(), "");
}

void Checkout::take_up(const Store& store, const Tree& tree) {
  if (!difference_from_checkout(store, tree, directory_ / "tree")) shown_ = tree.clone();
}

fs::path Checkout::show(const Store& store, const Tree& tree) {
  fs::path directory = directory_ / "tree";
  if (shown_) {
    // Half changed, it shows nothing that could be told.
    const Tree shown = *std::exchange(shown_, std::nullopt);
    change_directory(store, shown.root(), tree.root(), directory);
  } else {
    remove_tree(directory);
    check_out(store, tree, directory);
  }
  shown_ = tree.clone();
  return directory;
}

void Checkout::keep(Store& store, const std::string& name) {
  if (lock_) store.remember(left_key(), name);
}

std::optional<fs::path> difference_from_checkout(const Store& store, const Tree& tree, const fs::path& directory) {
  return difference(store, tree.root(), directory);
}

void place_file(const Store& store, const std::string& checksum, const fs::path& path) {
  remove_tree(path);
  const FileObject object = store.read_metadata(checksum);
  if (object.is_symlink) return write_link(object, path);
  copy_file(store, checksum, object.ownership, path);
}

void fold_upper(Store& store, Tree& tree, const fs::path& upper, const Attribution& attribution) {
  Fold(store, attribution).directory(tree.root(), upper, "");
}

void show_again(const Tree& tree, const fs::path& upper, const Wanted& is_wanted) {
  Reveal(is_wanted).directory(tree.root(), upper, "");
}

std::vector<std::string> fold_changes(Store& store, Tree& changes, const fs::path& upper, const std::string& owner) {
  const Attribution always = [&](std::int64_t) { return owner; };
  Fold fold(store, always);
  fold.directory(changes.root(), upper, "");
  return std::move(fold).removed();
}

}  // namespace ainode
