// SPDX-License-Identifier: Apache-2.0
// Walks OSTree's directory objects by hand (libostree's GFile takes a lock and an allocation for every name). Each
// object that is read is held to its checksum first. Formats: ostree-core.h.
#include "validators/tree/committed_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ostree.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "base/crypto.h"
#include "base/error.h"
#include "base/handle.h"
#include "validators/tree/kernel_symbols.h"
#include "validators/tree/module_files.h"

namespace ainode::tree {

namespace fs = std::filesystem;

namespace {

using Variant = Handle<GVariant, g_variant_unref>;
template <class T>
using GObjectHandle = Handle<T, g_object_unref>;

constexpr int kMostLinks = 40;  // as Linux: MAXSYMLINKS

struct Entry {
  std::string name, checksum;
  std::string metadata;  ///< of a directory; empty for a file or link
  bool is_directory() const { return !metadata.empty(); }
};

/// What a content object says of itself, and its content.
struct Object {
  std::uint32_t mode = 0, uid = 0, gid = 0;
  bool has_capability = false;
  std::string content;  ///< of a link: its target
};

std::string checksum_of(GVariant* bytes) {
  return to_hex({static_cast<const char*>(g_variant_get_data(bytes)), g_variant_get_size(bytes)});
}

std::string checksum_at(GVariant* tuple, gsize index) {
  const Variant bytes(g_variant_get_child_value(tuple, index));
  return checksum_of(bytes.get());
}

std::vector<Entry> entries_of(GVariant* tree) {
  std::vector<Entry> entries;
  const Variant files(g_variant_get_child_value(tree, 0)), folders(g_variant_get_child_value(tree, 1));
  for (const auto& [list, metadata] : {std::pair(files.get(), false), std::pair(folders.get(), true)}) {
    for (gsize i = 0; i < g_variant_n_children(list); ++i) {
      const Variant entry(g_variant_get_child_value(list, i)), name(g_variant_get_child_value(entry.get(), 0));
      entries.push_back({g_variant_get_string(name.get(), nullptr), checksum_at(entry.get(), 1),
                         metadata ? checksum_at(entry.get(), 2) : ""});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(path).relative_path())
    if (!part.empty() && part != ".") parts.push_back(part.string());
  return parts;
}

}  // namespace

struct CommittedTree::State {
  fs::path directory;
  std::string kernel_release, root, root_metadata;
  GObjectHandle<OstreeRepo> repository;
  mutable std::mutex lock;
  mutable std::map<std::string, std::vector<Entry>> folders;

  [[noreturn]] void refuse(GError* error, const std::string& action) const {
    const Handle<GError, g_error_free> owned(error);
    throw Error(codes::image_malformed,
                fmt::format("{}: cannot {}: {}", directory.string(), action, printable(error->message)))
        .help("`ainode verify` tells what of the image is damaged; build it again");
  }

  void require_intact(OstreeObjectType type, const std::string& checksum) const {
    GError* error = nullptr;
    if (!ostree_repo_fsck_object(repository.get(), type, checksum.c_str(), nullptr, &error))
      refuse(error, "use object " + checksum);
  }

  Variant load(OstreeObjectType type, const std::string& checksum) const {
    require_intact(type, checksum);
    GVariant* variant = nullptr;
    GError* error = nullptr;
    if (!ostree_repo_load_variant(repository.get(), type, checksum.c_str(), &variant, &error))
      refuse(error, "read object " + checksum);
    return Variant(variant);
  }

  const std::vector<Entry>& folder(const std::string& checksum) const {
    const std::lock_guard guard(lock);
    const auto known = folders.find(checksum);
    if (known != folders.end()) return known->second;
    return folders[checksum] = entries_of(load(OSTREE_OBJECT_TYPE_DIR_TREE, checksum).get());
  }

  Object read(const std::string& checksum, bool with_content) const {
    if (with_content) require_intact(OSTREE_OBJECT_TYPE_FILE, checksum);
    GInputStream* stream = nullptr;
    GFileInfo* info = nullptr;
    GVariant* xattrs = nullptr;
    GError* error = nullptr;
    if (!ostree_repo_load_file(repository.get(), checksum.c_str(), with_content ? &stream : nullptr, &info, &xattrs,
                               nullptr, &error))
      refuse(error, "read object " + checksum);
    const GObjectHandle<GInputStream> owned_stream(stream);
    const GObjectHandle<GFileInfo> owned_info(info);
    const Variant owned_xattrs(xattrs);
    Object object = {g_file_info_get_attribute_uint32(info, "unix::mode"),
                     g_file_info_get_attribute_uint32(info, "unix::uid"),
                     g_file_info_get_attribute_uint32(info, "unix::gid"), has_capability(xattrs), ""};
    if (S_ISLNK(object.mode)) {
      object.content = g_file_info_get_symlink_target(info);
    } else if (stream != nullptr) {
      object.content.resize(static_cast<std::size_t>(g_file_info_get_size(info)));
      gsize size = 0;
      if (!g_input_stream_read_all(stream, object.content.data(), object.content.size(), &size, nullptr, &error))
        refuse(error, "read object " + checksum);
      object.content.resize(size);
    }
    return object;
  }

