// SPDX-License-Identifier: Apache-2.0
// Files that appear whole or not at all, directories that clean themselves up, locks, and the XDG places.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ainode {

namespace fs = std::filesystem;

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

/// Opens with O_CLOEXEC; throws with the path.
Descriptor open_file(const fs::path& path, int flags, unsigned mode = 0644);
/// The whole file. Throws file_failed when it is missing or larger than `limit` bytes.
std::string read_file(const fs::path& path, std::size_t limit = std::size_t{1} << 30);
/// Like read_file, but nothing when the file does not exist.
std::optional<std::string> read_file_if_any(const fs::path& path, std::size_t limit = std::size_t{1} << 30);
/// Writes all bytes, through EINTR and short writes. `path` is for the error only.
void write_all(int fd, std::string_view bytes, const fs::path& path);

/// A file written beside its final name and renamed by commit(); without commit() it vanishes.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path final_path, unsigned mode = 0644);
  AtomicFile(AtomicFile&&) = delete;
  ~AtomicFile();

  int fd() const { return file_.get(); }
  const fs::path& temporary_path() const { return temporary_; }
  void write(std::string_view bytes);
  /// Syncs (unless told not to), renames over the final name, syncs the directory.
  void commit(bool durable = true);

 private:
  fs::path final_, temporary_;
  Descriptor file_;
};

void write_file(const fs::path& path, std::string_view bytes, unsigned mode = 0644);  ///< through AtomicFile

/// Notes in a file's time that it was of use, at most once an hour: what was not for long is cleaned first.
void mark_used(const fs::path& path) noexcept;

/// A fresh directory below `parent`, removed with its content (across mode-000 directories) at the end.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& parent, std::string_view prefix = "ainode-");
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~TemporaryDirectory();
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Removes a tree even where its directories lack permissions for their owner. Missing is fine.
void remove_tree(const fs::path& path);
void make_directories(const fs::path& path, unsigned mode = 0755);

/// An advisory lock on a file, or a directory that is there (flock): held until destruction, gone with the process.
class FileLock {
 public:
  enum class Mode { shared, exclusive };
  /// Waits; calls `on_wait` once, when a second was not enough. Answers interrupts.
  FileLock(const fs::path& path, Mode mode, const std::function<void()>& on_wait = {});
  /// Nothing when somebody else holds it.
  static std::optional<FileLock> try_lock(const fs::path& path, Mode mode);

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

/// XDG directories of this user, `ainode` appended: $XDG_CACHE_HOME/ainode and so on. Not created here.
fs::path cache_directory();
fs::path config_directory();
fs::path state_directory();
/// Where our own companions lie (the agent): beside the program or where its installation, or the module's, has them.
fs::path companion_program(std::string_view name);
/// Free bytes for this user on the file system that holds `path` (or its nearest existing parent).
std::uintmax_t free_space(const fs::path& path);

}  // namespace ainode
