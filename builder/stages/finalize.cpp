// SPDX-License-Identifier: Apache-2.0
// From a Debian tree to OSTree's layout: /usr is the system, /etc a template in /usr/etc, /var empty but for rules that
// fill it at boot. From here no byte changes.
#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "builder/stages/normalise.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

constexpr const char* kOwner = "the OSTree layout";
constexpr const char* kFactory = "usr/share/factory/var";
constexpr const char* kDatabase = "usr/share/dpkg/database";

/// Packages of Linux 6.19 and later have the image here, and copy it to /boot when they are configured; older ones have
/// it in /boot alone.
void install_kernel(Store& store, Tree& tree, const Kernel& kernel, const std::string& initrd) {
  const std::string directory = "usr/lib/modules/" + kernel.release + "/";
  for (const char* name : {"vmlinuz", "config", "System.map"}) {
    const std::string in_boot = fmt::format("boot/{}-{}", name, kernel.release);
    if (tree.file(in_boot) && !tree.file(directory + name)) tree.move(in_boot, directory + name);
  }
  tree.put_file(directory + "initramfs.img", store.write_text(initrd), kOwner);
  tree.remove("boot");
  tree.make_directories("boot");
  for (const char* link : {"initrd.img", "initrd.img.old", "vmlinuz", "vmlinuz.old"}) tree.remove(link);
}

/// Top-level directories that a node writes to live in /var; what packages put there goes with them.
void link_writable_directories(Store& store, Tree& tree) {
  const std::map<std::string, std::string> writable = {{"home", "var/home"},     {"srv", "var/srv"},
                                                       {"mnt", "var/mnt"},       {"opt", "var/opt"},
                                                       {"root", "var/roothome"}, {"usr/local", "var/usrlocal"}};
  for (const auto& [path, destination] : writable) {
    const TreeDirectory* existing = tree.directory(destination);
    if (existing && existing->files.empty() && existing->directories.empty()) tree.remove(destination);
    if (tree.exists(destination))
      throw Error(codes::tree_malformed, fmt::format("packages put files in both /{} and /{}", path, destination));
    if (!tree.move(path, destination)) tree.make_directories(destination);
    const bool is_nested = path.find('/') != std::string::npos;
    tree.put_file(path, store.write_symlink((is_nested ? "../" : "") + destination), kOwner);
  }
  tree.remove("media");
  tree.put_file("media", store.write_symlink("run/media"), kOwner);
  tree.put_file("ostree", store.write_symlink("sysroot/ostree"), kOwner);
  tree.make_directories("sysroot");
}

std::string octal(std::uint32_t mode) {
  return fmt::format("{:04o}", mode);
}

/// tmpfiles.d(5) rules that make /var what the tree's /var was.
class VarRules {
 public:
  VarRules(const Store& store, Tree& tree) : store_(store), tree_(tree) {}

  std::string write() {
    rule("d", "/run/media", "0755 root root -");
    rule("L", "/var/lib/dpkg", fmt::format("- - - - ../../{}", kDatabase));
    if (const TreeDirectory* var = tree_.directory("var")) directory(*var, "var");
    return "# Fills /var on a node's first boot.\n" + text_;
  }

 private:
  void directory(const TreeDirectory& directory, const std::string& path) {
    for (const auto& [name, child] : directory.directories) {
      const Ownership& ownership = child->ownership;
      rule("d", "/" + path + "/" + name,
           fmt::format("{} {} {} -", octal(ownership.mode), ownership.uid, ownership.gid));
      this->directory(*child, path + "/" + name);
    }
    for (const auto& [name, file] : directory.files) this->file(path + "/" + name, file);
  }

  void file(const std::string& path, const TreeDirectory::File& file) {
    const FileObject object = store_.read_metadata(file.checksum);
    if (object.is_symlink) return rule("L", "/" + path, "- - - - " + object.content);
    const Ownership& ownership = object.ownership;
    const std::string factory = std::string(kFactory) + path.substr(std::string_view("var").size());
    tree_.put_file(factory, file.checksum, file.owner);
    rule("C", "/" + path, fmt::format("{} {} {} - /{}", octal(ownership.mode), ownership.uid, ownership.gid, factory));
  }

  void rule(const char* type, const std::string& path, const std::string& rest) {
    if (seen_.try_emplace(path, true).second) text_ += fmt::format("{} {} {}\n", type, quoted(path), rest);
  }

  /// tmpfiles.d splits at spaces and expands `%`.
  static std::string quoted(const std::string& path) {
    std::string out;
    for (const char letter : path) out += letter == '%' ? "%%" : std::string(1, letter);
    return out.find_first_of(" \t\"'\\") == std::string::npos ? out : "\"" + out + "\"";
  }

  const Store& store_;
  Tree& tree_;
  std::string text_;
  std::map<std::string, bool> seen_;
};

void move_var(Store& store, Tree& tree) {
  tree.move("var/lib/dpkg", kDatabase);
  const std::string rules = VarRules(store, tree).write();
  tree.put_file("usr/lib/tmpfiles.d/ainode-var.conf", store.write_text(rules), kOwner);
  tree.remove("var");
  tree.make_directories("var");
}

}  // namespace

void finalize(Store& store, Tree& tree, const Kernel& kernel, const std::string& initrd) {
  Store::Transaction transaction(store);
  for (const Normaliser& pass : normalisers()) pass.apply(store, tree, fmt::format("normaliser {}", pass.name));
  refuse_volatile_paths(store, tree);
  if (failpoint_asks("finalize", "random", "plant")) {
    tree.put_file("usr/lib/ainode/planted", store.write_text(random_bytes(16)), kOwner);
  }
  install_kernel(store, tree, kernel, initrd);
  link_writable_directories(store, tree);
  move_var(store, tree);
  tree.put_file("usr/lib/ostree/prepare-root.conf", store.write_text("[sysroot]\nreadonly = true\n"), kOwner);
  if (!tree.move("etc", "usr/etc")) throw Error(codes::tree_malformed, "the tree has no /etc");
  transaction.commit();
}

}  // namespace ainode
