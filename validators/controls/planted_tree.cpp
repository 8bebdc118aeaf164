// SPDX-License-Identifier: Apache-2.0
#include "validators/controls/planted_tree.h"

#include <sys/stat.h>

#include <algorithm>

#include "validators/tree/kernel_symbols.h"
#include "validators/tree/module_files.h"

namespace ainode::controls {

PlantedTree::PlantedTree(const std::filesystem::path& repository, const std::string& commit)
    : CommittedTree(repository, commit) {}

void PlantedTree::plant(const PlantedFiles& files) {
  for (const auto& [path, file] : files) planted_[path] = file;
}

std::optional<std::string> PlantedTree::read_file(const std::string& path) const {
  const auto found = planted_.find(path);
  return found != planted_.end() && found->second.content ? found->second.content : CommittedTree::read_file(path);
}

std::optional<checks::FileStatus> PlantedTree::status(const std::string& path) const {
  auto status = CommittedTree::status(path);
  const auto found = planted_.find(path);
  if (status && found != planted_.end() && found->second.is_setuid) status->mode |= S_ISUID;
  return status;
}

std::optional<std::vector<std::string>> PlantedTree::privileged_files() const {
  auto files = CommittedTree::privileged_files();
  for (const auto& [path, file] : planted_)
    if (files && file.is_setuid) files->push_back(path);
  if (files) std::sort(files->begin(), files->end());
  return files;
}

std::string PlantedTree::kernel_release() const {
  const auto kernel = tree::find_kernel(*this);
  const auto planted = kernel ? planted_.find(*kernel) : planted_.end();
  return planted != planted_.end() && planted->second.content
             ? tree::kernel_release_of(*planted->second.content, *kernel)
             : CommittedTree::kernel_release();
}

}  // namespace ainode::controls
