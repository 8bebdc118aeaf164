// SPDX-License-Identifier: Apache-2.0
// openat2(2) with RESOLVE_IN_ROOT.
#include "builder/sandbox/in_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "builder/sandbox/resolve.h"

namespace ainode {

namespace {

Descriptor look_up(const fs::path& root, const std::string& path, int flags) {
  const Descriptor directory = open_file(root, O_PATH | O_DIRECTORY);
  return open_resolved(directory.get(), path.c_str(), static_cast<unsigned>(flags), RESOLVE_IN_ROOT);
}

Error malformed(const fs::path& root, const std::string& path, const std::string& what) {
  return Error(codes::tree_malformed, fmt::format("/{} in {} {}", printable(path), root.string(), what))
      .help("a package or a maintainer script put it there; exclude that package");
}

}  // namespace

Descriptor open_in_root(const fs::path& root, const std::string& path, int flags) {
  Descriptor file = look_up(root, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return file;
    throw malformed(root, path, errno == ELOOP || errno == ENXIO ? "is not a regular file" : "cannot be opened");
  }
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) throw malformed(root, path, "is not a regular file");
  return file;
}

std::optional<std::string> read_in_root(const fs::path& root, const std::string& path, std::size_t limit) {
  const Descriptor file = open_in_root(root, path, O_RDONLY);
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read /" + path + " in " + root.string(), errno);
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > limit) throw malformed(root, path, fmt::format("is larger than {} bytes", limit));
  }
}

fs::path PlaceInRoot::reached() const {
  return fs::path(fmt::format("/proc/self/fd/{}", directory.get())) / name;
}

PlaceInRoot place_in_root(const fs::path& root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  PlaceInRoot place;
  place.name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (place.name.empty() || place.name == "." || place.name == "..") throw malformed(root, path, "names no file");
  place.directory =
      look_up(root, slash == std::string::npos ? "." : path.substr(0, slash) + "/.", O_PATH | O_DIRECTORY);
  if (!place.directory.is_open()) throw malformed(root, path, "lies in no directory");
  return place;
}

}  // namespace ainode
