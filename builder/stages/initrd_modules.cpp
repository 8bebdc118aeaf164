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
std::string module_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  const std::size_t suffix = name.find(".ko");
  if (suffix == std::string::npos) return {};
  name.resize(suffix);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
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
        needs.soft.push_back(module_name(word + ".ko"));
    }
  }
  return needs;
}

class ModuleWalk {
 public:
  ModuleWalk(const Store& store, const Tree& tree, const std::string& release)
      : store_(store), base_("usr/lib/modules/" + release) {
    const TreeDirectory* directory = tree.directory(base_);
    if (!directory) throw Error(codes::tree_malformed, fmt::format("kernel {} has no /{}", release, base_));
    find_modules(*directory, base_);
    if (!tree.file(base_ + "/modules.builtin")) return;
    std::istringstream built_in(store.read_text(tree, base_ + "/modules.builtin"));
    for (std::string line; std::getline(built_in, line);) built_in_.insert(module_name(line));
  }

  void add(const std::string& name) {
    const auto found = modules_.find(name);
    if (found == modules_.end() || !visited_.insert(name).second) return;
    KernelModule module{name, decompress(store_.read_file(found->second.checksum).content, found->second.path)};
    const Needs needs = needs_of(read_module_info(module.content, found->second.path));
    for (const std::string& soft : needs.soft) add(soft);
    for (std::string hard : needs.hard) {
      std::replace(hard.begin(), hard.end(), '-', '_');
      if (!modules_.count(hard) && !built_in_.count(hard))
        throw Error(codes::tree_malformed,
                    fmt::format("kernel module {} depends on {}, which /{} does not hold", name, hard, base_));
      add(hard);
    }
    order_.push_back(std::move(module));
  }
  std::vector<KernelModule> take() { return std::move(order_); }

 private:
  struct Place {
    std::string path, checksum;
  };
  void find_modules(const TreeDirectory& directory, const std::string& path) {
    for (const auto& [name, file] : directory.files)
      if (const std::string module = module_name(name); !module.empty())
        modules_.emplace(module, Place{path + "/" + name, file.checksum});
    for (const auto& [name, child] : directory.directories) find_modules(*child, path + "/" + name);
  }

  const Store& store_;
  std::string base_;
  std::map<std::string, Place> modules_;
  std::set<std::string> built_in_, visited_;
  std::vector<KernelModule> order_;
};

}  // namespace

std::vector<KernelModule> select_modules(const Store& store, const Tree& tree, const std::string& release,
                                         const std::vector<std::string>& wanted) {
  ModuleWalk walk(store, tree, release);
  for (const std::string& name : wanted) walk.add(name);
  return walk.take();
}

}  // namespace ainode
