// SPDX-License-Identifier: Apache-2.0
// The union of packages in memory, as if dpkg had unpacked them in their order, in an empty directory or over a tree.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "builder/store/control.h"
#include "builder/store/dpkg_database.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

constexpr const char* kStanzas = "var/lib/dpkg/ainode-status.d";
constexpr int kLongestChain = 40;  // of symlinks, as Linux has it

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

/// A symlink's target as a path of the tree; `directory` is the link's own.
std::string target_path(const std::string& directory, const std::string& target) {
  std::vector<std::string> components;
  const std::string whole = target.rfind('/', 0) == 0 ? target : directory + "/" + target;
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t slash = std::min(whole.find('/', at), whole.size());
    const std::string component = whole.substr(at, slash - at);
    at = slash + 1;
    if (component == "..") {
      if (!components.empty()) components.pop_back();
    } else if (!component.empty() && component != ".") {
      components.push_back(component);
    }
  }
  std::string path;
  for (const std::string& component : components) path = join(path, component);
  return path;
}

class Union {
 public:
  Union(Store& store, Tree below, std::vector<SharedPath>* shared)
      : store_(store), result_(std::move(below)), database_(store, result_), shared_(shared) {
    result_.for_each_directory([&](const std::string&, const TreeDirectory& directory) { below_.insert(&directory); });
  }

  void add(const LockedPackage& package) {
    Tree tree = store_.read_tree(package_commit(store_, package));
    const std::string stanza = store_.read_text(tree, std::string(kStanzas) + "/" + package.name);
    const std::string triggers = "var/lib/dpkg/info/" + info_name(stanza) + ".triggers";
    database_.add(stanza, tree.file(triggers) ? store_.read_text(tree, triggers) : "");
    tree.remove(kStanzas);
    merge(result_.root(), tree.root(), "", package.name);
  }

  Tree finish() {
    database_.write(result_);
    return std::move(result_);
  }

 private:
  void merge(TreeDirectory& into, const TreeDirectory& from, const std::string& path, const std::string& package) {
    merge_ownership(into, from, package);
    for (const auto& [name, file] : from.files) {
      const std::string place = database_.path_of(join(path, name), package);
      if (place == join(path, name))
        merge_file(into, name, file, place, package);
      else
        merge_diverted(place, file, package);
    }
    for (const auto& [name, child] : from.directories) {
      const std::string child_path = join(path, name);
      if (const auto file = into.files.find(name); file != into.files.end())
        merge_through(file->second, *child, path, child_path, package);
      else
        merge(into.ensure(name), *child, child_path, package);
    }
  }

  /// A directory of several packages: dpkg keeps the first's owner and mode; since our order is not the order of
  /// unpacking, whoever says more than root's 0755 wins. What was configured already stays as it is.
  void merge_ownership(TreeDirectory& into, const TreeDirectory& from, const std::string& package) const {
    if (below_.count(&into)) return;
    if (into.owner.empty()) into.owner = package;
    if (into.ownership == Ownership{}) into.ownership = from.ownership;
  }

  void merge_diverted(const std::string& place, const TreeDirectory::File& file, const std::string& package) {
    const std::size_t slash = place.rfind('/');
    TreeDirectory& into =
        slash == std::string::npos ? result_.root() : result_.make_directories(place.substr(0, slash));
    merge_file(into, place.substr(slash == std::string::npos ? 0 : slash + 1), file, place, package);
  }

  void merge_file(TreeDirectory& into, const std::string& name, const TreeDirectory::File& file,
                  const std::string& path, const std::string& package) {
    if (const auto directory = into.directories.find(name); directory != into.directories.end()) {
      // As dpkg has it: a symlink leaves a directory that is there already as it is.
      if (store_.read_metadata(file.checksum).is_symlink) return;
      throw directory_clash(path, directory->second->owner, package);
    }
    const auto [existing, is_new] = into.files.try_emplace(name, TreeDirectory::File{file.checksum, package});
    if (is_new) return;
    const std::string other = owner_of(existing->second, path);
    if (other.empty() || database_.replaces(package, other)) {
      if (!other.empty()) database_.drop_from_list(other, path);
      existing->second = {file.checksum, package};
    } else if (database_.replaces(other, package)) {
      database_.drop_from_list(package, path);
    } else {
      const SharedPath both{path, other, existing->second.checksum, package, file.checksum};
      if (!shared_) throw clash_error(both);
      shared_->push_back(both);
    }
  }

  /// As dpkg has it: a directory over a symlink to one goes where the symlink leads.
  void merge_through(const TreeDirectory::File& link, const TreeDirectory& from, const std::string& directory,
                     const std::string& path, const std::string& package) {
    const std::string other = owner_of(link, path);
    TreeDirectory::File file = link;
    std::string place = path, parent = directory;
    for (int hops = 0; hops < kLongestChain; ++hops) {
      const FileObject object = store_.read_metadata(file.checksum);
      if (!object.is_symlink) break;
      place = target_path(parent, object.content);
      if (TreeDirectory* target = place.empty() ? nullptr : result_.directory(place)) {
        return merge(*target, from, place, package);
      }
      const TreeDirectory::File* next = place.empty() ? nullptr : result_.file(place);
      if (!next) break;
      file = *next;
      parent = place.substr(0, std::min(place.rfind('/'), place.size()));
      if (place.find('/') == std::string::npos) parent.clear();
    }
    throw directory_clash(path, other, package);
  }

  /// A tree that was read from a commit does not say whose its files are, but dpkg's lists do.
  std::string owner_of(const TreeDirectory::File& file, const std::string& path) {
    if (file.owner.empty()) return database_.owner_below(path);
    std::string first = file.owner.substr(0, file.owner.find(", then "));
    return database_.holds(first) ? first : "";
  }

  static Error directory_clash(const std::string& path, const std::string& other, const std::string& package) {
    return Error(codes::file_clash,
                 fmt::format("/{} is a directory in one of {} and {}, and something else in the other", path,
                             other.empty() ? "the tree" : other, package))
        .help("exclude one of the two packages");
  }

  Store& store_;
  Tree result_;
  DpkgDatabase database_;
  std::set<const TreeDirectory*> below_;
  std::vector<SharedPath>* shared_;  ///< null: each is an error
};

}  // namespace

Error clash_error(const SharedPath& path) {
  return Error(codes::file_clash, fmt::format("/{} is in both {} and {}", path.path, path.first, path.second))
      .help("exclude one of the two packages; neither declares that it replaces the other");
}

namespace {

Tree unite(Store& store, const Tree& below, const std::vector<LockedPackage>& packages,
           std::vector<SharedPath>* shared) {
  Store::Transaction transaction(store);
  Union all(store, below.clone(), shared);
  for (const LockedPackage& package : packages) all.add(package);
  Tree tree = all.finish();
  transaction.commit();
  return tree;
}

}  // namespace

Tree compose_onto(Store& store, const Tree& below, const std::vector<LockedPackage>& packages,
                  std::vector<SharedPath>& shared) {
  return unite(store, below, packages, &shared);
}

Tree compose(Store& store, const std::vector<LockedPackage>& packages) {
  return unite(store, Tree(), packages, nullptr);
}

}  // namespace ainode
