// SPDX-License-Identifier: Apache-2.0
// The lock is on the file itself; a name that meanwhile stands for another file is opened again.
#include "base/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/error.h"
#include "base/steps.h"

namespace ainode {

std::unique_ptr<PartialFile> PartialFile::open(const fs::path& path) {
  for (;;) {
    Descriptor file = open_file(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0644);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return nullptr;
      throw system_error("lock " + path.string(), errno);
    }
    struct stat held = {}, named = {};
    if (fstat(file.get(), &held) != 0) throw system_error("look at " + path.string(), errno);
    // Its last writer may have renamed or removed it between our open and our lock.
    if (lstat(path.c_str(), &named) != 0 || named.st_ino != held.st_ino || named.st_dev != held.st_dev) continue;
    if (!S_ISREG(held.st_mode)) throw system_error("write " + path.string(), EINVAL);
    return std::unique_ptr<PartialFile>(
        new PartialFile(path, std::move(file), static_cast<std::uint64_t>(held.st_size)));
  }
}

void PartialFile::remove_older(const fs::path& directory, std::chrono::hours age) {
  const std::time_t oldest = std::time(nullptr) - std::chrono::seconds(age).count();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() != ".partial" || !entry.is_regular_file(ignored)) continue;
    try {
      const auto partial = open(entry.path());
      struct stat held = {};
      if (!partial || fstat(partial->file_.get(), &held) != 0 || held.st_mtime > oldest) continue;
      partial->start_over();  // an empty one vanishes
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id) throw;
    }
  }
}

PartialFile::~PartialFile() {
  if (file_.is_open() && size_ == 0) unlink(path_.c_str());
}

void PartialFile::hash_into(Sha256& hash) const {
  std::string buffer(std::size_t{1} << 18, '\0');
  for (off_t offset = 0;;) {
    const ssize_t count = pread(file_.get(), buffer.data(), buffer.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read " + path_.string(), errno);
    if (count == 0) return;
    hash.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
    offset += count;
    throw_if_interrupted();
  }
}

void PartialFile::write(std::string_view bytes) {
  write_all(file_.get(), bytes, path_);
  size_ += bytes.size();
}

void PartialFile::start_over() {
  if (ftruncate(file_.get(), 0) != 0) throw system_error("empty " + path_.string(), errno);
  size_ = 0;
}

void PartialFile::commit(const fs::path& final_path) {
  failpoint("file", "rename");
  if (rename(path_.c_str(), final_path.c_str()) != 0) {
    throw system_error("rename to " + final_path.string(), errno);
  }
  if (close(file_.release()) == 0) return;
  const int failure = errno;  // a file system that writes late: what has the final name may be short
  unlink(final_path.c_str());
  throw system_error("close " + final_path.string(), failure);
}

}  // namespace ainode
