// SPDX-License-Identifier: Apache-2.0
// A depth-first walk over what the modules say of themselves: hard dependencies must exist, soft ones are followed
// when they do (ext4 needs crc32c only through one).
#include "builder/stages/initrd_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/archive.h"
#include "base/error.h"
#include "builder/stages/elf.h"

namespace ainode {

namespace {

/// "kernel/drivers/block/virtio-blk.ko.xz" → "virtio_blk"; empty for what is no module.
std::string module_of_file(std::string_view path) {
  const std::string name(path.substr(path.rfind('/') + 1));
  const std::size_t suffix = name.find(".ko");
  return suffix == std::string::npos ? "" : kernel_module_name(name.substr(0, suffix));
}

std::vector<std::string> words(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

struct Needs {
  std::vector<std::string> hard, soft;
};

/// `depends=a,b` and `softdep=pre: c d post: e`: what is to be loaded before. `post` modules only complete a module.
Needs needs_of(const std::vector<std::string>& module_info) {
  Needs needs;
  for (const std::string& line : module_info) {
    if (line.rfind("depends=", 0) == 0) needs.hard = words(line.substr(8));
    if (line.rfind("softdep=", 0) != 0) continue;
    bool before = false;
    for (const std::string& word : words(line.substr(8))) {
      if (word.back() == ':')
        before = word == "pre:";
      else if (before)
        needs.soft.push_back(kernel_module_name(word));
    }
  }
  return needs;
}

void find_modules(const TreeDirectory& directory, const std::string& path, KernelModuleNames& names) {
  for (const auto& [name, file] : directory.files)
    if (const std::string module = module_of_file(name); !module.empty())
      names.files.emplace(module, path + "/" + name);
  for (const auto& [name, child] : directory.directories) find_modules(*child, path + "/" + name, names);
}

class ModuleWalk {
 public:
  ModuleWalk(const Store& store, const Tree& tree, const std::string& release)
      : store_(store), tree_(tree), release_(release), names_(kernel_module_names(store, tree, release)) {}

  void add(const std::string& name) {
    const auto found = names_.files.find(name);
    if (found == names_.files.end() || !visited_.insert(name).second) return;
    const std::string& path = found->second;
    KernelModule module{name, decompress(store_.read_file(tree_.file(path)->checksum).content, path)};
    const Needs needs = needs_of(read_module_info(module.content, path));
    for (const std::string& soft : needs.soft) add(soft);
    for (const std::string& written : needs.hard) {
      const std::string hard = kernel_module_name(written);
      if (!names_.can_load(hard) && !names_.built_in.contains(hard))
        throw Error(codes::tree_malformed,
                    fmt::format("kernel module {} depends on {}, which kernel {} does not have", name, hard, release_));
      add(hard);
    }
    order_.push_back(std::move(module));
  }
  std::vector<KernelModule> take() { return std::move(order_); }

 private:
  const Store& store_;
  const Tree& tree_;
  const std::string& release_;
  KernelModuleNames names_;
  std::set<std::string> visited_;
  std::vector<KernelModule> order_;
};

}  // namespace

std::string kernel_module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

KernelModuleNames kernel_module_names(const Store& store, const Tree& tree, const std::string& release) {
  const std::string base = "usr/lib/modules/" + release;
  const TreeDirectory* directory = tree.directory(base);
  if (!directory) throw Error(codes::tree_malformed, fmt::format("kernel {} has no /{}", release, base));
  KernelModuleNames names;
  find_modules(*directory, base, names);
  if (!tree.file(base + "/modules.builtin")) return names;
  std::istringstream built_in(store.read_text(tree, base + "/modules.builtin"));
  for (std::string line; std::getline(built_in, line);) names.built_in.insert(module_of_file(line));
  return names;
}

std::vector<KernelModule> select_modules(const Store& store, const Tree& tree, const std::string& release,
                                         const std::vector<std::string>& wanted) {
  ModuleWalk walk(store, tree, release);
  for (const std::string& name : wanted) walk.add(name);
  return walk.take();
}

}  // namespace ainode
