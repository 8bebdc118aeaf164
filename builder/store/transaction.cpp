// SPDX-License-Identifier: Apache-2.0
// Writing to the store: libostree's staging directories are never used twice, room is kept on the disk, and a commit
// that was cut off half-way leaves a mark by which the next start finds it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "builder/store/store_state.h"

namespace ainode {

namespace {

constexpr std::uint64_t kSmallestReserve = std::uint64_t{512} << 20;
constexpr std::uint64_t kCheckedEvery = std::uint64_t{16} << 20;

bool is_staging(const std::string& name) {
  return name.rfind("staging-", 0) == 0 && name.find("-lock") == std::string::npos;
}

/// libostree's own lock of a staging directory (an open file description's, as libglnx takes it); false when its writer
/// lives.
bool take_staging_lock(const Descriptor& file) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(file.get(), F_OFD_SETLK, &lock) == 0;
}

}  // namespace

void Store::State::purge_staging() const {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory / "repo/tmp", ignored)) {
    if (is_staging(entry.path().filename().string())) found.push_back(entry.path());
  }
  for (const fs::path& path : found) {
    const fs::path lock_path = path.string() + "-lock";
    const Descriptor lock = open_file(lock_path, O_RDWR | O_CREAT, 0600);
    if (!take_staging_lock(lock)) continue;
    remove_tree(path);
    unlink(lock_path.c_str());
  }
}

std::uint64_t reserved_space(std::uint64_t file_system_size) {
  return std::max(file_system_size / 100 * 3, kSmallestReserve);
}

void Store::require_space(std::uint64_t bytes) const {
  struct statvfs status = {};
  const std::string place = directory().string();
  if (statvfs(place.c_str(), &status) != 0) throw system_error("ask for the free space of " + place, errno);
  const std::uint64_t free = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  const std::uint64_t reserve = reserved_space(static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize);
  if (free >= reserve + bytes) return;
  const std::string wish = bytes == 0 ? "" : fmt::format("{} bytes more are to be written, and ", bytes);
  throw Error(codes::space_needed,
              fmt::format("{} has {} bytes free; {}at least {} stay free there", place, free, wish, reserve))
      .help("free some space (`ainode cache gc` removes what was not used lately), or point --store at a larger disk");
}

void Store::State::count_written(const Store& store, std::uint64_t bytes) {
  const std::uint64_t before = written.fetch_add(bytes);
  if (before / kCheckedEvery != (before + bytes) / kCheckedEvery) store.require_space(0);
}

Store::Transaction::Transaction(Store& store) : store_(store) {
  store.require_space(0);
  State& state = store.state();
  // What a writer that died or failed left in its staging directory may be cut short, and libostree would take it for
  // whole: nothing is ever taken over. The lock keeps another process from choosing a directory that goes at this
  // moment.
  const FileLock lock(state.directory / "staging-lock", FileLock::Mode::exclusive);
  state.purge_staging();
  GError* error = nullptr;
  if (!ostree_repo_prepare_transaction(state.repository.get(), nullptr, nullptr, &error)) {
    throw_glib_error(error, "begin writing to " + store.repository_path().string());
  }
}

Store::Transaction::~Transaction() {
  if (!open_) return;
  const State& state = store_.state();
  ostree_repo_abort_transaction(state.repository.get(), nullptr, nullptr);
  try {
    const FileLock lock(state.directory / "staging-lock", FileLock::Mode::exclusive);
    state.purge_staging();
  } catch (const std::exception&) {
    // A destructor must not throw; the next transaction purges before it begins.
  }
}

void Store::Transaction::set_ref(const std::string& ref, const std::string& commit) {
  refs_[ref] = commit;
}

void Store::Transaction::commit() {
  // Contents reach the disk before they get names, names before a ref leads to them: two syncs in place of libostree's
  // one for each directory. In between, a commit may lie there without its trees: the mark says so.
  State& state = store_.state();
  const fs::path repository = store_.repository_path();
  const auto sync = [&] {
    const Descriptor directory = open_file(repository, O_RDONLY | O_DIRECTORY);
    if (syncfs(directory.get()) != 0) throw system_error("sync the file system of " + repository.string(), errno);
  };
  sync();
  const UnfinishedMark mark(state.directory / "unfinished");
  failpoint("store", "rename");
  // Not before: it also decides whether objects wait in the staging directory.
  OstreeRepo* repo = state.repository.get();
  ostree_repo_set_disable_fsync(repo, TRUE);
  GError* error = nullptr;
  const bool is_committed = ostree_repo_commit_transaction(repo, nullptr, nullptr, &error);
  ostree_repo_set_disable_fsync(repo, FALSE);
  if (!is_committed) {
    mark.keep();
    throw_glib_error(error, "finish writing to " + repository.string());
  }
  open_ = false;
  if (refs_.empty()) return;
  sync();
  for (const auto& [ref, commit] : refs_) {
    const fs::path path = repository / "refs/heads" / ref;
    make_directories(path.parent_path());
    ainode::write_file(path, commit + "\n");
  }
}

UnfinishedMark::UnfinishedMark(const fs::path& directory) {
  make_directories(directory);
  std::string pattern = (directory / "commit-XXXXXX").string();
  const Descriptor file(mkostemp(pattern.data(), O_CLOEXEC));
  if (!file.is_open()) throw system_error("create a file in " + directory.string(), errno);
  path_ = pattern;
}

UnfinishedMark::~UnfinishedMark() {
  if (!keep_) unlink(path_.c_str());
}

}  // namespace ainode
