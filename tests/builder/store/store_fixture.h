// SPDX-License-Identifier: Apache-2.0
// A store in a temporary directory, and small .debs made of visible text.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/crypto.h"
#include "base/files.h"
#include "builder/store/packages.h"
#include "builder/store/store.h"

namespace ainode::testing {

inline std::string ar_member(const std::string& name, const std::string& data) {
  std::string header = name;
  header.resize(16, ' ');
  header += "0           0     0     100644  ";
  std::string size = std::to_string(data.size());
  size.resize(10, ' ');
  return header + size + "`\n" + data + (data.size() % 2 ? "\n" : "");
}

inline std::string tar_of(const std::vector<std::pair<ArchiveEntry, std::string>>& entries) {
  std::string bytes;
  ArchiveWriter writer(ArchiveWriter::Format::tar, [&](std::string_view part) { bytes += part; });
  for (auto [entry, content] : entries) {
    entry.size = content.size();
    writer.add(entry, content);
  }
  writer.finish();
  return bytes;
}

inline ArchiveEntry entry(const std::string& path, ArchiveEntry::Type type = ArchiveEntry::Type::file,
                          std::uint32_t mode = 0644) {
  ArchiveEntry made;
  made.path = path;
  made.type = type;
  made.mode = type == ArchiveEntry::Type::directory && mode == 0644 ? 0755 : mode;
  return made;
}

using Entries = std::vector<std::pair<ArchiveEntry, std::string>>;

/// A package NAME 1 (all) with extra control fields and files, imported into a store of its own.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : directory_("/tmp", "ainode-store-test-"), store_(directory_.path() / "store") {}

  LockedPackage add_deb(const std::string& name, const std::string& fields, const Entries& data,
                        const Entries& control_files = {}) {
    Entries control = {{entry("./control"), "Package: " + name + "\nVersion: 1\nArchitecture: all\n" + fields}};
    control.insert(control.end(), control_files.begin(), control_files.end());
    return add_bytes(name, "!<arch>\n" + ar_member("debian-binary", "2.0\n") +
                               ar_member("control.tar", tar_of(control)) + ar_member("data.tar", tar_of(data)));
  }

  LockedPackage add_bytes(const std::string& name, const std::string& deb) {
    LockedPackage package;
    package.name = name;
    package.version = "1";
    package.arch = "all";
    package.sha256 = sha256_hex(deb);
    package.size = deb.size();
    const fs::path path = directory_.path() / (name + ".deb");
    write_file(path, deb);
    debs_[package.sha256] = path;
    return package;
  }

  void import(const std::vector<LockedPackage>& packages) { import_packages(run_, store_, packages, debs_); }

  /// "path mode uid:gid content" a line, dpkg's database left out unless asked for.
  std::string listing(const Tree& tree, bool with_database = false) const {
    return listing_of(store_, tree, with_database);
  }

  static std::string listing_of(const Store& store, const Tree& tree, bool with_database = false) {
    std::string text;
    tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
      if (!with_database && path.rfind("var/lib/dpkg", 0) == 0) return;
      const FileObject object = store.read_file(file.checksum);
      char mode[16];
      snprintf(mode, sizeof mode, "%04o", object.ownership.mode);
      text += path + " " + mode + " " + std::to_string(object.ownership.uid) + ":" +
              std::to_string(object.ownership.gid) + (object.is_symlink ? " -> " : " ") + object.content + "\n";
    });
    return text;
  }

  TemporaryDirectory directory_;
  Store store_;
  RunContext run_{silent_events(), 2, true};
  std::map<std::string, fs::path> debs_;
};

/// The message of the Error that `body` throws; "(nothing thrown)" when none.
template <class Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::string(error.code().id) + ": " + error.message();
  }
  return "(nothing thrown)";
}

}  // namespace ainode::testing
