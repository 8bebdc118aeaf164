// SPDX-License-Identifier: Apache-2.0
// Modules are found by walking, not by modules.dep: one that depmod does not know is a module too.
#include "validators/tree/module_files.h"

#include <fmt/format.h>

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

std::optional<std::string> find_kernel(const checks::Node& node) {
  std::optional<std::string> found;
  for (const checks::DirectoryEntry& entry : node.list(kModules)) {
    std::string path = fmt::format("{}/{}/vmlinuz", kModules, entry.name);
    if (!node.exists(path)) continue;
    if (found) return std::nullopt;
    found = std::move(path);
  }
  return found;
}

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

std::optional<SignedModule> split_signature(std::string_view module) {
  constexpr std::string_view kLine = "~Module signature appended~\n";
  constexpr std::size_t kTrailer = 12, kLength = 8;  // the message's length is the last member, big-endian
  if (!module.ends_with(kLine)) return std::nullopt;
  module.remove_suffix(kLine.size());
  if (module.size() < kTrailer) return SignedModule{module, {}};
  std::size_t length = 0;
  for (const char byte : module.substr(module.size() - kTrailer + kLength))
    length = length << 8 | static_cast<unsigned char>(byte);
  module.remove_suffix(kTrailer);
  if (length > module.size()) return SignedModule{module, {}};
  return SignedModule{module.substr(0, module.size() - length), module.substr(module.size() - length)};
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
