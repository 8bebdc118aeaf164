// SPDX-License-Identifier: Apache-2.0
// dpkg's database (/var/lib/dpkg) of a tree that is being put together: read once, extended, written back.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/store/packages.h"
#include "builder/store/store.h"

namespace ainode {

class DpkgDatabase {
 public:
  /// Of the packages that `tree` holds; of none when it has no database.
  DpkgDatabase(Store& store, const Tree& tree);

  /// A package that is unpacked, after all those added before.
  void add(const std::string& stanza, std::string_view triggers);

  bool holds(const std::string& package) const { return stanza_of(package) != nullptr; }

  /// Whether one of the two packages declares that it replaces the other in the version that is here.
  bool replaces(const std::string& package, const std::string& other) const;

  /// Which package of the tree read owns a path, by its lists; empty when none does.
  std::string owner_below(const std::string& path);

  /// Where a path of a package lies: somewhere else when another package of the tree read diverts it.
  std::string path_of(const std::string& path, const std::string& package) const;

  /// Takes a path out of its former owner's list, as dpkg does for a file that another package replaced.
  void drop_from_list(const std::string& package, const std::string& path);

  void write(Tree& tree);

 private:
  using Key = std::pair<std::string, std::string>;  ///< name and architecture: the status file's order
  void read_status(const Tree& tree);
  void read_triggers(const Tree& tree);
  void read_owners();
  std::string text_if_any(const Tree& tree, const std::string& name) const;
  const std::string* stanza_of(const std::string& package) const;
  void rewrite_lists(Tree& tree) const;
  void put(Tree& tree, const std::string& name, const std::string& content) const;

  Store& store_;
  std::map<Key, std::string> stanzas_;
  std::map<std::string, std::string> triggers_;               ///< triggers/NAME and what it says
  std::map<std::string, Diversion> diversions_;               ///< by the path that is diverted
  std::map<std::string, std::string> lists_below_;            ///< the checksum of each list, by its package's name
  std::optional<std::map<std::string, std::string>> owners_;  ///< read when first asked for
  std::map<std::string, std::set<std::string>> dropped_;      ///< paths by the package that lost them
};

}  // namespace ainode
