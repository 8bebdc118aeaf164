// SPDX-License-Identifier: Apache-2.0
// Refs and files of the store as items, and the cleaning of those that were not used for long.
#include "builder/cache_items.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "builder/store/checkout.h"

namespace ainode {

namespace {

std::string kind_of(const std::string& ref) {
  const std::string family = ref.substr(0, ref.find('/'));
  if (family == "deb") return "package";
  return family == "tools" || family == "image" ? family : "step";
}

/// Bytes of a tree on disk, without those of files that are links to the store's objects.
std::uint64_t own_bytes(const fs::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(directory, ignored)) {
    struct stat status = {};
    if (lstat(entry.path().c_str(), &status) == 0 && (S_ISDIR(status.st_mode) || status.st_nlink == 1))
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

HeldItem item_of(const Store& store, const StoredRef& ref, Reach& reach,
                 const std::map<std::string, std::uint64_t>& sizes) {
  HeldItem item;
  item.kind = kind_of(ref.name);
  item.name = item.ref = ref.name;
  item.last_use = ref.last_use;
  if (item.kind == "tools") item.places.push_back(store.directory() / ref.name);
  try {
    if (ref.commit.empty()) throw Error(codes::store_failed, "it names no commit");
    item.objects = reach.of(ref.commit);
    if (item.kind == "package") item.name = store.commit_subject(ref.commit);
  } catch (const Error& error) {
    if (error.code().id == codes::interrupted.id) throw;
    item.damage = error.message();
  }
  for (const std::string& object : item.objects) {
    if (const auto size = sizes.find(object); size != sizes.end()) item.bytes += size->second;
  }
  for (const fs::path& place : item.places) item.bytes += own_bytes(place);
  return item;
}

void add_files(const Store& store, const CacheFolder& folder, std::vector<HeldItem>& items) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(store.directory() / folder.path, ignored)) {
    struct stat status = {};
    const bool fits = *folder.extension == '\0' || entry.path().extension() == folder.extension;
    if (!fits || lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    HeldItem& item = items.emplace_back();
    item.kind = folder.kind;
    item.name = entry.path().filename().string();
    item.bytes = static_cast<std::uint64_t>(status.st_blocks) * 512;
    item.last_use = status.st_mtim.tv_sec;
    item.places = {entry.path()};
  }
}

std::map<std::string, std::uint64_t> object_sizes(const Store& store) {
  std::map<std::string, std::uint64_t> sizes;
  for (const StoredObject& object : stored_objects(store)) sizes[object.name()] = object.bytes;
  return sizes;
}

/// Which objects are still led to, while items go one after the other.
class Uses {
 public:
  Uses(const std::vector<HeldItem>& items, std::map<std::string, std::uint64_t> sizes) : sizes_(std::move(sizes)) {
    for (const HeldItem& item : items) {
      for (const std::string& object : item.objects) {
        if (++uses_[object] == 1) bytes_ += size_of(object);
      }
      bytes_ += own_bytes_of(item);
    }
  }
  std::uint64_t bytes() const { return bytes_; }
  bool is_used(const std::string& object) const {
    const auto uses = uses_.find(object);
    return uses != uses_.end() && uses->second > 0;
  }
  void drop(const HeldItem& item) {
    for (const std::string& object : item.objects) {
      if (--uses_[object] == 0) bytes_ -= size_of(object);
    }
    bytes_ -= own_bytes_of(item);
  }

 private:
  std::uint64_t size_of(const std::string& object) const {
    const auto size = sizes_.find(object);
    return size == sizes_.end() ? 0 : size->second;
  }
  /// What of an item's size its objects do not account for.
  std::uint64_t own_bytes_of(const HeldItem& item) const {
    std::uint64_t of_objects = 0;
    for (const std::string& object : item.objects) of_objects += size_of(object);
    return item.bytes - of_objects;
  }

