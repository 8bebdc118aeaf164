// SPDX-License-Identifier: Apache-2.0
// The store over libostree: opening and repair, transactions, content objects, step results.
#include "builder/store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "builder/store/store_state.h"

namespace ainode {

namespace {

/// Objects of a transaction lie in repo/tmp/staging-*; after a kill or a full disk, what is left there can be truncated
/// and would be taken for good by the next transaction. Only with nobody else in the store may it be removed.
void repair(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory / "repo/tmp", ignored)) {
    if (entry.path().filename().string().rfind("staging-", 0) == 0) remove_tree(entry.path());
  }
  remove_tree(directory / "work");
}

FileLock open_and_repair(const fs::path& directory) {
  const fs::path lock_file = directory / "lock";
  const Descriptor probe = open_file(lock_file, O_RDWR | O_CREAT);
  if (flock(probe.get(), LOCK_EX | LOCK_NB) == 0) repair(directory);
  flock(probe.get(), LOCK_UN);
  return FileLock(lock_file, FileLock::Mode::shared);
}

GObjectHandle<OstreeRepo> open_repository(const fs::path& path) {
  const GObjectHandle<GFile> file(g_file_new_for_path(path.c_str()));
  GObjectHandle<OstreeRepo> repository(ostree_repo_new(file.get()));
  GError* error = nullptr;
  if (!ostree_repo_open(repository.get(), nullptr, &error)) {
    throw_glib_error(error, "open the repository " + path.string());
  }
  return repository;
}

/// A disk that runs full in mid-transaction costs the transaction; better to say so before.
void require_free_space(const fs::path& directory) {
  struct statvfs status = {};
  if (statvfs(directory.c_str(), &status) != 0)
    throw system_error("ask for the free space of " + directory.string(), errno);
  const auto size = static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize;
  const std::uint64_t needed = std::max<std::uint64_t>(size / 100 * 3, std::uint64_t{512} << 20);
  const std::uint64_t available = free_space(directory);
  if (available >= needed) return;
  throw Error(codes::space_needed, fmt::format("{} has {} MB free; a build keeps at least {} MB free there",
                                               directory.string(), available >> 20, needed >> 20))
      .help("free some space, or point --store at a larger file system");
}

}  // namespace

Store::Store(const fs::path& directory) : state_(std::make_unique<State>()) {
  state_->directory = fs::absolute(directory);
  make_directories(directory);
  state_->lock.emplace(open_and_repair(directory));
  create_repository(directory / "repo");
  state_->repository = open_repository(directory / "repo");
  make_directories(work_directory());
  make_directories(directory / "results");
}

Store::Store() : state_(std::make_unique<State>()) {}

Store Store::read_only(const fs::path& directory) {
  Store store;
  store.state_->directory = fs::absolute(directory);
  store.state_->repository = open_repository(directory / "repo");
  return store;
}

Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

void Store::create_repository(const fs::path& path) {
  make_directories(path);
  const GObjectHandle<GFile> file(g_file_new_for_path(path.c_str()));
  const GObjectHandle<OstreeRepo> repository(ostree_repo_new(file.get()));
  GError* error = nullptr;
  if (!ostree_repo_create(repository.get(), OSTREE_REPO_MODE_BARE_USER, nullptr, &error)) {
    throw_glib_error(error, "create the repository " + path.string());
  }
}

const fs::path& Store::directory() const {
  return state_->directory;
}
fs::path Store::repository_path() const {
  return state_->directory / "repo";
}
fs::path Store::work_directory() const {
  return state_->directory / "work";
}

Store::Transaction::Transaction(Store& store) : store_(store) {
  require_free_space(store.directory());
  GError* error = nullptr;
  if (!ostree_repo_prepare_transaction(store.state().repository.get(), nullptr, nullptr, &error)) {
    throw_glib_error(error, "begin writing to the store");
  }
}

Store::Transaction::~Transaction() {
  if (open_) ostree_repo_abort_transaction(store_.state().repository.get(), nullptr, nullptr);
}

void Store::Transaction::set_ref(const std::string& ref, const std::string& commit) {
  ostree_repo_transaction_set_ref(store_.state().repository.get(), nullptr, ref.c_str(), commit.c_str());
}

void Store::Transaction::commit() {
  // libostree syncs the file system once, then renames the objects from its staging directory, then moves the refs.
  failpoint("store", "rename");
  GError* error = nullptr;
  if (!ostree_repo_commit_transaction(store_.state().repository.get(), nullptr, nullptr, &error)) {
    throw_glib_error(error, "finish writing to the store");
  }
  open_ = false;
}

