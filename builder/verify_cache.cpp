// SPDX-License-Identifier: Apache-2.0
// Every byte of the cache against the name or the digest that it lies under; and the removal of what is wrong, with all
// that is made of it.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "builder/cache_items.h"
#include "builder/packages/pool_cache.h"
#include "builder/store/checkout.h"

namespace ainode {

namespace {

class Verification {
 public:
  Verification(RunContext& run, const Store& store, bool repair) : run_(run), store_(store), repair_(repair) {}

  CacheVerdict verify() {
    verify_objects();
    // From here no object that is left is damaged, when they are removed.
    for (const HeldItem& item : held_items(store_)) {
      throw_if_interrupted();
      item.ref.empty() ? verify_file(item) : verify_ref(item);
    }
    const auto by_path = [](const CacheDamage& a, const CacheDamage& b) { return a.path < b.path; };
    std::sort(verdict_.damage.begin(), verdict_.damage.end(), by_path);
    return std::move(verdict_);
  }

 private:
  void verify_objects() {
    const std::vector<StoredObject> objects = stored_objects(store_);
    std::atomic<std::size_t> done{0};
    parallel_for(run_.jobs, objects.size(), [&](std::size_t i) {
      verify_object(objects[i]);
      if (const std::size_t count = ++done; count % 1024 == 0)
        run_.events.progress("verify", count, objects.size(), "objects");
    });
    verdict_.objects = objects.size();
  }

  void verify_object(const StoredObject& object) {
    std::string reason;
    try {
      if (object.type == "file") {
        store_.require_sound(object.checksum);
      } else if (object.type == "commitmeta") {
        return;  // signatures prove themselves where they are used, and are made anew for every image
      } else if (object.type != "commit" && object.type != "dirtree" && object.type != "dirmeta") {
        reason = "no object of OSTree has such a name";
      } else if (sha256_hex(store_.metadata_bytes(object.checksum, object.type)) != object.checksum) {
        reason = "its bytes have another hash than its name";
      }
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id) throw;
      reason = error.message();
    }
    if (reason.empty()) return;
    const std::lock_guard guard(lock_);
    add(store_.repository_path() / "objects" / object.checksum.substr(0, 2) /
            (object.checksum.substr(2) + "." + object.type),
        reason);
    if (repair_) remove_object(store_, object);
  }

  void verify_ref(const HeldItem& item) {
    std::string reason = item.damage;
    fs::path path = store_.repository_path() / "refs/heads" / item.ref;
    try {
      if (reason.empty() && item.kind == "tools" && fs::exists(item.places.at(0))) {
        const auto wrong =
            difference_from_checkout(store_, store_.read_tree(*store_.resolve(item.ref)), item.places[0]);
        if (wrong) path = *wrong, reason = "it is not what the tools tree was made of";
      }
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id) throw;
      reason = error.message();
    }
    if (reason.empty()) return;
    add(path, reason);
    if (!repair_) return;
    remove_ref(store_, item.ref);
    for (const fs::path& place : item.places) remove_tree(place);
  }

  void verify_file(const HeldItem& item) {
    const fs::path& path = item.places.at(0);
    ++verdict_.files;
    if (is_sound(item, path)) return;
    add(path, "its bytes have another hash than they should");
    if (repair_) remove_tree(path);
  }

  bool is_sound(const HeldItem& item, const fs::path& path) const {
    if (item.kind == "deb" || item.kind == "index") return sha256_hex_of_file(path) == path.stem().string();
    if (item.kind == "pool") return is_sound_pool(path);
    if (item.kind == "result") return store_.is_sound_result(item.name);
    return true;  // a partial download is hashed as a whole when it is complete
  }

  void add(const fs::path& path, const std::string& reason) { verdict_.damage.push_back({path, reason}); }

  RunContext& run_;
  const Store& store_;
  const bool repair_;
  std::mutex lock_;
  CacheVerdict verdict_;
};

}  // namespace

CacheVerdict verify_cache(RunContext& run, const fs::path& directory, bool repair) {
  const Store store = repair ? Store::open_alone(run, directory) : Store(directory);
  return Verification(run, store, repair).verify();
}

}  // namespace ainode
