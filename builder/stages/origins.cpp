// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/origins.h"

namespace ainode {

std::string write_origins(const Tree& tree) {
  std::string text;
  const auto add = [&](const std::string& path, const std::string& owner) {
    if (owner.empty() || path.find_first_of("\t\n") != std::string::npos) return;
    text += path + '\t' + owner + '\n';
  };
  tree.for_each_directory([&](const std::string& path, const TreeDirectory& directory) {
    if (!path.empty()) add(path + "/", directory.owner);
  });
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) { add(path, file.owner); });
  return text;
}

void apply_origins(Tree& tree, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos || tab == 0) continue;
    const std::string_view path = line.substr(0, tab);
    const std::string owner(line.substr(tab + 1));
    if (path.back() == '/') {
      if (TreeDirectory* directory = tree.directory(path.substr(0, path.size() - 1))) directory->owner = owner;
    } else if (const TreeDirectory::File* file = tree.file(path)) {
      tree.put_file(path, file->checksum, owner);
    }
  }
}

}  // namespace ainode
