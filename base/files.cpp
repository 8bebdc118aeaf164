// SPDX-License-Identifier: Apache-2.0
// Files over plain system calls, so that every error keeps its errno and its path.
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "base/error.h"
#include "base/own_file.h"
#include "base/steps.h"

namespace ainode {

namespace {

fs::path xdg_directory(const char* variable, const char* fallback_below_home) {
  if (const char* value = std::getenv(variable); value && *value == '/') return fs::path(value) / "ainode";
  const char* home = std::getenv("HOME");
  if (!home || *home != '/') {
    throw Error(codes::file_failed, fmt::format("neither {} nor HOME names a directory", variable)).help("set HOME");
  }
  return fs::path(home) / fallback_below_home / "ainode";
}

void sync_directory(const fs::path& directory) {
  const Descriptor fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (fsync(fd.get()) != 0 && errno != EINVAL) throw system_error("sync directory " + directory.string(), errno);
}

/// A directory without its owner's permissions cannot be emptied: give them back on the way down.
void make_removable(const fs::path& directory) {
  std::error_code ignored;
  fs::permissions(directory, fs::perms::owner_all, fs::perm_options::add, ignored);
  for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) make_removable(it->path());
  }
}

std::string read_all(int fd, const fs::path& path, std::size_t limit) {
  struct stat status = {};
  std::string bytes;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
    bytes.reserve(std::min(static_cast<std::size_t>(status.st_size), limit) + 1);
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count == 0) return bytes;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read " + path.string(), errno);
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > limit)
      throw Error(codes::file_failed, fmt::format("{} is larger than {} bytes", path.string(), limit));
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Descriptor::reset() noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Descriptor open_file(const fs::path& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Descriptor(fd);
    if (errno != EINTR) throw system_error("open " + path.string(), errno);
  }
}

std::string read_file(const fs::path& path, std::size_t limit) {
  return read_all(open_file(path, O_RDONLY).get(), path, limit);
}

std::optional<std::string> read_file_if_any(const fs::path& path, std::size_t limit) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open() && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd.is_open()) throw system_error("open " + path.string(), errno);
  return read_all(fd.get(), path, limit);
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("write " + path.string(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

AtomicFile::AtomicFile(fs::path final_path, unsigned mode) : final_(std::move(final_path)) {
  std::string pattern = (final_.parent_path() / fmt::format(".{}.XXXXXX", final_.filename().string())).string();
  file_ = Descriptor(mkostemp(pattern.data(), O_CLOEXEC));
  if (!file_.is_open()) throw system_error("create a file beside " + final_.string(), errno);
  temporary_ = pattern;
  if (fchmod(file_.get(), mode) != 0) throw system_error("set the mode of " + temporary_.string(), errno);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  write_all(file_.get(), bytes, final_);
}

void AtomicFile::commit(bool durable) {
  if (durable && fsync(file_.get()) != 0) throw system_error("sync " + final_.string(), errno);
  if (close(file_.release()) != 0) throw system_error("close " + final_.string(), errno);
  failpoint("file", "rename");
  if (rename(temporary_.c_str(), final_.c_str()) != 0) throw system_error("rename to " + final_.string(), errno);
  temporary_.clear();
  if (durable) sync_directory(final_.parent_path().empty() ? "." : final_.parent_path());
}

void write_file(const fs::path& path, std::string_view bytes, unsigned mode) {
  AtomicFile file(path, mode);
  file.write(bytes);
  file.commit();
}

void mark_used(const fs::path& path) noexcept {
  constexpr time_t kHour = 3600;
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || std::time(nullptr) - status.st_mtim.tv_sec < kHour) return;
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // failing, it only looks older than it is
}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent, std::string_view prefix) {
  make_directories(parent);
  std::string pattern = (parent / (std::string(prefix) + "XXXXXX")).string();
  if (!mkdtemp(pattern.data())) throw system_error("create a directory in " + parent.string(), errno);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  try {
    remove_tree(path_);
  } catch (const std::exception&) {
    // A destructor must not throw; what stays is cleaned at the next start of the store.
  }
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return;
  make_removable(path);
  fs::remove_all(path, error);
  if (error) throw system_error("remove " + path.string(), error.value());
}

void make_directories(const fs::path& path, unsigned mode) {
  if (path.empty() || mkdir(path.c_str(), mode) == 0) return;
  if (errno == ENOENT) {
    make_directories(path.parent_path(), mode);
    if (mkdir(path.c_str(), mode) == 0) return;
  }
  const int failure = errno;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) throw system_error("create directory " + path.string(), failure);
}

namespace {

Descriptor open_to_lock(const fs::path& path) {
  if (fs::is_directory(path)) return open_file(path, O_RDONLY | O_DIRECTORY);
  return open_file(path, O_RDWR | O_CREAT, 0644);
}

/// A blocking flock() could sleep through a signal that came just before it: so it is asked again and again.
bool lock_now(const Descriptor& file, FileLock::Mode mode, const fs::path& path) {
  const int operation = mode == FileLock::Mode::shared ? LOCK_SH : LOCK_EX;
  if (flock(file.get(), operation | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  throw system_error("lock " + path.string(), errno);
}

}  // namespace

FileLock::FileLock(const fs::path& path, Mode mode, const std::function<void()>& on_wait) : file_(open_to_lock(path)) {
  constexpr auto kPause = std::chrono::milliseconds(10), kPatience = std::chrono::milliseconds(1000);
  auto waited = std::chrono::milliseconds(0);
  while (!lock_now(file_, mode, path)) {
    throw_if_interrupted();
    std::this_thread::sleep_for(kPause);
    if ((waited += kPause) == kPatience && on_wait) on_wait();
  }
}

std::optional<FileLock> FileLock::try_lock(const fs::path& path, Mode mode) {
  Descriptor file = open_to_lock(path);
  if (!lock_now(file, mode, path)) return std::nullopt;
  return FileLock(std::move(file));
}

fs::path cache_directory() {
  return xdg_directory("XDG_CACHE_HOME", ".cache");
}
fs::path config_directory() {
  return xdg_directory("XDG_CONFIG_HOME", ".config");
}
fs::path state_directory() {
  return xdg_directory("XDG_STATE_HOME", ".local/state");
}

fs::path companion_program(std::string_view name) {
  // From build/PRESET and PREFIX/bin; from build/PRESET/python/ainode and PREFIX/lib/python3/dist-packages/ainode.
  static const std::vector<std::string> from_program = {".", "../libexec/ainode"};
  static const std::vector<std::string> from_module = {"../..", "../../../../libexec/ainode", "../../../../bin"};
  const OwnFile own = own_file();
  const fs::path here = (own.is_module ? own.path : fs::read_symlink(own.path)).parent_path();
  for (const std::string& directory : own.is_module ? from_module : from_program) {
    fs::path candidate = (here / directory / name).lexically_normal();
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw Error(codes::tool_missing, fmt::format("{} is not installed beside {}", name, here.string()))
      .help(fmt::format("it is built with the program: cmake --build build/release --target {}", name));
}

std::uintmax_t free_space(const fs::path& path) {
  fs::path existing = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(existing, ignored) && existing.has_relative_path()) existing = existing.parent_path();
  struct statvfs status = {};
  if (statvfs(existing.c_str(), &status) != 0)
    throw system_error("ask for the free space of " + existing.string(), errno);
  return static_cast<std::uintmax_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace ainode
