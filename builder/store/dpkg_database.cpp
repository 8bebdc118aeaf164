// SPDX-License-Identifier: Apache-2.0
// The formats of dpkg's own files: deb-triggers(5), dpkg-divert(1), and dpkg's source for what has no manual.
#include "builder/store/dpkg_database.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/store/control.h"

namespace ainode {

namespace {

constexpr const char* kDatabase = "var/lib/dpkg/";
constexpr const char* kOwner = "dpkg itself";

/// The name of a package behind the name of its files in info: "libc6:amd64" → "libc6".
std::string package_of(const std::string& info_name) {
  return info_name.substr(0, info_name.find(':'));
}

/// A path as lists and diversions have it, as the tree has it.
std::string tree_path(const std::string& listed) {
  return merged_path(listed.substr(listed.rfind('/', 0) == 0 ? 1 : 0));
}

}  // namespace

std::map<std::string, Diversion> read_diversions(std::string_view text) {
  // Three lines a diversion: the path, where it is diverted to, and by which package (`:` for the administrator).
  std::map<std::string, Diversion> diversions;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i + 2 < lines.size(); i += 3)
    diversions[tree_path(lines[i])] = {tree_path(lines[i + 1]), lines[i + 2]};
  return diversions;
}

DpkgDatabase::DpkgDatabase(Store& store, const Tree& tree) : store_(store) {
  read_status(tree);
  diversions_ = read_diversions(text_if_any(tree, "diversions"));
  read_triggers(tree);
  const TreeDirectory* info = tree.directory(std::string(kDatabase) + "info");
  if (!info) return;
  for (const auto& [name, file] : info->files) {
    if (name.ends_with(".list")) lists_below_[name.substr(0, name.size() - 5)] = file.checksum;
  }
}

std::string DpkgDatabase::text_if_any(const Tree& tree, const std::string& name) const {
  const std::string path = kDatabase + name;
  return tree.file(path) ? store_.read_text(tree, path) : "";
}

void DpkgDatabase::read_status(const Tree& tree) {
  for (const std::string& stanza : stanzas_in(text_if_any(tree, "status"))) {
    stanzas_[{control_field(stanza, "Package"), control_field(stanza, "Architecture")}] = stanza;
  }
}

void DpkgDatabase::read_triggers(const Tree& tree) {
  triggers_ = {{"File", ""}, {"Unincorp", ""}};
  const TreeDirectory* directory = tree.directory(std::string(kDatabase) + "triggers");
  if (!directory) return;
  for (const auto& [name, file] : directory->files) {
    if (name != "Lock") triggers_[name] = store_.read_file(file.checksum).content;
  }
}

void DpkgDatabase::add(const std::string& stanza, std::string_view triggers) {
  stanzas_[{control_field(stanza, "Package"), control_field(stanza, "Architecture")}] = stanza;
  add_triggers(triggers_, info_name(stanza), triggers);
}

const std::string* DpkgDatabase::stanza_of(const std::string& package) const {
  const auto found = stanzas_.lower_bound({package, ""});
  return found == stanzas_.end() || found->first.first != package ? nullptr : &found->second;
}

bool DpkgDatabase::replaces(const std::string& package, const std::string& other) const {
  const std::string *replacing = stanza_of(package), *replaced = stanza_of(other);
  if (!replacing || !replaced) return false;
  // Only the package's own name counts here: dpkg takes virtual names where packages are removed, not for files.
  for (const Relation& relation : relations_in(control_field(*replacing, "Replaces"))) {
    if (relation.name == other && relation.accepts(control_field(*replaced, "Version"))) return true;
  }
  return false;
}

void DpkgDatabase::read_owners() {
  owners_.emplace();
  for (const auto& [name, checksum] : lists_below_) {
    for (const std::string& line : lines_of(store_.read_file(checksum).content)) {
      (*owners_)[path_of(tree_path(line), package_of(name))] = package_of(name);
    }
  }
}

std::string DpkgDatabase::owner_below(const std::string& path) {
  if (!owners_) read_owners();
  const auto owner = owners_->find(path);
  return owner == owners_->end() ? "" : owner->second;
}

std::string DpkgDatabase::path_of(const std::string& path, const std::string& package) const {
  const auto diversion = diversions_.find(path);
  return diversion == diversions_.end() || diversion->second.package == package ? path : diversion->second.to;
}

void DpkgDatabase::drop_from_list(const std::string& package, const std::string& path) {
  dropped_[package].insert(path);
}

void DpkgDatabase::rewrite_lists(Tree& tree) const {
  for (const auto& [package, paths] : dropped_) {
    const std::string* stanza = stanza_of(package);
    if (!stanza) continue;
    const std::string name = "info/" + info_name(*stanza) + ".list";
    std::string kept;
    for (const std::string& line : lines_of(text_if_any(tree, name))) {
      if (!paths.count(tree_path(line))) kept += line + "\n";
    }
    put(tree, name, kept);
  }
}

void DpkgDatabase::write(Tree& tree) {
  std::string status;
  for (const auto& [key, stanza] : stanzas_) status += stanza;
  put(tree, "status", status);
  for (const char* name : {"available", "info/format"}) {
    if (!tree.file(std::string(kDatabase) + name)) put(tree, name, name == std::string("available") ? "" : "1\n");
  }
  for (const char* name : {"updates", "triggers", "alternatives", "parts"})
    tree.make_directories(kDatabase + std::string(name));
  for (const auto& [name, content] : triggers_) put(tree, "triggers/" + name, content);
  rewrite_lists(tree);
}

void DpkgDatabase::put(Tree& tree, const std::string& name, const std::string& content) const {
  const TreeDirectory::File* present = tree.file(kDatabase + name);
  std::string checksum = store_.write_text(content);
  if (present && present->checksum == checksum) return;
  tree.put_file(kDatabase + name, std::move(checksum), kOwner);
}

}  // namespace ainode