  static bool has_capability(GVariant* xattrs) {
    for (gsize i = 0; i < g_variant_n_children(xattrs); ++i) {
      const Variant pair(g_variant_get_child_value(xattrs, i)), name(g_variant_get_child_value(pair.get(), 0));
      if (std::string_view(g_variant_get_bytestring(name.get())) == "security.capability") return true;
    }
    return false;
  }

  std::optional<Entry> child(const Entry& parent, const std::string& name) const {
    const std::vector<Entry>& entries = folder(parent.checksum);
    const auto found =
        std::lower_bound(entries.begin(), entries.end(), name,
                         [](const Entry& entry, const std::string& wanted) { return entry.name < wanted; });
    return found != entries.end() && found->name == name ? std::optional(*found) : std::nullopt;
  }

  /// The first boot copies /usr/etc to /etc.
  std::optional<Entry> child_as_booted(const Entry& parent, const std::string& name, bool is_root) const {
    if (auto found = child(parent, name)) return found;
    if (!is_root || name != "etc") return std::nullopt;
    const auto usr = child(parent, "usr");
    return usr && usr->is_directory() ? child(*usr, "etc") : std::nullopt;
  }

  std::optional<Entry> find(const std::string& path, bool follow_last) const {
    std::vector<std::string> left = split_path(path);
    std::reverse(left.begin(), left.end());
    std::vector<Entry> trail = {{"", root, root_metadata}};
    for (int links = 0; !left.empty();) {
      const std::string name = std::move(left.back());
      left.pop_back();
      if (name == "..") {
        if (trail.size() > 1) trail.pop_back();
        continue;
      }
      if (!trail.back().is_directory()) return std::nullopt;
      auto entry = child_as_booted(trail.back(), name, trail.size() == 1);
      if (!entry) return std::nullopt;
      if (entry->is_directory() || (left.empty() && !follow_last)) {
        trail.push_back(std::move(*entry));
        continue;
      }
      const Object object = read(entry->checksum, false);
      if (!S_ISLNK(object.mode)) {
        trail.push_back(std::move(*entry));
        continue;
      }
      if (++links > kMostLinks) return std::nullopt;
      if (object.content.starts_with('/')) trail.resize(1);
      std::vector<std::string> parts = split_path(object.content);
      left.insert(left.end(), parts.rbegin(), parts.rend());
    }
    return trail.back();
  }