  std::map<std::string, std::uint64_t> sizes_;
  std::map<std::string, std::size_t> uses_;
  std::uint64_t bytes_ = 0;
};

/// The items that are to go, the least recently used first. A ref that leads nowhere always goes.
std::vector<const HeldItem*> doomed(const std::vector<HeldItem>& items, const CacheWish& wish, Uses& uses) {
  std::vector<const HeldItem*> oldest_first, gone;
  for (const HeldItem& item : items) oldest_first.push_back(&item);
  std::stable_sort(oldest_first.begin(), oldest_first.end(), [](const HeldItem* a, const HeldItem* b) {
    return std::tuple(a->damage.empty(), a->last_use) < std::tuple(b->damage.empty(), b->last_use);
  });
  const std::int64_t limit = wish.older_than ? std::time(nullptr) - wish.older_than->count() : 0;
  for (const HeldItem* item : oldest_first) {
    const bool is_old = wish.older_than && item->last_use <= limit;
    const bool is_too_much = wish.keep && uses.bytes() > *wish.keep;
    if (item->damage.empty() && !is_old && !is_too_much) continue;
    uses.drop(*item);
    gone.push_back(item);
  }
  return gone;
}

void sync(const Store& store) {
  const Descriptor directory = open_file(store.repository_path(), O_RDONLY | O_DIRECTORY);
  if (syncfs(directory.get()) != 0)
    throw system_error("sync the file system of " + store.repository_path().string(), errno);
}

CacheCleaned clean(const Store& store, const CacheWish& wish) {
  const std::vector<HeldItem> items = held_items(store);
  const std::vector<StoredObject> objects = stored_objects(store);
  Uses uses(items, object_sizes(store));
  CacheCleaned cleaned;
  // Its links would keep alive what is removed; a build makes it anew.
  if (!wish.dry_run) remove_tree(Checkout::kept_in(store));
  const std::uint64_t before = uses.bytes();
  for (const HeldItem* item : doomed(items, wish, uses)) {
    cleaned.removed.push_back(*item);
    if (wish.dry_run) continue;
    if (!item->ref.empty()) remove_ref(store, item->ref);
    for (const fs::path& place : item->places) remove_tree(place);
  }
  cleaned.bytes_left = uses.bytes();
  cleaned.bytes_freed = before - uses.bytes();
  // A ref must not outlive what it leads to, in a power cut either.
  if (!wish.dry_run) sync(store);
  for (const StoredObject& object : objects) {
    if (uses.is_used(object.name())) continue;
    ++cleaned.objects;
    if (!wish.dry_run) remove_object(store, object);
  }
  return cleaned;
}

}  // namespace

std::vector<HeldItem> held_items(const Store& store) {
  std::vector<HeldItem> items;
  Reach reach(store);
  const std::map<std::string, std::uint64_t> sizes = object_sizes(store);
  for (const StoredRef& ref : stored_refs(store)) items.push_back(item_of(store, ref, reach, sizes));
  for (const CacheFolder& folder : kCacheFolders) add_files(store, folder, items);
  std::sort(items.begin(), items.end(), [](const HeldItem& a, const HeldItem& b) {
    return std::tie(a.kind, a.name, a.ref) < std::tie(b.kind, b.name, b.ref);
  });
  return items;
}

CacheContent list_cache(const fs::path& directory) {
  const Store store(directory);
  const std::vector<HeldItem> items = held_items(store);
  CacheContent content{store.directory(), 0, {items.begin(), items.end()}};
  // Objects that nothing leads to take room too.
  for (const auto& [name, bytes] : object_sizes(store)) content.bytes += bytes;
  for (const HeldItem& item : items) {
    for (const fs::path& place : item.places) content.bytes += item.kind == "tools" ? own_bytes(place) : item.bytes;
  }
  return content;
}

CacheCleaned clean_cache(RunContext& run, const fs::path& directory, const CacheWish& wish) {
  return wish.dry_run ? clean(Store(directory), wish) : clean(Store::open_alone(run, directory), wish);
}

}  // namespace ainode
