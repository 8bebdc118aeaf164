// SPDX-License-Identifier: Apache-2.0
// One function a leak; the guard at the end knows the same places independently of the passes.
#include "builder/stages/normalise.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <array>
#include <string>
#include <vector>

#include "base/error.h"

namespace ainode {

namespace {

bool matches(const std::string& path, const char* pattern) {
  return fnmatch(pattern, path.c_str(), 0) == 0;
}

/// Shell patterns; `*` crosses slashes.
template <std::size_t count>
void remove_matching(Tree& tree, const std::array<const char*, count>& patterns) {
  std::vector<std::string> doomed;
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File&) {
    for (const char* pattern : patterns) {
      if (matches(path, pattern)) return doomed.push_back(path);
    }
  });
  for (const std::string& path : doomed) tree.remove(path);
}

void empty_directory(Tree& tree, std::string_view path) {
  TreeDirectory* directory = tree.directory(path);
  if (!directory) return;
  directory->files.clear();
  directory->directories.clear();
}

void reset_machine_id(Store& store, Tree& tree, const std::string& maker) {
  // Empty, not missing: a missing file would make every boot a first boot.
  tree.put_file("etc/machine-id", store.write_text("", 0444), maker);
  if (tree.file("var/lib/dbus/machine-id"))
    tree.put_file("var/lib/dbus/machine-id", store.write_symlink("/etc/machine-id"), maker);
}

void remove_secrets(Store&, Tree& tree, const std::string&) {
  remove_matching(tree, std::array{"etc/ssh/ssh_host_*_key*", "etc/ssl/private/*.key", "var/lib/systemd/random-seed",
                                   "var/lib/systemd/credential.secret"});
}

void empty_logs(Store&, Tree& tree, const std::string&) {
  remove_matching(tree, std::array{"var/log/*"});
}

void remove_caches(Store&, Tree& tree, const std::string&) {
  remove_matching(tree, std::array{"var/cache/ldconfig/*", "var/cache/apt/*", "var/lib/apt/lists/*",
                                   "var/cache/debconf/*-old", "var/cache/man/*", "var/cache/fontconfig/*"});
}

void remove_backups(Store&, Tree& tree, const std::string&) {
  remove_matching(tree, std::array{"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-",
                                   "etc/subgid-", "var/lib/dpkg/*-old", "var/lib/dpkg/lock*",
                                   "var/lib/dpkg/triggers/Lock", "var/backups/*", "etc/.pwd.lock"});
}

void empty_runtime_directories(Store&, Tree& tree, const std::string&) {
  for (const char* path : {"dev", "proc", "sys", "run", "tmp", "var/tmp"}) empty_directory(tree, path);
}

void remove_host_names(Store&, Tree& tree, const std::string&) {
  remove_matching(tree, std::array{"etc/resolv.conf", "etc/mtab"});
}

constexpr std::array kNormalisers = {
    Normaliser{"machine-id", "every node makes its own", reset_machine_id},
    Normaliser{"secrets", "keys and seeds are made on the node", remove_secrets},
    Normaliser{"logs", "what scripts logged carries times", empty_logs},
    Normaliser{"caches", "caches carry times and inode numbers", remove_caches},
    Normaliser{"backups", "backup copies depend on the order of changes", remove_backups},
    Normaliser{"runtime", "mount points are empty in an image", empty_runtime_directories},
    Normaliser{"host-names", "the build host's network is not the node's", remove_host_names},
};

constexpr std::array kVolatile = {
    "etc/ssh/ssh_host_*",
    "var/lib/systemd/random-seed",
    "var/cache/ldconfig/aux-cache",
    "var/log/*",
    "var/cache/apt/*.bin",
    "var/lib/apt/lists/*",
    "etc/passwd-",
    "etc/shadow-",
    "*.dpkg-new",
    "*.dpkg-tmp",
    "run/*",
    "tmp/*",
    "dev/*",
    "etc/adjtime",
    "var/lib/dbus/machine-id",
    "etc/ssl/private/*",
    "var/lib/NetworkManager/secret_key",
};

}  // namespace

std::span<const Normaliser> normalisers() {
  return kNormalisers;
}

void refuse_volatile_paths(const Store& store, const Tree& tree) {
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    for (const char* pattern : kVolatile) {
      if (!matches(path, pattern) || store.read_metadata(file.checksum).is_symlink) continue;
      throw Error(codes::volatile_path,
                  fmt::format("/{} differs from build to build, and no normaliser removed it", path))
          .help(file.owner.empty() ? "report it, with the recipe" : fmt::format("it was made by {}", file.owner));
    }
  });
}

}  // namespace ainode
