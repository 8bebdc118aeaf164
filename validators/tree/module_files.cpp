// SPDX-License-Identifier: Apache-2.0
// Modules are found by walking, not by modules.dep: one that depmod does not know is a module too.
#include "validators/tree/module_files.h"

#include <algorithm>

#include "base/archive.h"
#include "base/error.h"
#include "validators/checks/module_version.h"

namespace ainode::tree {

namespace {

constexpr std::uint64_t kModuleLimit = std::uint64_t{512} << 20;

void find_below(const checks::Node& node, const std::string& directory, std::vector<std::string>& found) {
  for (const checks::DirectoryEntry& entry : node.list(directory)) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory)
      find_below(node, path, found);
    else if (checks::is_module_file(entry.name))
      found.push_back(path);
  }
}

}  // namespace

std::vector<std::string> find_modules(const checks::Node& node) {
  std::vector<std::string> found;
  find_below(node, kModules, found);
  return found;
}

std::string read_unpacked(const checks::Node& node, const std::string& path) {
  const auto content = node.read_file(path);
  if (!content) throw Error(codes::image_malformed, path + " cannot be read");
  return decompress(*content, path, kModuleLimit);
}

std::string module_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  name = name.substr(0, name.find(".ko"));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::vector<std::string> firmware_folders(const std::string& kernel_release) {
  const std::string root = "/usr/lib/firmware/";
  return {root + "updates/" + kernel_release + "/", root + "updates/", root + kernel_release + "/", root};
}

}  // namespace ainode::tree
