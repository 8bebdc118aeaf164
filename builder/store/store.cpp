// SPDX-License-Identifier: Apache-2.0
// The store over libostree: opening, content objects, step results.
#include "builder/store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/kept_results.h"
#include "builder/store/inventory.h"
#include "builder/store/store_state.h"

namespace ainode {

namespace {

GObjectHandle<OstreeRepo> open_repository(const fs::path& path) {
  const GObjectHandle<GFile> file(g_file_new_for_path(path.c_str()));
  GObjectHandle<OstreeRepo> repository(ostree_repo_new(file.get()));
  GError* error = nullptr;
  if (!ostree_repo_open(repository.get(), nullptr, &error)) {
    throw_glib_error(error, "open the repository " + path.string());
  }
  return repository;
}

}  // namespace

Store::Store(const fs::path& directory) : state_(std::make_unique<State>()) {
  make_directories(directory);
  auto alone = FileLock::try_lock(directory / "lock", FileLock::Mode::exclusive);
  open(directory, alone.has_value());
  alone.reset();
  state_->lock.emplace(directory / "lock", FileLock::Mode::shared);
}

Store Store::open_alone(RunContext& run, const fs::path& directory) {
  make_directories(directory);
  Store store;
  store.state_->lock.emplace(directory / "lock", FileLock::Mode::exclusive, [&] {
    run.events.note("store", fmt::format("{} is in use by a build; waiting until none runs", directory.string()));
  });
  store.open(directory, true);
  return store;
}

void Store::open(const fs::path& directory, bool is_alone) {
  state_->directory = fs::absolute(directory);
  const fs::path config = directory / "repo/config";
  if (const auto text = read_file_if_any(config); text && *text != kRepositoryConfig)
    ainode::write_file(config, kRepositoryConfig);
  create_repository(directory / "repo");
  state_->repository = open_repository(directory / "repo");
  if (is_alone) repair(*this);
  for (const char* name : {"work", "results", "makers"}) make_directories(directory / name);
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

std::string Store::write_file(const FileObject& file) {
  return write_object(file, file.is_symlink ? std::string_view() : file.content);
}

std::string Store::write_file(const Ownership& ownership, std::string_view content) {
  return write_object({false, ownership, {}}, content);
}

std::string Store::write_object(const FileObject& file, std::string_view content) {
  std::string checksum = hash_of_header(file).update(content).finish_hex();
  OstreeRepo* repository = state_->repository.get();
  GError* error = nullptr;
  gboolean is_present = FALSE;
  if (!ostree_repo_has_object(repository, OSTREE_OBJECT_TYPE_FILE, checksum.c_str(), &is_present, nullptr, &error)) {
    throw_glib_error(error, fmt::format("look for object {} in {}", checksum, repository_path().string()));
  }
  if (is_present) return checksum;

  const GObjectHandle<GFileInfo> info(g_file_info_new());
  g_file_info_set_attribute_uint32(info.get(), "standard::type",
                                   file.is_symlink ? G_FILE_TYPE_SYMBOLIC_LINK : G_FILE_TYPE_REGULAR);
  g_file_info_set_attribute_boolean(info.get(), "standard::is-symlink", file.is_symlink);
  g_file_info_set_attribute_uint32(info.get(), "unix::uid", file.ownership.uid);
  g_file_info_set_attribute_uint32(info.get(), "unix::gid", file.ownership.gid);
  g_file_info_set_attribute_uint32(info.get(), "unix::mode", object_mode(file));
  GObjectHandle<GInputStream> stream;
  if (file.is_symlink) {
    g_file_info_set_attribute_byte_string(info.get(), "standard::symlink-target", file.content.c_str());
  } else {
    g_file_info_set_size(info.get(), static_cast<goffset>(content.size()));
    stream.reset(g_memory_input_stream_new_from_data(content.data(), static_cast<gssize>(content.size()), nullptr));
  }
  GInputStream* object = nullptr;
  guint64 length = 0;
  if (!ostree_raw_file_to_content_stream(stream.get(), info.get(), xattrs_variant(file.ownership.xattrs).get(), &object,
                                         &length, nullptr, &error)) {
    throw_glib_error(error, fmt::format("prepare object {} for {}", checksum, repository_path().string()));
  }
  const GObjectHandle<GInputStream> owned_object(object);
  if (!ostree_repo_write_content_trusted(repository, checksum.c_str(), object, length, nullptr, &error)) {
    throw_glib_error(error, fmt::format("write object {} to {}", checksum, repository_path().string()));
  }
  state_->count_written(*this, content.size());
  return checksum;
}

std::string Store::write_text(std::string_view text, std::uint32_t mode) {
  return write_file(Ownership{0, 0, mode, {}}, text);
}

std::string Store::write_symlink(const std::string& target) {
  FileObject file;
  file.is_symlink = true;
  file.ownership.mode = 0777;
  file.content = target;
  return write_file(file);
}

fs::path Store::object_path(const std::string& checksum) const {
  return state_->object_path(checksum, "file");
}

namespace {

constexpr const char* kMetadata = "user.ostreemeta";

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

/// The `user.ostreemeta` of an object's file, as `get` (buffer, size) reads it; nothing when there is no such file.
template <class Get>
std::optional<std::string> bare_user_metadata(const fs::path& path, const Get& get) {
  for (std::size_t size = 4096; size <= 65536; size *= 16) {
    std::string bytes(size, '\0');
    const ssize_t count = get(bytes.data(), bytes.size());
    if (count >= 0) return bytes.substr(0, static_cast<std::size_t>(count));
    if (errno == ENOENT) return std::nullopt;
    if (errno != ERANGE) break;
  }
  throw system_error("read the metadata of object " + path.string(), errno);
}

}  // namespace

FileObject Store::read_metadata(const std::string& checksum) const {
  const fs::path path = object_path(checksum);
  const auto metadata = bare_user_metadata(
      path, [&](char* bytes, std::size_t size) { return lgetxattr(path.c_str(), kMetadata, bytes, size); });
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
  if (state_->is_verified(checksum)) return file;
  // What was copied from a damaged object would have a right checksum of its own.
  if (const std::string actual = content_checksum(file); actual != checksum)
    throw_corrupt(repository_path(), checksum, "file", actual);
  state_->set_verified(checksum);
  return file;
}

std::string Store::hash_on_disk(const std::string& checksum) const {
  const fs::path path = object_path(checksum);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno != ENOENT) throw system_error("open " + path.string(), errno);
  if (!file.is_open()) return content_checksum(read_staged(state_->repository.get(), checksum));
  const auto metadata = bare_user_metadata(
      path, [&](char* bytes, std::size_t size) { return fgetxattr(file.get(), kMetadata, bytes, size); });
  std::optional<Sha256> hash = hash_of_header(*metadata, checksum);
  if (!hash) return content_checksum(read_metadata(checksum));
  // A whole tree passes through here: what fits a cache is faster than fresh memory for each file.
  thread_local std::vector<char> buffer(std::size_t{128} << 10);
  for (;;) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read " + path.string(), errno);
    if (count == 0) return hash->finish_hex();
    hash->update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

void Store::require_sound(const std::string& checksum) const {
  if (state_->is_verified(checksum)) return;
  if (const std::string actual = hash_on_disk(checksum); actual != checksum)
    throw_corrupt(repository_path(), checksum, "file", actual);
  state_->set_verified(checksum);
}

bool Store::is_sound(const std::string& checksum) const {
  if (state_->is_verified(checksum)) return true;
  if (hash_on_disk(checksum) != checksum) return false;
  state_->set_verified(checksum);
  return true;
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
  return recall_result(state_->directory / "results", key);
}

bool Store::is_sound_result(const std::string& name) const {
  return ainode::is_sound_result(state_->directory / "results" / name);
}

void Store::remember(const StepKey& key, const std::string& value) {
  remember_result(state_->directory / "results", key, value);
}

FileLock Store::lock_maker(RunContext& run, const StepKey& key, const std::string& what) const {
  return {state_->directory / "makers" / key.hex(), FileLock::Mode::exclusive,
          [&] { run.events.note("store", fmt::format("another build is making {}; waiting for it", what)); }};
}

}  // namespace ainode
