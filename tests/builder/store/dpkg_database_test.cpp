// SPDX-License-Identifier: Apache-2.0
// dpkg's database as the union puts it together, against the one that dpkg itself leaves when it unpacks the same
// packages in the same order: status, info and triggers, byte for byte. One thing differs on purpose: configuration
// files are in place already, so the status has their digests, where dpkg has `newconffile`.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "base/process.h"
#include "builder/store/checkout.h"
#include "store_fixture.h"

namespace ainode {
namespace {

std::string output_of(const std::vector<std::string>& argv) {
  Command command;
  command.argv = argv;
  return run_or_throw(command);
}

class DpkgDatabaseTest : public testing::StoreTest {
 protected:
  void SetUp() override {
    if (!find_program("dpkg") || geteuid() != 0) GTEST_SKIP() << "needs dpkg, and root to unpack with it";
    fs::create_directory(debs_directory_);
  }

  fs::path folder(const std::string& name) { return directory_.path() / "made" / name; }

  /// A folder as dpkg-deb packs it.
  void put(const std::string& package, const std::string& path, const std::string& content) {
    make_directories((folder(package) / path).parent_path());
    write_file(folder(package) / path, content);
  }

  void control(const std::string& package, const std::string& fields) {
    put(package, "DEBIAN/control", "Package: " + package + "\nMaintainer: M <m@example.org>\n" + fields);
  }

  /// Without its preinst, which would run here.
  void pack(const std::string& name, const fs::path& from) {
    fs::remove(from / "DEBIAN/preinst");
    output_of({"dpkg-deb", "--root-owner-group", "-Znone", "-b", from, debs_directory_ / (name + ".deb")});
  }

  std::vector<LockedPackage> packages() {
    std::vector<LockedPackage> all;
    for (const fs::path& deb : sorted()) {
      LockedPackage package;
      std::istringstream words(
          output_of({"dpkg-deb", "-W", "--showformat=${Package} ${Version} ${Architecture}", deb}));
      words >> package.name >> package.version >> package.arch;
      package.sha256 = sha256_hex_of_file(deb);
      package.size = fs::file_size(deb);
      debs_[package.sha256] = deb;
      all.push_back(package);
    }
    return all;
  }

  std::vector<fs::path> sorted() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(debs_directory_)) all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all;
  }

  fs::path unpacked_by_dpkg() {
    const fs::path root = directory_.path() / "root";
    for (const char* name : {"info", "updates", "triggers"}) make_directories(root / "var/lib/dpkg" / name);
    for (const char* name : {"status", "available"}) write_file(root / "var/lib/dpkg" / name, "");
    for (const fs::path& deb : sorted()) {
      output_of({"dpkg", "--root=" + root.string(), "--log=/dev/null", "--force-depends", "--force-unsafe-io",
                 "--force-not-root", "--unpack", deb});
    }
    return root;
  }

  void expect_equal_databases() {
    const std::vector<LockedPackage> all = packages();
    import(all);
    const Tree tree = compose(store_, all);
    const fs::path database = unpacked_by_dpkg() / "var/lib/dpkg";
    std::map<std::string, std::string> ours, theirs;
    const std::set<std::string> left_out = {"lock", "lock-frontend", "status-old", "triggers/Lock"};
    for (const auto& entry : fs::recursive_directory_iterator(database)) {
      const std::string name = fs::relative(entry.path(), database).string();
      if (entry.is_regular_file() && !left_out.count(name)) theirs[name] = read_file(entry.path());
    }
    tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
      if (path.starts_with("var/lib/dpkg/")) ours[path.substr(13)] = store_.read_file(file.checksum).content;
    });
    ours["status"] = std::regex_replace(ours["status"], std::regex("\n (/[^ \n]+) [0-9a-f]{32}"), "\n $1 newconffile");
    for (const auto& [name, content] : theirs) EXPECT_EQ(ours[name], content) << name;
    for (const auto& [name, content] : ours) EXPECT_TRUE(theirs.count(name)) << name << " is ours only";

    const fs::path checkout = directory_.path() / "checkout";
    check_out(store_, tree, checkout);
    for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {  // bookworm's base-files lacks them
      if (fs::exists(checkout / "usr" / name) && !fs::exists(fs::symlink_status(checkout / name)))
        fs::create_directory_symlink(fs::path("usr") / name, checkout / name);
    }
    EXPECT_EQ(output_of({"dpkg", "--root=" + checkout.string(), "--verify"}), "");
  }

  fs::path debs_directory_ = directory_.path() / "debs";
};

TEST_F(DpkgDatabaseTest, EqualsDpkgsForPackagesMadeToDiffer) {
  control("0-links", "Version: 1\nArchitecture: all\nDescription: d\n");
  make_directories(folder("0-links") / "usr/lib");
  fs::create_symlink("usr/lib", folder("0-links") / "lib");
  control("a-replaces",
          "Description: short\n long\n .\n longer\nX-Own: field\nDepends: b (>=1)|c(<<2) , d:any\nReplaces: "
          "b-replaced ( << 2 )\nVersion: 1:2-3\nArchitecture: all\nEssential: yes\nPriority: required\n");
  put("a-replaces", "usr/share/both", "a\n");
  put("a-replaces", "lib/merged", "m\n");
  put("a-replaces", "etc/a.conf", "conf\n");
  put("a-replaces", "DEBIAN/conffiles", "/etc/a.conf\nremove-on-upgrade /etc/gone.conf\n");
  put("a-replaces", "DEBIAN/triggers", "interest-noawait /usr/share/z\ninterest named\n# why\ninterest-await other\n");
  control("b-replaced", "Version: 1\nArchitecture: amd64\nMulti-Arch: same\nDescription: d\n");
  put("b-replaced", "usr/share/both", "b\n");
  put("b-replaced", "usr/share/own", "b\n");
  put("b-replaced", "DEBIAN/md5sums",
      output_of({"sh", "-c", "cd " + folder("b-replaced").string() + " && md5sum usr/share/*"}));
  put("b-replaced", "DEBIAN/triggers", "interest /usr/share/z\nactivate-noawait named\ninterest-noawait named\n");
  put("b-replaced", "DEBIAN/shlibs", "libb 1 b\n");
  for (const char* name : {"0-links", "a-replaces", "b-replaced"}) pack(name, folder(name));
  expect_equal_databases();
}

/// AINODE_DEBS names a directory of real packages; the end-to-end tests fetch a dozen.
TEST_F(DpkgDatabaseTest, EqualsDpkgsForRealPackages) {
  const char* given = std::getenv("AINODE_DEBS");
  if (!given) GTEST_SKIP() << "AINODE_DEBS names no packages";
  for (const auto& entry : fs::directory_iterator(given)) {
    if (entry.path().extension() != ".deb") continue;
    const fs::path unpacked = folder(entry.path().stem().string());
    make_directories(unpacked.parent_path());
    output_of({"dpkg-deb", "-R", entry.path(), unpacked});
    pack(entry.path().stem().string(), unpacked);
    fs::remove_all(unpacked);
  }
  expect_equal_databases();
}

}  // namespace
}  // namespace ainode
