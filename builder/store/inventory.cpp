// SPDX-License-Identifier: Apache-2.0
// Refs and objects as files, counted by what reaches them.
#include "builder/store/inventory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "builder/store/store_state.h"

namespace ainode {

namespace {

constexpr std::size_t kHexDigits = 64;

bool is_checksum(const std::string& text) {
  return text.size() == kHexDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void remove_file(const fs::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) throw system_error("remove " + path.string(), errno);
}

/// Files that a killed process was about to give a name.
void remove_unnamed(const fs::path& directory) {
  std::vector<fs::path> doomed;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name[0] == '.' || name.rfind("download-", 0) == 0) doomed.push_back(entry.path());
  }
  for (const fs::path& path : doomed) remove_tree(path);
}

/// A commit was cut off while its objects got their names, in no order: those whose trees lack something go, with the
/// refs that lead there.
void remove_half_made_commits(const Store& store) {
  Reach reach(store);
  std::set<std::string> broken;
  for (const StoredObject& object : stored_objects(store)) {
    if (object.type != "commit") continue;
    try {
      reach.of(object.checksum);
    } catch (const Error& error) {
      if (error.code().id == codes::interrupted.id) throw;
      broken.insert(object.checksum);
    }
  }
  for (const StoredRef& ref : stored_refs(store)) {
    if (ref.commit.empty() || broken.contains(ref.commit)) remove_ref(store, ref.name);
  }
  for (const std::string& commit : broken) {
    for (const char* type : {"commitmeta", "commit"}) remove_object(store, {commit, type, 0});
  }
}

}  // namespace

std::vector<StoredRef> stored_refs(const Store& store) {
  const fs::path heads = store.repository_path() / "refs/heads";
  std::vector<StoredRef> refs;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(heads, ignored)) {
    struct stat status = {};
    if (stat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    StoredRef& ref = refs.emplace_back();
    ref.name = entry.path().lexically_relative(heads).string();
    ref.last_use = status.st_mtim.tv_sec;
    ref.commit = read_file_if_any(entry.path(), 4096).value_or("");
    if (!ref.commit.empty() && ref.commit.back() == '\n') ref.commit.pop_back();
    if (!is_checksum(ref.commit)) ref.commit.clear();
  }
  std::sort(refs.begin(), refs.end(), [](const StoredRef& a, const StoredRef& b) { return a.name < b.name; });
  return refs;
}

std::vector<StoredObject> stored_objects(const Store& store) {
  std::vector<StoredObject> objects;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(store.repository_path() / "objects", ignored)) {
    struct stat status = {};
    if (lstat(entry.path().c_str(), &status) != 0 || S_ISDIR(status.st_mode)) continue;
    StoredObject& object = objects.emplace_back();
    object.checksum = entry.path().parent_path().filename().string() + entry.path().stem().string();
    object.type = entry.path().extension().string();
    if (!object.type.empty()) object.type.erase(0, 1);
    object.bytes = static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  std::sort(objects.begin(), objects.end());
  return objects;
}

const std::set<std::string>& Reach::of(const std::string& commit) {
  if (const auto known = known_.find(commit); known != known_.end()) return known->second;
  std::set<std::string> names;
  store_.for_each_object(commit, [&](const std::string& checksum, const std::string& type) {
    names.insert(checksum + "." + type);
    const fs::path path = store_.state().object_path(checksum, type.c_str());
    if (fs::exists(fs::symlink_status(path))) return;
    throw Error(codes::store_failed, "there is no " + path.string());
  });
  names.insert(commit + ".commitmeta");
  return known_.emplace(commit, std::move(names)).first->second;
}

void remove_ref(const Store& store, const std::string& name) {
  remove_file(store.repository_path() / "refs/heads" / name);
}

void remove_object(const Store& store, const StoredObject& object) {
  remove_file(store.repository_path() / "objects" / object.checksum.substr(0, 2) /
              (object.checksum.substr(2) + "." + object.type));
}

void repair(Store& store) {
  const fs::path& directory = store.directory();
  store.state().purge_staging();
  for (const char* name : {"work", "makers"}) remove_tree(directory / name);
  for (const char* name :
       {"results", "debs", "tools", "indices", "indices/indices", "indices/pools", "indices/last-seen"})
    remove_unnamed(directory / name);
  const fs::path unfinished = directory / "unfinished";
  std::error_code missing;
  if (!fs::exists(unfinished, missing) || fs::is_empty(unfinished, missing)) return;
  remove_half_made_commits(store);
  remove_tree(unfinished);
}

}  // namespace ainode
