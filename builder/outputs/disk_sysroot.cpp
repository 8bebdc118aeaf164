// SPDX-License-Identifier: Apache-2.0
// Objects first, as files of the repository; then the deployment, whose files are links to them; then what boots it.
#include "builder/outputs/disk_sysroot.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/steps.h"

namespace ainode {

namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::size_t kInlineSymlink = 60, kInlineXattrs = 96;  // bytes that an ext4 inode of 256 bytes keeps in itself
const std::string kObjects = "ostree/repo/objects/";

std::string object_name(const std::string& checksum, const std::string& type) {
  return kObjects + checksum.substr(0, 2) + "/" + checksum.substr(2) + "." + type;
}

/// Entries in the order given, each counted for what it will take of the file system.
class SysrootWriter {
 public:
  explicit SysrootWriter(ArchiveWriter::Sink sink) : archive_(ArchiveWriter::Format::tar, std::move(sink)) {}

  void directory(const std::string& path, std::int64_t time, const Ownership& ownership = {}) {
    ArchiveEntry entry = entry_of(path, ArchiveEntry::Type::directory, ownership);
    entry.mtime = time;
    add(entry, {});
    size_.blocks += 1;
  }
  void file(const std::string& path, std::string_view content, std::int64_t time, const Ownership& ownership) {
    ArchiveEntry entry = entry_of(path, ArchiveEntry::Type::file, ownership);
    entry.mtime = time;
    entry.size = content.size();
    add(entry, content);
    size_.blocks += (content.size() + kBlock - 1) / kBlock;
  }
  void file(const std::string& path, std::string_view content, std::int64_t time) {
    file(path, content, time, {0, 0, 0644, {}});
  }
  void symlink(const std::string& path, const std::string& target, std::int64_t time, const Ownership& ownership = {}) {
    ArchiveEntry entry = entry_of(path, ArchiveEntry::Type::symlink, ownership);
    entry.mode = 0777;
    entry.mtime = time;
    entry.target = target;
    add(entry, {});
    size_.blocks += target.size() >= kInlineSymlink;
  }
  void object(const std::string& path, const FileObject& object, std::int64_t time) {
    if (object.is_symlink)
      symlink(path, object.content, time, object.ownership);
    else
      file(path, object.content, time, object.ownership);
  }
  /// mke2fs gives the linked inode the link's own ownership and mode again, so they must be the target's.
  void link(const std::string& path, const std::string& target, const Ownership& ownership) {
    ArchiveEntry entry = entry_of(path, ArchiveEntry::Type::hardlink, ownership);
    entry.target = target;
    count_name(path);
    archive_.add(entry);
  }
  SysrootSize finish() {
    archive_.finish();
    size_.blocks += name_bytes_ / (kBlock / 2);  // directories are seldom full: half a block of names counts as one
    return size_;
  }

 private:
  static ArchiveEntry entry_of(const std::string& path, ArchiveEntry::Type type, const Ownership& ownership) {
    ArchiveEntry entry;
    entry.path = path;
    entry.type = type;
    entry.mode = ownership.mode;
    entry.uid = ownership.uid;
    entry.gid = ownership.gid;
    entry.xattrs = ownership.xattrs;
    return entry;
  }
  void add(const ArchiveEntry& entry, std::string_view content) {
    throw_if_interrupted();
    count_name(entry.path);
    size_.inodes += 1;
    std::size_t xattr_bytes = 0;
    for (const auto& [name, value] : entry.xattrs) xattr_bytes += name.size() + value.size() + 20;
    size_.blocks += xattr_bytes > kInlineXattrs;
    archive_.add(entry, content);
  }
  void count_name(const std::string& path) { name_bytes_ += 12 + path.size() - (path.rfind('/') + 1); }

  ArchiveWriter archive_;
  SysrootSize size_;
  std::uint64_t name_bytes_ = 0;
};

/// One run over a commit: its tree, its kernel, and the parts of the system root in order.
class SysrootMaker {
 public:
  SysrootMaker(const Store& store, const Deployment& deployment, ArchiveWriter::Sink sink)
      : store_(store), deployment_(deployment), tree_(store.read_tree(deployment.commit)), out_(std::move(sink)) {
    find_boot();
  }

  SysrootSize run() {
    write_repository();
    write_objects();
    write_refs();
    write_deployment();
    write_boot();
    return out_.finish();
  }

 private:
  std::string stateroot() const { return "ostree/deploy/" + deployment_.os_name; }
  std::string deployment_name() const { return deployment_.commit + ".0"; }
  void directory(const std::string& path, std::uint32_t mode = 0755) {
    out_.directory(path, deployment_.epoch, {0, 0, mode, {}});
  }
  void directories(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) directory(path);
  }
  void text(const std::string& path, const std::string& content) { out_.file(path, content, deployment_.epoch); }
  void symlink(const std::string& path, const std::string& target) { out_.symlink(path, target, deployment_.epoch); }

  void link(const std::string& path, const std::string& checksum) {
    out_.link(path, object_name(checksum, "file"), contents_.at(checksum).ownership);
  }

