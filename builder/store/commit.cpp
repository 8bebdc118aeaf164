// SPDX-License-Identifier: Apache-2.0
// Trees to commits and back, signatures, and the proof that every object has its own hash.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "builder/store/store.h"
#include "builder/store/store_state.h"

namespace ainode {

namespace {

std::string bytes_of(GVariant* variant) {
  return {static_cast<const char*>(g_variant_get_data(variant)), g_variant_get_size(variant)};
}

GVariant* checksum_bytes(const std::string& checksum) {
  return ostree_checksum_to_bytes_v(checksum.c_str());
}

/// Writes a directory's dirtree object after its children's; its checksum.
std::string write_directory(Store::State& state, const TreeDirectory& directory) {
  GVariantBuilder files, directories;
  g_variant_builder_init(&files, G_VARIANT_TYPE("a(say)"));
  g_variant_builder_init(&directories, G_VARIANT_TYPE("a(sayay)"));
  for (const auto& [name, file] : directory.files)
    g_variant_builder_add(&files, "(s@ay)", name.c_str(), checksum_bytes(file.checksum));
  for (const auto& [name, child] : directory.directories) {
    const std::string contents = write_directory(state, *child);
    const std::string metadata = state.write_directory_metadata(child->ownership);
    g_variant_builder_add(&directories, "(s@ay@ay)", name.c_str(), checksum_bytes(contents), checksum_bytes(metadata));
  }
  return state.write_metadata(
      OSTREE_OBJECT_TYPE_DIR_TREE,
      sink(g_variant_new("(@a(say)@a(sayay))", g_variant_builder_end(&files), g_variant_builder_end(&directories))));
}

Ownership ownership_from(GVariant* metadata) {
  std::uint32_t uid = 0, gid = 0, mode = 0;
  GVariant* xattrs = nullptr;
  g_variant_get(metadata, "(uuu@a(ayay))", &uid, &gid, &mode, &xattrs);
  const Variant owned(xattrs);
  return {GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid), GUINT32_FROM_BE(mode) & 07777u, xattrs_from_variant(xattrs)};
}

/// A dirtree's entries as (name, contents checksum, metadata checksum or empty for a file).
struct DirectoryEntry {
  std::string name, checksum, metadata;
};
std::vector<DirectoryEntry> entries_of(GVariant* dirtree) {
  std::vector<DirectoryEntry> entries;
  const Variant files(g_variant_get_child_value(dirtree, 0)), directories(g_variant_get_child_value(dirtree, 1));
  for (gsize i = 0; i < g_variant_n_children(files.get()); ++i) {
    const char* name = nullptr;
    GVariant* checksum = nullptr;
    g_variant_get_child(files.get(), i, "(&s@ay)", &name, &checksum);
    entries.push_back({name, hex_of_bytes_variant(Variant(checksum).get()), ""});
  }
  for (gsize i = 0; i < g_variant_n_children(directories.get()); ++i) {
    const char* name = nullptr;
    GVariant *checksum = nullptr, *metadata = nullptr;
    g_variant_get_child(directories.get(), i, "(&s@ay@ay)", &name, &checksum, &metadata);
    entries.push_back(
        {name, hex_of_bytes_variant(Variant(checksum).get()), hex_of_bytes_variant(Variant(metadata).get())});
  }
  return entries;
}

void read_directory(const Store::State& state, const std::string& contents, TreeDirectory& into,
                    std::map<std::string, Ownership>& known) {
  const Variant dirtree = state.load(OSTREE_OBJECT_TYPE_DIR_TREE, contents);
  for (DirectoryEntry& entry : entries_of(dirtree.get())) {
    if (entry.metadata.empty()) {
      into.files[entry.name] = {std::move(entry.checksum), ""};
      continue;
    }
    TreeDirectory& child = into.ensure(entry.name);
    auto [ownership, is_new] = known.try_emplace(entry.metadata);
    if (is_new) ownership->second = ownership_from(state.load(OSTREE_OBJECT_TYPE_DIR_META, entry.metadata).get());
    child.ownership = ownership->second;
    read_directory(state, entry.checksum, child, known);
  }
}

/// The root's (contents, metadata) checksums of a commit.
std::pair<std::string, std::string> root_of(GVariant* commit) {
  const Variant contents(g_variant_get_child_value(commit, 6)), metadata(g_variant_get_child_value(commit, 7));
  return {hex_of_bytes_variant(contents.get()), hex_of_bytes_variant(metadata.get())};
}

GVariant* commit_metadata(const CommitOptions& options) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  std::map<std::string, GVariant*> entries;
  for (const auto& [key, value] : options.metadata) entries[key] = g_variant_new_string(value.c_str());
  if (options.bootable) entries["ostree.bootable"] = g_variant_new_boolean(TRUE);
  if (!options.ref.empty()) {
    const char* refs[] = {options.ref.c_str(), nullptr};
    entries["ostree.ref-binding"] = g_variant_new_strv(refs, -1);
  }
  for (const auto& [key, value] : entries) g_variant_builder_add(&builder, "{sv}", key.c_str(), value);
  return g_variant_builder_end(&builder);
}

