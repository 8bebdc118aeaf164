// SPDX-License-Identifier: Apache-2.0
// Swapping directories by renameat2, and a stamp of names, sizes and times for the rerun that changes nothing.
#include "builder/image_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "base/own_file.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

constexpr const char* kManifest = "manifest.json";

/// Every file directly in the image directory, and the repository's ref and object directories, by size and times.
std::string stamp(const fs::path& out) {
  std::string text;
  const auto add = [&](const fs::path& path) {
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) return;
    text += fmt::format("{} {} {}.{} {}\n", path.filename().string(), status.st_size, status.st_mtim.tv_sec,
                        status.st_mtim.tv_nsec, status.st_ino);
  };
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(out / "repo", ignored)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) add(path);
  return text;
}

StepKey image_key(const fs::path& out) {
  return StepKey("image", 1).add(fs::absolute(out).lexically_normal().string());
}

std::string program_identity() {
  struct stat status = {};
  if (stat(own_file().path.c_str(), &status) != 0) return "";
  return fmt::format("{} {}.{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

void require_replaceable(const fs::path& out) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(out, ignored))) return;
  if (fs::is_directory(out, ignored) && (fs::is_empty(out, ignored) || fs::exists(out / kManifest, ignored))) return;
  throw Error(codes::out_not_empty, fmt::format("{} holds something that is not an image of ainode", out.string()))
      .help("name another directory, or empty this one");
}

Store open_image_repository(const fs::path& image, const Manifest& manifest) {
  if (!fs::is_regular_file(image / "repo/config"))
    throw Error(codes::image_malformed, fmt::format("{} lacks its repository: repo/config is missing", image.string()))
        .help("build it again");
  Store store = Store::read_only(image);
  const auto commit = store.resolve(manifest.ref);
  if (commit == manifest.commit) return store;
  throw Error(codes::output_corrupt,
              fmt::format("{}: {} is commit {} in the repository, but {} in the manifest", image.string(), manifest.ref,
                          commit.value_or("(missing)"), manifest.commit));
}

std::string image_identity(const Recipe& recipe, const Lock& lock, const std::vector<fs::path>& keys) {
  StepKey key("identity", 1);
  key.add(recipe.digest).add(write_lock(lock)).add(program_identity());
  for (const fs::path& directory : keys) {
    for (const char* name : {"openpgp.pub.asc", "ed25519.pub.pem"})
      key.add(read_file_if_any(directory / name).value_or(""));
  }
  return key.hex();
}

std::optional<Manifest> unchanged_image(const Store& store, const fs::path& out, const std::string& identity) {
  const auto remembered = store.recall(image_key(out));
  if (!remembered || !fs::exists(out / kManifest) || *remembered != identity + "\n" + stamp(out)) return std::nullopt;
  return read_manifest(out);
}

void remember_image(Store& store, const fs::path& out, const std::string& identity) {
  store.remember(image_key(out), identity + "\n" + stamp(out));
}

namespace {

constexpr std::string_view kScratchPrefix = ".ainode-out-";

/// A build holds a lock on its own: what is not locked was left by one that was killed, or is locked in a moment, and
/// whoever makes it looks whether it is still there.
void remove_stale_scratch(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().filename().string().rfind(kScratchPrefix, 0) == 0) found.push_back(entry.path());
  }
  for (const fs::path& path : found) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file.is_open() && flock(file.get(), LOCK_EX | LOCK_NB) == 0) remove_tree(path);
  }
}

fs::path parent_of(const fs::path& path) {
  const fs::path out = fs::absolute(path).lexically_normal();
  return out.has_filename() ? out.parent_path() : out.parent_path().parent_path();
}

}  // namespace

void clear_scratch_beside(const fs::path& out) {
  remove_stale_scratch(parent_of(out));
}

NewImageDirectory::Scratch NewImageDirectory::make_scratch(const fs::path& parent) {
  remove_stale_scratch(parent);
  for (;;) {
    TemporaryDirectory directory(parent, kScratchPrefix);
    Descriptor lock(open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.is_open() && errno == ENOENT) continue;
    while (lock.is_open() && flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    struct stat status = {};
    if (!lock.is_open() || fstat(lock.get(), &status) != 0)
      throw system_error("lock " + directory.path().string(), errno);
    if (status.st_nlink > 0) return {std::move(lock), std::move(directory)};
  }
}

NewImageDirectory::NewImageDirectory(const fs::path& out)
    : out_(fs::absolute(out).lexically_normal()),
      scratch_(make_scratch(parent_of(out_))),
      path_(scratch_.directory.path() / "image") {
  if (!out_.has_filename()) out_ = out_.parent_path();
  make_directories(path_);
}

void NewImageDirectory::commit() {
  const bool replaces = fs::exists(fs::symlink_status(out_));
  const unsigned flags = replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, out_.c_str(), flags) != 0)
    throw system_error("put the image at " + out_.string(), errno);
}

}  // namespace ainode
