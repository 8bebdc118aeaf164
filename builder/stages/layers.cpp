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
constexpr int kVersion = 2;

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

/// A group stands in the layer of the first user that is in it, at the latest.
void place_accounts(Store& store, std::vector<Layer>& layers, Accounts left) {
  for (Layer& layer : layers) {
    if (left.empty()) return;
    const bool is_last = &layer == &layers.back();
    std::set<std::string> names;
    for (const User& user : left.users) names.insert(user.name.value);
    for (const Group& group : left.groups) names.insert(group.name.value);
    std::set<std::string> wanted = is_last ? names : mentioned_accounts(store, layer, names);
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
}

}  // namespace

std::vector<Layer> cut_layers(Store& store, const std::vector<LockedPackage>& packages, const Accounts& accounts) {
  std::vector<Layer> layers;
  for (const char* name : {"base", "root", "node"}) {
    Layer layer;
    layer.name = name;
    for (const LockedPackage& package : packages) {
      const bool is_known = package.layer == "base" || package.layer == "root";
      if (package.layer == name || (!is_known && layer.name == "node")) layer.packages.push_back(package);
    }
    if (!layer.packages.empty()) layers.push_back(std::move(layer));
  }
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