std::string Store::write_file(const FileObject& file) {
  std::string checksum = content_checksum(file);
  OstreeRepo* repository = state_->repository.get();
  GError* error = nullptr;
  gboolean is_present = FALSE;
  if (!ostree_repo_has_object(repository, OSTREE_OBJECT_TYPE_FILE, checksum.c_str(), &is_present, nullptr, &error)) {
    throw_glib_error(error, "look for object " + checksum);
  }
  if (is_present) return checksum;

  const GObjectHandle<GFileInfo> info(g_file_info_new());
  g_file_info_set_attribute_uint32(info.get(), "standard::type",
                                   file.is_symlink ? G_FILE_TYPE_SYMBOLIC_LINK : G_FILE_TYPE_REGULAR);
  g_file_info_set_attribute_boolean(info.get(), "standard::is-symlink", file.is_symlink);
  g_file_info_set_attribute_uint32(info.get(), "unix::uid", file.ownership.uid);
  g_file_info_set_attribute_uint32(info.get(), "unix::gid", file.ownership.gid);
  g_file_info_set_attribute_uint32(info.get(), "unix::mode", object_mode(file));
  GObjectHandle<GInputStream> content;
  if (file.is_symlink) {
    g_file_info_set_attribute_byte_string(info.get(), "standard::symlink-target", file.content.c_str());
  } else {
    g_file_info_set_size(info.get(), static_cast<goffset>(file.content.size()));
    content.reset(
        g_memory_input_stream_new_from_data(file.content.data(), static_cast<gssize>(file.content.size()), nullptr));
  }
  GInputStream* object = nullptr;
  guint64 length = 0;
  if (!ostree_raw_file_to_content_stream(content.get(), info.get(), xattrs_variant(file.ownership.xattrs).get(),
                                         &object, &length, nullptr, &error)) {
    throw_glib_error(error, "prepare object " + checksum);
  }
  const GObjectHandle<GInputStream> owned_object(object);
  if (!ostree_repo_write_content_trusted(repository, checksum.c_str(), object, length, nullptr, &error)) {
    throw_glib_error(error, "write object " + checksum);
  }
  return checksum;
}

std::string Store::write_text(std::string_view text, std::uint32_t mode) {
  return write_file({false, {0, 0, mode, {}}, std::string(text)});
}

std::string Store::write_symlink(const std::string& target) {
  return write_file({true, {0, 0, 0777, {}}, target});
}

fs::path Store::object_path(const std::string& checksum) const {
  return state_->object_path(checksum, "file");
}

namespace {

/// What an open transaction wrote lies in libostree's staging directory until the end; only libostree knows where.
FileObject read_staged(OstreeRepo* repository, const std::string& checksum) {
  GInputStream* stream = nullptr;
  GFileInfo* info = nullptr;
  GVariant* xattrs = nullptr;
  GError* error = nullptr;
  if (!ostree_repo_load_file(repository, checksum.c_str(), &stream, &info, &xattrs, nullptr, &error)) {
    throw_glib_error(error, "read object " + checksum);
  }
  const GObjectHandle<GInputStream> owned_stream(stream);
  const GObjectHandle<GFileInfo> owned_info(info);
  const Variant owned_xattrs(xattrs);
  FileObject file;
  file.is_symlink = g_file_info_get_file_type(info) == G_FILE_TYPE_SYMBOLIC_LINK;
  file.ownership = {g_file_info_get_attribute_uint32(info, "unix::uid"),
                    g_file_info_get_attribute_uint32(info, "unix::gid"),
                    g_file_info_get_attribute_uint32(info, "unix::mode") & 07777u, xattrs_from_variant(xattrs)};
  if (file.is_symlink) {
    file.content = g_file_info_get_symlink_target(info);
    return file;
  }
  file.content.resize(static_cast<std::size_t>(g_file_info_get_size(info)));
  gsize size = 0;
  if (!g_input_stream_read_all(stream, file.content.data(), file.content.size(), &size, nullptr, &error)) {
    throw_glib_error(error, "read object " + checksum);
  }
  return file;
}

/// The `user.ostreemeta` of an object's file; nothing when there is no such file.
std::optional<std::string> bare_user_metadata(const fs::path& path) {
  for (std::size_t size = 4096; size <= 65536; size *= 16) {
    std::string bytes(size, '\0');
    const ssize_t count = lgetxattr(path.c_str(), "user.ostreemeta", bytes.data(), bytes.size());
    if (count >= 0) return bytes.substr(0, static_cast<std::size_t>(count));
    if (errno == ENOENT) return std::nullopt;
    if (errno != ERANGE) break;
  }
  throw system_error("read the metadata of object " + path.string(), errno);
}

}  // namespace

FileObject Store::read_metadata(const std::string& checksum) const {
  const fs::path path = object_path(checksum);
  const auto metadata = bare_user_metadata(path);
  if (!metadata) return read_staged(state_->repository.get(), checksum);
  FileObject file = parse_bare_user_metadata(*metadata, checksum);
  if (file.is_symlink) {  // bare-user keeps the target as the file's content, with a final NUL
    file.content = ainode::read_file(path, 4097);
    while (!file.content.empty() && file.content.back() == '\0') file.content.pop_back();
  }
  return file;
}

FileObject Store::read_file(const std::string& checksum) const {
  const fs::path path = object_path(checksum);
  if (!fs::exists(path)) return read_staged(state_->repository.get(), checksum);
  FileObject file = read_metadata(checksum);
  if (!file.is_symlink) file.content = ainode::read_file(path, std::size_t{16} << 30);
  return file;
}

std::string Store::read_text(const Tree& tree, std::string_view path) const {
  const TreeDirectory::File* file = tree.file(path);
  if (!file) throw Error(codes::tree_malformed, fmt::format("the tree has no file /{}", path));
  FileObject object = read_file(file->checksum);
  if (object.is_symlink)
    throw Error(codes::tree_malformed, fmt::format("/{} is a symlink where a file is needed", path));
  return std::move(object.content);
}

std::optional<std::string> Store::recall(const StepKey& key) const {
  return read_file_if_any(state_->directory / "results" / key.hex(), std::size_t{16} << 20);
}

void Store::remember(const StepKey& key, const std::string& value) {
  ainode::write_file(state_->directory / "results" / key.hex(), value);
}

}  // namespace ainode
