// SPDX-License-Identifier: Apache-2.0
// The union of packages in memory, as if dpkg had unpacked them all in an empty directory.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "builder/store/control.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

constexpr const char* kDatabase = "var/lib/dpkg";
constexpr const char* kStanzas = "var/lib/dpkg/ainode-status.d";

/// The names in a relation field, versions and alternatives dropped.
std::vector<std::string> names_in(const std::string& relations) {
  std::vector<std::string> names;
  std::istringstream stream(relations);
  for (std::string clause; std::getline(stream, clause, ',');) {
    std::istringstream words(clause);
    std::string name;
    if (words >> name) names.push_back(name.substr(0, name.find_first_of(":(")));
  }
  return names;
}

class Union {
 public:
  explicit Union(Store& store) : store_(store) {}

  void add(const LockedPackage& package) {
    const Tree tree = store_.read_tree(package_commit(store_, package));
    const auto stanza = tree.file(std::string(kStanzas) + "/" + package.name);
    if (stanza) stanzas_[package.name] = store_.read_file(stanza->checksum).content;
    merge(result_.root(), tree.root(), "", package.name);
  }

  Tree finish() {
    write_database();
    return std::move(result_);
  }

 private:
  void merge(TreeDirectory& into, const TreeDirectory& from, const std::string& path, const std::string& package) {
    merge_ownership(into, from, package);
    for (const auto& [name, file] : from.files) merge_file(into, name, file, path + "/" + name, package);
    for (const auto& [name, child] : from.directories) {
      const std::string child_path = path + "/" + name;
      if (const auto file = into.files.find(name); file != into.files.end())
        throw clash(child_path, file->second.owner, package);
      merge(into.ensure(name), *child, child_path, package);
    }
  }

  /// A directory of several packages: dpkg keeps the first's owner and mode; since our order is not the order of
  /// unpacking, whoever says more than root's 0755 wins.
  static void merge_ownership(TreeDirectory& into, const TreeDirectory& from, const std::string& package) {
    if (into.owner.empty()) into.owner = package;
    if (into.ownership == Ownership{}) into.ownership = from.ownership;
  }

  void merge_file(TreeDirectory& into, const std::string& name, const TreeDirectory::File& file,
                  const std::string& path, const std::string& package) {
    if (const auto directory = into.directories.find(name); directory != into.directories.end()) {
      throw clash(path, directory->second->owner, package);
    }
    const auto [existing, is_new] = into.files.try_emplace(name, TreeDirectory::File{file.checksum, package});
    if (is_new || replaces(existing->second.owner, package)) return;
    if (!replaces(package, existing->second.owner)) throw clash(path, existing->second.owner, package);
    existing->second = {file.checksum, package};
  }

  bool replaces(const std::string& package, const std::string& other) const {
    const auto stanza = stanzas_.find(package);
    if (stanza == stanzas_.end()) return false;
    const std::vector<std::string> names = names_in(control_field(stanza->second, "Replaces"));
    return std::find(names.begin(), names.end(), other) != names.end();
  }

  static Error clash(const std::string& path, const std::string& first, const std::string& second) {
    return Error(codes::file_clash, fmt::format("{} is in both {} and {}", path, first, second))
        .help("exclude one of the two packages; neither declares that it replaces the other");
  }

  void write_database() {
    std::string status;
    for (const auto& [name, stanza] : stanzas_) status += stanza;
    put("status", status);
    put("available", "");
    put("info/format", "1\n");
    result_.remove(kStanzas);
    for (const char* name : {"updates", "triggers", "alternatives", "parts"}) {
      result_.make_directories(std::string(kDatabase) + "/" + name);
    }
    write_triggers();
  }

  void write_triggers() {
    TriggerFiles triggers = {{"File", ""}, {"Unincorp", ""}};
    for (const auto& [name, file] : result_.directory(std::string(kDatabase) + "/info")->files) {
      const std::string suffix = ".triggers";
      if (name.size() <= suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
        continue;
      add_triggers(triggers, name.substr(0, name.size() - suffix.size()), store_.read_file(file.checksum).content);
    }
    for (const auto& [name, content] : triggers) put("triggers/" + name, content);
  }

  void put(const std::string& name, const std::string& content) {
    result_.put_file(std::string(kDatabase) + "/" + name, store_.write_text(content), "<compose>");
  }

  Store& store_;
  Tree result_;
  std::map<std::string, std::string> stanzas_;  ///< by package name, so that the status file is sorted
};

}  // namespace

Tree compose(Store& store, const std::vector<LockedPackage>& packages) {
  Store::Transaction transaction(store);
  Union all(store);
  for (const LockedPackage& package : packages) all.add(package);
  Tree tree = all.finish();
  transaction.commit();
  return tree;
}

}  // namespace ainode
