// SPDX-License-Identifier: Apache-2.0
// ld.so(8): the needed libraries' names, looked for in the run paths and in the architecture's own directories.
#include "builder/stages/program_closure.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/error.h"
#include "builder/stages/elf.h"

namespace ainode {

namespace {

/// A tree seen as the kernel sees it: paths may walk through symlinks.
class ResolvedTree {
 public:
  ResolvedTree(const Store& store, const Tree& tree) : store_(store), tree_(tree) {}

  /// The regular file that `path` leads to, or null.
  const TreeDirectory::File* file(const std::string& path) const { return follow(path, 0); }
  std::string content(const TreeDirectory::File& file) const { return store_.read_file(file.checksum).content; }

 private:
  const TreeDirectory::File* follow(const std::string& path, int depth) const {
    if (depth > 40) return nullptr;
    std::string walked;
    for (std::size_t start = 0; start < path.size();) {
      const std::size_t end = std::min(path.find('/', start), path.size());
      const std::string name = path.substr(start, end - start);
      const std::string rest = end < path.size() ? path.substr(end) : "";
      start = end + 1;
      if (name.empty() || name == ".") continue;
      if (name == "..") {
        walked.resize(walked.rfind('/') == std::string::npos ? 0 : walked.rfind('/'));
        continue;
      }
      const std::string parent = walked;
      walked += (walked.empty() ? "" : "/") + name;
      const TreeDirectory::File* found = tree_.file(walked);
      if (!found) continue;  // a directory, or nothing: then the end finds nothing either
      const FileObject object = store_.read_metadata(found->checksum);
      if (!object.is_symlink) return rest.empty() ? found : nullptr;
      const bool is_absolute = object.content.rfind('/', 0) == 0;
      return follow((is_absolute ? "" : parent + "/") + object.content + rest, depth + 1);
    }
    return nullptr;
  }

  const Store& store_;
  const Tree& tree_;
};

class LibraryCloser {
 public:
  LibraryCloser(const ResolvedTree& tree, std::string who) : tree_(tree), who_(std::move(who)) {}

  void add_program(const std::string& path) {
    const TreeDirectory::File* file = tree_.file(path);
    if (!file) throw Error(codes::tree_malformed, fmt::format("the tree has no /{}, which {} needs", path, who_));
    add(path, *file);
  }
  std::map<std::string, std::string> take() { return std::move(closure_); }

 private:
  void add(const std::string& path, const TreeDirectory::File& file) {
    if (!closure_.emplace(path, file.checksum).second) return;
    const DynamicNeeds needs = read_dynamic_needs(tree_.content(file), path);
    if (needs.interpreter.size() > 1) {
      const std::string loader = under_usr(needs.interpreter.substr(1));
      multiarch_ = multiarch_of(loader);
      add_program(loader);
    }
    for (const std::string& library : needs.libraries) add_library(library, needs.run_paths, path);
  }

  void add_library(const std::string& name, const std::vector<std::string>& run_paths, const std::string& user) {
    if (!seen_.insert(name).second) return;
    std::vector<std::string> places;
    for (const std::string& place : run_paths)
      if (place.rfind('/', 0) == 0) places.insert(places.end(), {place.substr(1), under_usr(place.substr(1))});
    places.insert(places.end(), {"usr/lib/" + multiarch_, "usr/lib", "usr/lib64"});
    for (const std::string& place : places) {
      const std::string path = place + "/" + name;
      if (const TreeDirectory::File* file = tree_.file(path)) return add(path, *file);
    }
    throw Error(codes::tree_malformed, fmt::format("the tree has no {}, which /{} needs", printable(name), user));
  }

  /// /lib and /lib64 are links into /usr.
  static std::string under_usr(const std::string& path) { return path.rfind("usr/", 0) == 0 ? path : "usr/" + path; }

  /// Debian's library directory, from the loader's name: ld-linux-x86-64.so.2, ld-linux-aarch64.so.1.
  static std::string multiarch_of(const std::string& loader) {
    return loader.find("aarch64") != std::string::npos ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  }

  const ResolvedTree& tree_;
  std::string who_;
  std::map<std::string, std::string> closure_;
  std::set<std::string> seen_;
  std::string multiarch_ = "x86_64-linux-gnu";
};

}  // namespace

std::map<std::string, std::string> program_closure(const Store& store, const Tree& tree, const std::string& program,
                                                   const std::string& who) {
  const ResolvedTree resolved(store, tree);
  LibraryCloser closer(resolved, who);
  closer.add_program(program);
  return closer.take();
}

}  // namespace ainode