  void find_boot();
  std::string pretty_name() const;
  std::string remote_config() const;
  void write_repository();
  void write_objects();
  void write_refs();
  void write_ref(const std::string& base, const std::string& ref);
  void write_deployment();
  void deploy(const TreeDirectory& directory, const std::string& path);
  void copy(const TreeDirectory& directory, const std::string& path);
  void write_boot();

  const Store& store_;
  const Deployment& deployment_;
  Tree tree_;
  SysrootWriter out_;
  BootEntry boot_;
  std::string kernel_, initramfs_;  // checksums of their objects
  struct Content {
    Ownership ownership;
    bool is_empty_file;
  };
  std::map<std::string, Content> contents_;  // every content object written, by checksum
  std::set<std::string> written_refs_dirs_;  // directories below refs that exist already
};

void SysrootMaker::find_boot() {
  const auto fail = [&](const std::string& what) {
    throw Error(codes::tree_malformed, fmt::format("commit {} {}", deployment_.commit.substr(0, 12), what));
  };
  if (!tree_.directory("usr/etc")) fail("has no /usr/etc");
  if (tree_.exists("etc")) fail("has an /etc beside its /usr/etc");
  const TreeDirectory* modules = tree_.directory("usr/lib/modules");
  if (!modules) fail("has no /usr/lib/modules");
  for (const auto& [release, directory] : modules->directories) {
    const auto kernel = directory->files.find("vmlinuz"), initramfs = directory->files.find("initramfs.img");
    if (kernel == directory->files.end()) continue;
    if (initramfs == directory->files.end()) fail("has no initramfs.img beside the kernel " + release);
    if (!boot_.kernel_release.empty()) fail("has two kernels, " + boot_.kernel_release + " and " + release);
    boot_.kernel_release = release;
    kernel_ = kernel->second.checksum;
    initramfs_ = initramfs->second.checksum;
  }
  if (boot_.kernel_release.empty()) fail("has no kernel in /usr/lib/modules");
  Sha256 hash;
  hash.update(store_.read_file(kernel_).content).update(store_.read_file(initramfs_).content);
  boot_.checksum = hash.finish_hex();
  boot_.title = pretty_name() + " (ostree:0)";
}

std::string SysrootMaker::pretty_name() const {
  if (!tree_.file("usr/lib/os-release")) return deployment_.os_name;
  const std::string release = "\n" + store_.read_text(tree_, "usr/lib/os-release");
  const std::string key = "\nPRETTY_NAME=";
  const std::size_t at = release.find(key);
  if (at == std::string::npos) return deployment_.os_name;
  std::string value = release.substr(at + key.size(), release.find('\n', at + 1) - at - key.size());
  std::erase(value, '"');
  return value;
}

std::string SysrootMaker::remote_config() const {
  return fmt::format("\n[remote \"{}\"]\nbranches={};\ngpg-verify={}\n", deployment_.os_name, deployment_.ref,
                     deployment_.openpgp_public.empty() ? "false" : "true");
}

void SysrootMaker::write_repository() {
  directories({"ostree", "ostree/repo", "ostree/repo/extensions", "ostree/repo/state", "ostree/repo/tmp",
               "ostree/repo/tmp/cache"});
  text("ostree/repo/config",
       "[core]\nrepo_version=1\nmode=bare\n\n[sysroot]\nbootloader=none\nreadonly=true\nbootprefix=true\n" +
           remote_config());
  if (!deployment_.openpgp_public.empty())
    text("ostree/repo/" + deployment_.os_name + ".trustedkeys.gpg", remove_armour(deployment_.openpgp_public));
}

void SysrootMaker::write_objects() {
  std::set<std::pair<std::string, std::string>> objects;
  store_.for_each_object(deployment_.commit, [&](const std::string& checksum, const std::string& type) {
    objects.emplace(checksum, type);
  });
  directory("ostree/repo/objects");
  std::string prefix;
  for (const auto& [checksum, type] : objects) {
    if (checksum.substr(0, 2) != prefix) directory(kObjects + (prefix = checksum.substr(0, 2)));
    const std::string path = object_name(checksum, type);
    if (type != "file") {
      out_.file(path, store_.metadata_bytes(checksum, type), 0, {0, 0, 0644, {}});
      continue;
    }
    const FileObject file = store_.read_file(checksum);
    out_.object(path, file, 0);
    contents_.emplace(checksum, Content{file.ownership, !file.is_symlink && file.content.empty()});
  }
  const std::string signatures = store_.detached_metadata_bytes(deployment_.commit);
  if (!signatures.empty()) text(object_name(deployment_.commit, "commitmeta"), signatures);
}

void SysrootMaker::write_refs() {
  directories({"ostree/repo/refs", "ostree/repo/refs/heads", "ostree/repo/refs/mirrors", "ostree/repo/refs/remotes"});
  write_ref("ostree/repo/refs/heads", "ostree/1/1/0");  // keeps the deployment's objects from being pruned
  write_ref("ostree/repo/refs/remotes", deployment_.os_name + "/" + deployment_.ref);
}