const char* type_name(OstreeObjectType type) {
  return type == OSTREE_OBJECT_TYPE_COMMIT ? "commit" : type == OSTREE_OBJECT_TYPE_DIR_TREE ? "dirtree" : "dirmeta";
}

}  // namespace

void throw_corrupt(const fs::path& repository, const std::string& checksum, const std::string& type,
                   const std::string& actual) {
  throw Error(codes::object_corrupt,
              fmt::format("object {}.{} in {} has the hash {}", checksum, type, repository.string(), actual))
      .help("in the cache: `ainode cache verify --repair` removes it, and the next build makes it anew");
}

void verify_object(const Store& store, const std::string& checksum, const std::string& type) {
  if (type == "file") return store.require_sound(checksum);
  const std::string actual = sha256_hex(store.metadata_bytes(checksum, type));
  if (actual != checksum) throw_corrupt(store.repository_path(), checksum, type, actual);
}

Variant Store::State::load(OstreeObjectType type, const std::string& checksum) const {
  GVariant* variant = nullptr;
  GError* error = nullptr;
  if (!ostree_repo_load_variant(repository.get(), type, checksum.c_str(), &variant, &error)) {
    throw_glib_error(error,
                     fmt::format("read object {}.{} in {}", checksum, type_name(type), (directory / "repo").string()));
  }
  Variant loaded(variant);
  const std::string actual = sha256_hex(bytes_of(loaded.get()));
  if (actual != checksum) throw_corrupt(directory / "repo", checksum, type_name(type), actual);
  return loaded;
}

std::string Store::State::write_metadata(OstreeObjectType type, const Variant& variant) {
  std::string checksum = sha256_hex(bytes_of(variant.get()));
  GError* error = nullptr;
  gboolean is_present = FALSE;
  if (!ostree_repo_has_object(repository.get(), type, checksum.c_str(), &is_present, nullptr, &error)) {
    throw_glib_error(error, fmt::format("look for object {} in {}", checksum, (directory / "repo").string()));
  }
  if (!is_present &&
      !ostree_repo_write_metadata_trusted(repository.get(), type, checksum.c_str(), variant.get(), nullptr, &error)) {
    throw_glib_error(error, fmt::format("write object {} to {}", checksum, (directory / "repo").string()));
  }
  return checksum;
}

std::string Store::State::write_directory_metadata(const Ownership& ownership) {
  const std::lock_guard guard(metadata_lock);
  return write_metadata(OSTREE_OBJECT_TYPE_DIR_META, directory_metadata_variant(ownership));
}

