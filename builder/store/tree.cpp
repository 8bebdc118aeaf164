// SPDX-License-Identifier: Apache-2.0
// Walking and changing a tree of names.
#include "builder/store/tree.h"

#include <stdexcept>

namespace ainode {

namespace {

std::unique_ptr<TreeDirectory> clone_directory(const TreeDirectory& from) {
  auto copy = std::make_unique<TreeDirectory>();
  copy->ownership = from.ownership;
  copy->owner = from.owner;
  copy->files = from.files;
  for (const auto& [name, child] : from.directories) copy->directories[name] = clone_directory(*child);
  return copy;
}

/// Takes the first component off the path.
std::string take_component(std::string_view& path) {
  const std::size_t slash = path.find('/');
  std::string name(path.substr(0, slash));
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") throw std::logic_error("a tree path must be plain: '" + name + "'");
  return name;
}

std::pair<std::string_view, std::string> split(std::string_view path) {
  if (path.empty() || path.front() == '/')
    throw std::logic_error("a tree path is relative: '" + std::string(path) + "'");
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, std::string(path)};
  return {path.substr(0, slash), std::string(path.substr(slash + 1))};
}

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

void visit_files(const TreeDirectory& directory, const std::string& path,
                 const std::function<void(const std::string&, const TreeDirectory::File&)>& visit) {
  for (const auto& [name, file] : directory.files) visit(join(path, name), file);
  for (const auto& [name, child] : directory.directories) visit_files(*child, join(path, name), visit);
}

void visit_directories(const TreeDirectory& directory, const std::string& path,
                       const std::function<void(const std::string&, const TreeDirectory&)>& visit) {
  visit(path, directory);
  for (const auto& [name, child] : directory.directories) visit_directories(*child, join(path, name), visit);
}

}  // namespace

std::string origin_chain(const std::string& before, const std::string& maker) {
  if (before.empty() || before == maker) return maker;
  const std::string tail = ", then " + maker;
  return before.ends_with(tail) ? before : before + tail;
}

TreeDirectory& TreeDirectory::ensure(const std::string& name) {
  auto& child = directories[name];
  if (!child) child = std::make_unique<TreeDirectory>();
  return *child;
}

Tree Tree::clone() const {
  Tree copy;
  copy.root_ = clone_directory(*root_);
  return copy;
}

const TreeDirectory* Tree::directory(std::string_view path) const {
  const TreeDirectory* current = root_.get();
  while (!path.empty()) {
    const auto child = current->directories.find(take_component(path));
    if (child == current->directories.end()) return nullptr;
    current = child->second.get();
  }
  return current;
}

TreeDirectory* Tree::directory(std::string_view path) {
  return const_cast<TreeDirectory*>(static_cast<const Tree*>(this)->directory(path));
}

const TreeDirectory::File* Tree::file(std::string_view path) const {
  const auto [parent, name] = split(path);
  const TreeDirectory* where = directory(parent);
  if (!where) return nullptr;
  const auto found = where->files.find(name);
  return found == where->files.end() ? nullptr : &found->second;
}

TreeDirectory& Tree::make_directories(std::string_view path) {
  TreeDirectory* current = root_.get();
  while (!path.empty()) {
    const std::string name = take_component(path);
    current->files.erase(name);
    current = &current->ensure(name);
  }
  return *current;
}

void Tree::put_file(std::string_view path, std::string checksum, std::string owner) {
  const auto [parent, name] = split(path);
  TreeDirectory& where = make_directories(parent);
  where.directories.erase(name);
  where.files[name] = {std::move(checksum), std::move(owner)};
}

bool Tree::remove(std::string_view path) {
  const auto [parent, name] = split(path);
  TreeDirectory* where = directory(parent);
  return where && where->files.erase(name) + where->directories.erase(name) > 0;
}

bool Tree::move(std::string_view from, std::string_view to) {
  const auto [from_parent, from_name] = split(from);
  TreeDirectory* source = directory(from_parent);
  if (!source) return false;
  if (exists(to)) throw std::logic_error("a tree's move must not replace anything: " + std::string(to));
  const auto [to_parent, to_name] = split(to);
  if (auto file = source->files.extract(from_name)) {
    make_directories(to_parent).files[to_name] = std::move(file.mapped());
    return true;
  }
  if (auto directory = source->directories.extract(from_name)) {
    make_directories(to_parent).directories[to_name] = std::move(directory.mapped());
    return true;
  }
  return false;
}

void Tree::for_each_file(const std::function<void(const std::string&, const TreeDirectory::File&)>& visit) const {
  visit_files(*root_, "", visit);
}

void Tree::for_each_directory(const std::function<void(const std::string&, const TreeDirectory&)>& visit) const {
  visit_directories(*root_, "", visit);
}

}  // namespace ainode