void SysrootMaker::write_ref(const std::string& base, const std::string& ref) {
  for (std::size_t slash = ref.find('/'); slash != std::string::npos; slash = ref.find('/', slash + 1)) {
    const std::string path = base + "/" + ref.substr(0, slash);
    if (written_refs_dirs_.insert(path).second) directory(path);
  }
  text(base + "/" + ref, deployment_.commit + "\n");
}

void SysrootMaker::write_deployment() {
  const std::string root = stateroot();
  directories({"ostree/deploy", root, root + "/deploy"});
  directory(root + "/backing", 0700);
  directory(root + "/backing/" + deployment_name(), 0700);
  const std::string transient = root + "/backing/" + deployment_name() + "/root-transient";
  directory(transient, 0700);
  directory(transient + "/upper");
  directory(transient + "/work", 0700);
  directory(root + "/var");
  const std::string deployed = root + "/deploy/" + deployment_name();
  deploy(tree_.root(), deployed);
  copy(*tree_.directory("usr/etc"), deployed + "/etc");
  text(deployed + ".origin", fmt::format("[origin]\nrefspec={}:{}\n", deployment_.os_name, deployment_.ref));
}

void SysrootMaker::deploy(const TreeDirectory& directory, const std::string& path) {
  out_.directory(path, 0, directory.ownership);
  for (const auto& [name, file] : directory.files) {
    if (const Content& content = contents_.at(file.checksum); content.is_empty_file)
      out_.file(path + "/" + name, {}, 0, content.ownership);
    else
      link(path + "/" + name, file.checksum);
  }
  for (const auto& [name, child] : directory.directories) deploy(*child, path + "/" + name);
}

void SysrootMaker::copy(const TreeDirectory& directory, const std::string& path) {
  out_.directory(path, deployment_.epoch, directory.ownership);
  for (const auto& [name, file] : directory.files)
    out_.object(path + "/" + name, store_.read_file(file.checksum), deployment_.epoch);
  for (const auto& [name, child] : directory.directories) copy(*child, path + "/" + name);
}

/// Two indirections, as libostree needs them to swap deployments atomically: boot.1 → boot.1.1, loader → loader.1.
void SysrootMaker::write_boot() {
  const std::string links = "ostree/boot.1.1/" + deployment_.os_name;
  directories({"ostree/boot.1.1", links, links + "/" + boot_.checksum});
  symlink("ostree/boot.1", "boot.1.1");
  symlink(links + "/" + boot_.checksum + "/0",
          "../../../deploy/" + deployment_.os_name + "/deploy/" + deployment_name());
  const std::string files = "boot/ostree/" + deployment_.os_name + "-" + boot_.checksum;
  directories({"boot", "boot/loader.1", "boot/loader.1/entries", "boot/ostree", files});
  symlink("boot/boot", ".");
  symlink("boot/loader", "loader.1");
  text("boot/loader.1/entries/ostree-1.conf", boot_entry_text(deployment_, boot_));
  link(files + "/vmlinuz-" + boot_.kernel_release, kernel_);
  link(files + "/initramfs-" + boot_.kernel_release + ".img", initramfs_);
}

}  // namespace

std::string boot_entry_text(const Deployment& deployment, const BootEntry& entry) {
  const std::string files = "/boot/ostree/" + deployment.os_name + "-" + entry.checksum;
  return fmt::format(
      "title {}\nversion 1\noptions {} ostree=/ostree/boot.1/{}/{}/0\nlinux {}/vmlinuz-{}\n"
      "initrd {}/initramfs-{}.img\n",
      entry.title, fmt::join(deployment.kernel_arguments, " "), deployment.os_name, entry.checksum, files,
      entry.kernel_release, files, entry.kernel_release);
}

std::string remove_armour(std::string_view armoured) {
  const auto fail = [] {
    return Error(codes::key_malformed, "the OpenPGP public key for the disk's remote is not armoured as it should be");
  };
  std::string base64;
  enum { before, headers, body, done } state = before;
  while (!armoured.empty() && state != done) {
    const std::size_t end = std::min(armoured.find('\n'), armoured.size());
    std::string_view line = armoured.substr(0, end);
    armoured.remove_prefix(std::min(end + 1, armoured.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (state == before)
      state = line == "-----BEGIN PGP PUBLIC KEY BLOCK-----" ? headers : before;
    else if (state == headers)
      state = line.empty() ? body : headers;
    else if (line.empty() || line[0] == '=' || line[0] == '-')  // the checksum, or the end
      state = done;
    else
      base64 += line;
  }
  if (state != done || base64.empty()) throw fail();
  try {
    return from_base64(base64);
  } catch (const Error& error) {
    throw fail().because(error);
  }
}

SysrootSize write_sysroot(const Store& store, const Deployment& deployment, ArchiveWriter::Sink sink) {
  return SysrootMaker(store, deployment, std::move(sink)).run();
}

}  // namespace ainode
