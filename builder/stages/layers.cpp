// SPDX-License-Identifier: Apache-2.0
// Where an account belongs is read off the packages: their scripts and sysusers.d(5) files name what they make.
#include "builder/stages/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "builder/store/packages.h"

namespace ainode {

namespace {

// Raised whenever the same packages and accounts configure to another tree.
constexpr int kVersion = 5;

bool is_name_byte(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) || byte == '_' || byte == '-';
}

bool mentions(const std::string& text, const std::string& name) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const bool starts = at == 0 || !is_name_byte(text[at - 1]);
    const std::size_t end = at + name.size();
    if (starts && (end == text.size() || !is_name_byte(text[end]))) return true;
  }
  return false;
}

bool may_make_accounts(const std::string& path) {
  const bool is_script =
      path.rfind("var/lib/dpkg/info/", 0) == 0 && (path.ends_with(".preinst") || path.ends_with(".postinst"));
  return is_script || path.rfind("usr/lib/sysusers.d/", 0) == 0;
}

std::set<std::string> names_in(const Store& store, const LockedPackage& package, const std::set<std::string>& names) {
  std::set<std::string> found;
  const Tree tree = store.read_tree(package_commit(store, package));
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    if (!may_make_accounts(path)) return;
    const std::string text = store.read_file(file.checksum).content;
    for (const std::string& name : names)
      if (mentions(text, name)) found.insert(name);
  });
  return found;
}

/// Remembered, since it reads every package's tree.
std::set<std::string> mentioned_accounts(Store& store, const Layer& layer, const std::set<std::string>& names) {
  StepKey key("accounts of a layer", 1);
  for (const std::string& name : names) key.add(name);
  for (const LockedPackage& package : layer.packages) key.add(package.sha256);
  std::set<std::string> found;
  if (const auto known = store.recall(key)) {
    std::istringstream words(*known);
    for (std::string name; words >> name;) found.insert(name);
    return found;
  }
  for (const LockedPackage& package : layer.packages) found.merge(names_in(store, package, names));
  store.remember(key, fmt::format("{}", fmt::join(found, "\n")));
  return found;
}

/// A group stands in the layer of the first user that is in it, at the latest. What groups a package may make is not
/// known before all are configured: users join those in the last layer.
void place_accounts(Store& store, std::vector<Layer>& layers, Accounts left) {
  std::set<std::string> declared;
  for (const Group& group : left.groups) declared.insert(group.name.value);
  Layer last;
  last.name = "accounts";
  for (User& user : left.users) {
    const auto is_declared = [&](const Text& group) { return declared.contains(group.value); };
    if (std::all_of(user.groups.begin(), user.groups.end(), is_declared)) continue;
    last.accounts.users.push_back(user);
    std::erase_if(user.groups, [&](const Text& group) { return !is_declared(group); });
  }
  for (Layer& layer : layers) {
    if (left.empty()) break;
    std::set<std::string> names;
    for (const User& user : left.users) names.insert(user.name.value);
    for (const Group& group : left.groups) names.insert(group.name.value);
    std::set<std::string> wanted = mentioned_accounts(store, layer, names);
    for (const User& user : left.users) {
      if (!wanted.contains(user.name.value)) continue;
      wanted.insert(user.group.value);
      for (const Text& group : user.groups) wanted.insert(group.value);
    }
    const auto move_wanted = [&](auto& from, auto& to) {
      for (const auto& account : from)
        if (wanted.contains(account.name.value)) to.push_back(account);
      std::erase_if(from, [&](const auto& account) { return wanted.contains(account.name.value); });
    };
    move_wanted(left.users, layer.accounts.users);
    move_wanted(left.groups, layer.accounts.groups);
  }
  const auto is_there = [&](const User& user) {
    return std::any_of(last.accounts.users.begin(), last.accounts.users.end(),
                       [&](const User& other) { return other.name.value == user.name.value; });
  };
  last.accounts.groups = left.groups;
  for (const User& user : left.users)
    if (!is_there(user)) last.accounts.users.push_back(user);
  if (!last.accounts.empty()) layers.push_back(std::move(last));
}

/// Whether the packages of some layer do not stand together.
bool are_mixed(const std::vector<LockedPackage>& packages) {
  std::set<std::string> ended;
  for (std::size_t i = 1; i < packages.size(); ++i) {
    if (packages[i].layer == packages[i - 1].layer) continue;
    ended.insert(packages[i - 1].layer);
    if (ended.contains(packages[i].layer)) return true;
  }
  return false;
}

/// As the lock has them; in an older one the layers' packages are mixed, and all but the base are one layer.
std::vector<Layer> layers_of(std::vector<LockedPackage> packages) {
  std::vector<Layer> layers;
  if (are_mixed(packages))
    for (LockedPackage& package : packages)
      if (package.layer != "base") package.layer = "node";
  for (const LockedPackage& package : packages) {
    auto layer =
        std::find_if(layers.begin(), layers.end(), [&](const Layer& known) { return known.name == package.layer; });
    if (layer == layers.end()) {
      layer = layers.emplace(layers.end());
      layer->name = package.layer;
    }
    layer->packages.push_back(package);
  }
  std::stable_partition(layers.begin(), layers.end(), [](const Layer& layer) { return layer.name == "base"; });
  return layers;
}

}  // namespace

std::vector<Layer> locked_layers(Store& store, const std::vector<LockedPackage>& packages, const Accounts& accounts) {
  std::vector<Layer> layers = layers_of(packages);
  place_accounts(store, layers, accounts);
  std::string below;
  std::int64_t epoch = 0;
  for (Layer& layer : layers) {
    StepKey key("configure", kVersion);
    key.add(below).add(layer.accounts.canonical());
    for (const LockedPackage& package : layer.packages) {
      key.add(package.sha256);
      epoch = std::max(epoch, package_time(store, package));
    }
    layer.epoch = epoch;
    below = key.hex();
    layer.ref = "configured/" + below;
  }
  return layers;
}

}  // namespace ainode
