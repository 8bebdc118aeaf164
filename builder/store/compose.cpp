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
  Union(Store& store, const Tree& below, std::vector<SharedPath>& shared)
      : store_(store), result_(below.clone()), shared_(&shared) {
    read_database();
  }

  void add(const LockedPackage& package) {
    Tree tree = store_.read_tree(package_commit(store_, package));
    for (const auto& [from, diversion] : diversions_)
      if (diversion.package != package.name) tree.move(from, diversion.to);
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
    const std::string other = first_maker(existing->second.owner);
    if (is_new || replaces(other, package)) return;
    const bool is_of_a_package = stanzas_.contains(other);
    if (is_of_a_package && !replaces(package, other)) {
      const SharedPath both{path.substr(1), other, existing->second.checksum, package, file.checksum};
      if (!shared_) throw clash_error(both);
      return shared_->push_back(both);
    }
    existing->second = {file.checksum, package};
  }

  /// Who shipped a file, whoever changed it since.
  static std::string first_maker(const std::string& owner) { return owner.substr(0, owner.find(", then ")); }

  bool replaces(const std::string& package, const std::string& other) const {
    const auto stanza = stanzas_.find(package);
    if (stanza == stanzas_.end()) return false;
    const std::vector<std::string> names = names_in(control_field(stanza->second, "Replaces"));
    return std::find(names.begin(), names.end(), other) != names.end();
  }

  static Error clash(const std::string& path, const std::string& first, const std::string& second) {
    return clash_error({path.substr(1), first_maker(first), "", second, ""});
  }

  /// Of the tree below: every package's stanza, and what is diverted.
  void read_database() {
    if (!result_.file(std::string(kDatabase) + "/status")) return;  // an empty tree: nothing is configured yet
    const std::string status = store_.read_text(result_, std::string(kDatabase) + "/status");
    for (std::size_t start = 0; start < status.size();) {
      const std::size_t end = std::min(status.find("\n\n", start), status.size() - 2) + 2;
      const std::string stanza = status.substr(start, end - start);
      if (const std::string name = control_field(stanza, "Package"); !name.empty()) stanzas_[name] = stanza;
      start = end;
    }
    const std::string diversions = std::string(kDatabase) + "/diversions";
    if (result_.file(diversions)) diversions_ = read_diversions(store_.read_text(result_, diversions));
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
    result_.put_file(std::string(kDatabase) + "/" + name, store_.write_text(content), "dpkg itself");
  }

  Store& store_;
  Tree result_;
  std::map<std::string, Diversion> diversions_;
  std::vector<SharedPath>* shared_ = nullptr;   ///< null: each is an error
  std::map<std::string, std::string> stanzas_;  ///< by package name, so that the status file is sorted
};

}  // namespace

Error clash_error(const SharedPath& path) {
  return Error(codes::file_clash, fmt::format("/{} is in both {} and {}", path.path, path.first, path.second))
      .help("exclude one of the two packages; neither declares that it replaces the other");
}

std::map<std::string, Diversion> read_diversions(std::string_view text) {
  std::map<std::string, Diversion> diversions;
  std::istringstream lines{std::string(text)};
  for (std::string from, to, package;
       std::getline(lines, from) && std::getline(lines, to) && std::getline(lines, package);)
    if (from.size() > 1 && to.size() > 1) diversions[from.substr(1)] = {to.substr(1), package};
  return diversions;
}

Tree compose_onto(Store& store, const Tree& below, const std::vector<LockedPackage>& packages,
                  std::vector<SharedPath>& shared) {
  Store::Transaction transaction(store);
  Union all(store, below, shared);
  for (const LockedPackage& package : packages) all.add(package);
  Tree tree = all.finish();
  transaction.commit();
  return tree;
}

Tree compose(Store& store, const std::vector<LockedPackage>& packages) {
  Store::Transaction transaction(store);
  Union all(store);
  for (const LockedPackage& package : packages) all.add(package);
  Tree tree = all.finish();
  transaction.commit();
  return tree;
}

}  // namespace ainode