std::string Store::write_commit(const Tree& tree, const CommitOptions& options) {
  const std::string contents = write_directory(*state_, tree.root());
  const std::string metadata = state_->write_directory_metadata(tree.root().ownership);
  // (a{sv} metadata, ay parent, a(say) related, s subject, s body, t timestamp (big endian), ay contents, ay dirmeta)
  const Variant commit = sink(g_variant_new(
      "(@a{sv}@ay@a(say)sst@ay@ay)", commit_metadata(options),
      g_variant_new_from_data(G_VARIANT_TYPE("ay"), nullptr, 0, TRUE, nullptr, nullptr),
      g_variant_new_array(G_VARIANT_TYPE("(say)"), nullptr, 0), options.subject.c_str(), "",
      GUINT64_TO_BE(static_cast<guint64>(options.timestamp)), checksum_bytes(contents), checksum_bytes(metadata)));
  return state_->write_metadata(OSTREE_OBJECT_TYPE_COMMIT, commit);
}

Tree Store::read_tree(const std::string& commit) const {
  const auto [contents, metadata] = root_of(state_->load(OSTREE_OBJECT_TYPE_COMMIT, commit).get());
  Tree tree;
  std::map<std::string, Ownership> known;
  tree.root().ownership = ownership_from(state_->load(OSTREE_OBJECT_TYPE_DIR_META, metadata).get());
  read_directory(*state_, contents, tree.root(), known);
  return tree;
}

std::int64_t Store::commit_time(const std::string& commit) const {
  return static_cast<std::int64_t>(ostree_commit_get_timestamp(state_->load(OSTREE_OBJECT_TYPE_COMMIT, commit).get()));
}

std::string Store::commit_bytes(const std::string& commit) const {
  return metadata_bytes(commit, "commit");
}

std::string Store::commit_subject(const std::string& commit) const {
  const Variant loaded = state_->load(OSTREE_OBJECT_TYPE_COMMIT, commit);
  const Variant subject(g_variant_get_child_value(loaded.get(), 3));
  return g_variant_get_string(subject.get(), nullptr);
}

std::optional<std::string> Store::resolve(const std::string& ref) const {
  char* commit = nullptr;
  GError* error = nullptr;
  if (!ostree_repo_resolve_rev(state_->repository.get(), ref.c_str(), TRUE, &commit, &error))
    throw_glib_error(error, fmt::format("resolve {} in {}", ref, repository_path().string()));
  if (!commit) return std::nullopt;
  const Handle<char, g_free> owned(commit);
  if (state_->lock) mark_used(repository_path() / "refs/heads" / ref);
  return commit;
}

void Store::write_signatures(const std::string& commit,
                             const std::map<std::string, std::vector<std::string>>& signatures) {
  GVariantBuilder dictionary;
  g_variant_builder_init(&dictionary, G_VARIANT_TYPE("a{sv}"));
  for (const auto& [key, list] : signatures) {
    GVariantBuilder array;
    g_variant_builder_init(&array, G_VARIANT_TYPE("aay"));
    for (const std::string& bytes : list) {
      g_variant_builder_add_value(&array,
                                  g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data(), bytes.size(), 1));
    }
    g_variant_builder_add(&dictionary, "{sv}", key.c_str(), g_variant_builder_end(&array));
  }
  const Variant metadata = sink(g_variant_builder_end(&dictionary));
  GError* error = nullptr;
  if (!ostree_repo_write_commit_detached_metadata(state_->repository.get(), commit.c_str(), metadata.get(), nullptr,
                                                  &error)) {
    throw_glib_error(error, fmt::format("write the signatures of commit {} to {}", commit, repository_path().string()));
  }
}

std::map<std::string, std::vector<std::string>> Store::read_signatures(const std::string& commit) const {
  std::map<std::string, std::vector<std::string>> signatures;
  const std::string bytes = detached_metadata_bytes(commit);
  if (bytes.empty()) return signatures;
  const Variant dictionary =
      sink(g_variant_new_from_data(G_VARIANT_TYPE("a{sv}"), bytes.data(), bytes.size(), FALSE, nullptr, nullptr));
  for (gsize i = 0; i < g_variant_n_children(dictionary.get()); ++i) {
    const char* key = nullptr;
    GVariant* value = nullptr;
    g_variant_get_child(dictionary.get(), i, "{&sv}", &key, &value);
    const Variant list(value);
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("aay"))) continue;
    for (gsize j = 0; j < g_variant_n_children(value); ++j) {
      const Variant one(g_variant_get_child_value(value, j));
      gsize size = 0;
      const auto* data = static_cast<const char*>(g_variant_get_fixed_array(one.get(), &size, 1));
      signatures[key].emplace_back(data ? data : "", size);
    }
  }
  return signatures;
}