  void find_privileged(const Entry& folder_entry, const std::string& path, std::vector<std::string>& found) const {
    for (const Entry& entry : folder(folder_entry.checksum)) {
      const std::string below = path + "/" + entry.name;
      if (entry.is_directory()) {
        if (below != "/usr/etc") find_privileged(entry, below, found);
        continue;
      }
      const Object object = read(entry.checksum, false);
      if (S_ISREG(object.mode) && ((object.mode & (S_ISUID | S_ISGID)) != 0 || object.has_capability))
        found.push_back(below);
    }
  }
};

CommittedTree::CommittedTree(const fs::path& repository, const std::string& commit)
    : state_(std::make_unique<State>()) {
  state_->directory = repository;
  GError* error = nullptr;
  state_->repository.reset(ostree_repo_open_at(AT_FDCWD, repository.c_str(), nullptr, &error));
  if (!state_->repository) state_->refuse(error, "open the repository");
  const Variant object = state_->load(OSTREE_OBJECT_TYPE_COMMIT, commit);
  state_->root = checksum_at(object.get(), 6);
  state_->root_metadata = checksum_at(object.get(), 7);
  const auto kernel = find_kernel(*this);
  if (!kernel)
    throw Error(codes::image_malformed, fmt::format("{}: commit {} has no kernel", repository.string(), commit))
        .help("build the image again");
  state_->kernel_release = kernel_release_of(*read_file(*kernel), *kernel);
}

CommittedTree::~CommittedTree() = default;

std::optional<std::string> CommittedTree::read_file(const std::string& path) const {
  const auto entry = state_->find(path, true);
  if (!entry || entry->is_directory()) return std::nullopt;
  return state_->read(entry->checksum, true).content;
}

std::vector<checks::DirectoryEntry> CommittedTree::list(const std::string& path) const {
  std::vector<checks::DirectoryEntry> entries;
  const auto entry = state_->find(path, true);
  if (!entry || !entry->is_directory()) return entries;
  for (const Entry& each : state_->folder(entry->checksum)) entries.push_back({each.name, each.is_directory()});
  return entries;
}

std::optional<std::string> CommittedTree::read_link(const std::string& path) const {
  const auto entry = state_->find(path, false);
  if (!entry || entry->is_directory()) return std::nullopt;
  const Object object = state_->read(entry->checksum, false);
  return S_ISLNK(object.mode) ? std::optional(object.content) : std::nullopt;
}

bool CommittedTree::exists(const std::string& path) const {
  return state_->find(path, true).has_value();
}

std::optional<checks::FileStatus> CommittedTree::status(const std::string& path) const {
  const auto entry = state_->find(path, false);
  if (!entry) return std::nullopt;
  if (!entry->is_directory()) {
    const Object object = state_->read(entry->checksum, false);
    return checks::FileStatus{S_ISREG(object.mode), object.mode & 07777u, object.uid, object.gid};
  }
  const Variant metadata = state_->load(OSTREE_OBJECT_TYPE_DIR_META, entry->metadata);
  std::uint32_t uid = 0, gid = 0, mode = 0;
  g_variant_get(metadata.get(), "(uuu@a(ayay))", &uid, &gid, &mode, nullptr);
  return checks::FileStatus{false, GUINT32_FROM_BE(mode) & 07777u, GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid)};
}

std::optional<std::vector<std::string>> CommittedTree::privileged_files() const {
  std::vector<std::string> found;
  for (const char* folder : {"/etc", "/usr"})
    if (const auto entry = state_->find(folder, true)) state_->find_privileged(*entry, folder, found);
  std::sort(found.begin(), found.end());
  return found;
}

std::string CommittedTree::kernel_release() const {
  return state_->kernel_release;
}

std::optional<std::string> CommittedTree::kernel_log() const {
  return std::nullopt;
}

std::optional<std::int64_t> CommittedTree::coarse_clock_nanoseconds() const {
  return std::nullopt;
}

checks::PagePlacement CommittedTree::place_pages(int, int) const {
  return {0, 0, "", "the image is not booted"};
}

checks::PageMove CommittedTree::move_pages(int, int, int, checks::Migration) const {
  return {0, false, "the image is not booted"};
}

checks::PageSpread CommittedTree::spread_pages(const std::vector<int>&, int, checks::Spread) const {
  return {{}, "the image is not booted"};
}

checks::HugePages CommittedTree::place_huge_pages(int, int) const {
  return {0, 0, false, "the image is not booted"};
}

checks::HeapTrial CommittedTree::try_heap(const std::string&) const {
  return {};
}

checks::FileBufferTrial CommittedTree::try_file_buffer(const std::string&) const {
  return {};
}

checks::DeviceDma CommittedTree::try_device_dma(const std::string&) const {
  checks::DeviceDma dma;
  dma.problem = "the image is not booted";
  return dma;
}

checks::PeerTransfer CommittedTree::transfer_to_peer(const std::string&, const std::string&, bool) const {
  checks::PeerTransfer transfer;
  transfer.problem = "the image is not booted";
  return transfer;
}

std::optional<bool> CommittedTree::is_auditing() const {
  return std::nullopt;
}

checks::MemorySpeed CommittedTree::measure_memory(int, int, checks::MemoryTest) const {
  return {0, 0, {}, "the image is not booted"};
}

checks::WakeupLatency CommittedTree::measure_wakeups(const std::vector<int>&, int) const {
  return {0, 0, 0, 0, {}, "the image is not booted"};
}

checks::MirrorTrial CommittedTree::try_mirror(const std::string&) const {
  return {};
}

std::optional<bool> CommittedTree::is_read_only(const std::string&) const {
  return std::nullopt;
}

std::optional<bool> CommittedTree::is_same_directory(const std::string&, const std::string&) const {
  return std::nullopt;
}

checks::CommandOutcome CommittedTree::run(const std::vector<std::string>&) const {
  return {-1, "", "the image is not booted"};
}

checks::CommandOutcome CommittedTree::run_companion(const std::vector<std::string>&) const {
  return {-1, "", "the image is not booted"};
}

}  // namespace ainode::tree