std::string Store::detached_metadata_bytes(const std::string& commit) const {
  return read_file_if_any(state_->object_path(commit, "commitmeta"), std::size_t{1} << 20).value_or("");
}

void Store::for_each_object(const std::string& commit,
                            const std::function<void(const std::string&, const std::string&)>& visit) const {
  std::set<std::string>
      seen;  // with the type as first letter: a dirtree and a file cannot collide, but a set must not care
  const auto once = [&](const std::string& checksum, const std::string& type) {
    if (!seen.insert(type + checksum).second) return false;
    visit(checksum, type);
    return true;
  };
  const std::function<void(const std::string&)> walk = [&](const std::string& contents) {
    if (!once(contents, "dirtree")) return;
    const Variant dirtree = state_->load(OSTREE_OBJECT_TYPE_DIR_TREE, contents);
    for (const DirectoryEntry& entry : entries_of(dirtree.get())) {
      if (entry.metadata.empty()) {
        once(entry.checksum, "file");
      } else {
        once(entry.metadata, "dirmeta");
        walk(entry.checksum);
      }
    }
  };
  once(commit, "commit");
  const auto [contents, metadata] = root_of(state_->load(OSTREE_OBJECT_TYPE_COMMIT, commit).get());
  once(metadata, "dirmeta");
  walk(contents);
}

std::string Store::metadata_bytes(const std::string& checksum, const std::string& type) const {
  return ainode::read_file(state_->object_path(checksum, type.c_str()), std::size_t{128} << 20);
}

void Store::verify_objects(RunContext& run, const std::string& commit) const {
  std::vector<std::pair<std::string, std::string>> objects;
  for_each_object(commit, [&](const std::string& checksum, const std::string& type) {
    // Commits and directories are held to their hash by the walk itself.
    if (type == "file" || type == "dirmeta") objects.emplace_back(checksum, type);
  });
  std::atomic<std::size_t> done{0};
  parallel_for(run.jobs, objects.size(), [&](std::size_t i) {
    verify_object(*this, objects[i].first, objects[i].second);
    if (const std::size_t count = ++done; count % 1024 == 0)
      run.events.progress("verify", count, objects.size(), "objects");
  });
}

void export_repository(const Store& store, const std::string& commit, const std::string& ref,
                       const fs::path& destination) {
  remove_tree(destination);
  Store::create_repository(destination);
  const auto copy = [&](const std::string& checksum, const std::string& type) {
    const fs::path relative = fs::path("objects") / checksum.substr(0, 2) / (checksum.substr(2) + "." + type);
    const fs::path from = store.repository_path() / relative, to = destination / relative;
    make_directories(to.parent_path());
    fs::copy_file(from, to);
    if (type != "file") return;
    std::string metadata(65536, '\0');
    const ssize_t size = lgetxattr(from.c_str(), "user.ostreemeta", metadata.data(), metadata.size());
    if (size < 0 || lsetxattr(to.c_str(), "user.ostreemeta", metadata.data(), static_cast<std::size_t>(size), 0) != 0) {
      throw system_error("copy the metadata of " + to.string(), errno);
    }
  };
  store.for_each_object(commit, copy);
  if (!store.detached_metadata_bytes(commit).empty()) copy(commit, "commitmeta");
  const fs::path ref_file = destination / "refs/heads" / ref;
  make_directories(ref_file.parent_path());
  write_file(ref_file, commit + "\n");
}

}  // namespace ainode
