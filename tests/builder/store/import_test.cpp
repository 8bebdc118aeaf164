// SPDX-License-Identifier: Apache-2.0
// .debs into commits: what is kept, and every entry that must be refused.
#include "store_fixture.h"

namespace ainode {
namespace {

using testing::entry;
using testing::error_of;
using testing::StoreTest;
using Type = ArchiveEntry::Type;

class Import : public StoreTest {
 protected:
  std::string error_of_data(const testing::Entries& data) {
    const LockedPackage package = add_deb("p", "", data);
    return error_of([&] { import({package}); });
  }
  static ArchiveEntry link(const std::string& path, Type type, const std::string& target) {
    ArchiveEntry made = entry(path, type);
    made.target = target;
    return made;
  }
};

TEST_F(Import, KeepsOwnersModesAndLinks) {
  ArchiveEntry shadow = entry("./etc/shadow", Type::file, 0640);
  shadow.gid = 42;
  const LockedPackage package = add_deb("p", "",
                                        {{entry("./", Type::directory), ""},
                                         {entry("./usr/bin/su", Type::file, 04755), "su"},
                                         {shadow, "secret"},
                                         {link("./usr/bin/link", Type::symlink, "su"), ""},
                                         {link("./usr/bin/hard", Type::hardlink, "./usr/bin/su"), ""}});
  import({package});
  EXPECT_EQ(listing(compose(store_, {package})),
            "etc/shadow 0640 0:42 secret\n"
            "usr/bin/hard 4755 0:0 su\n"
            "usr/bin/link 0777 0:0 -> su\n"
            "usr/bin/su 4755 0:0 su\n");
}

TEST_F(Import, MovesFilesOfTheRootIntoTheMergedUsr) {
  const LockedPackage package =
      add_deb("p", "", {{entry("./lib/x"), "x"}, {link("./bin", Type::symlink, "usr/bin"), ""}});
  import({package});
  EXPECT_EQ(listing(compose(store_, {package})), "bin 0777 0:0 -> usr/bin\nusr/lib/x 0644 0:0 x\n");
}

TEST_F(Import, WritesDpkgsDatabase) {
  const LockedPackage package =
      add_deb("p", "Description: d\n", {{entry("./", Type::directory), ""}, {entry("./etc/c"), "conf\n"}},
              {{entry("./postinst"), "#!/bin/sh\n"}, {entry("./conffiles"), "/etc/c\n"}});
  import({package});
  const Tree tree = compose(store_, {package});
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/status"),
            "Package: p\nStatus: install ok unpacked\nArchitecture: all\nVersion: 1\n"
            "Conffiles:\n /etc/c b9a771b420047cfaa3543e66c78f44f6\nDescription: d\n\n");
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/info/p.list"), "/.\n/etc/c\n");
  EXPECT_EQ(store_.read_metadata(tree.file("var/lib/dpkg/info/p.postinst")->checksum).ownership.mode, 0755u);
}

TEST_F(Import, DoesNothingTwice) {
  const LockedPackage package = add_deb("p", "", {{entry("./a"), "a"}});
  EXPECT_EQ(packages_to_import(store_, {package}).size(), 1u);
  import({package});
  EXPECT_EQ(packages_to_import(store_, {package}).size(), 0u);
}

TEST_F(Import, DatesAPackageByItsNewestFile) {
  ArchiveEntry old = entry("./a"), young = entry("./b"), directory = entry("./", Type::directory);
  old.mtime = 1000;
  young.mtime = 1700000000;
  directory.mtime = 1600000000;
  const LockedPackage package = add_deb("p", "", {{directory, ""}, {young, "b"}, {old, "a"}});
  const LockedPackage empty = add_deb("empty", "", {});
  import({package, empty});
  EXPECT_EQ(package_time(store_, package), 1700000000);
  EXPECT_EQ(package_time(store_, empty), 0);
}

TEST_F(Import, DatesNothingByImpossibleTimes) {
  ArchiveEntry before = entry("./a"), far = entry("./b");
  before.mtime = -5;
  far.mtime = std::int64_t{1} << 60;
  const LockedPackage past = add_deb("past", "", {{before, ""}}), future = add_deb("future", "", {{far, ""}});
  import({past, future});
  EXPECT_EQ(package_time(store_, past), 0);
  EXPECT_EQ(package_time(store_, future), 0);
}

TEST_F(Import, AcceptsADirectoryOfMode000) {
  const LockedPackage package = add_deb("p", "", {{entry("./d", Type::directory, 0), ""}, {entry("./d/f"), "f"}});
  import({package});
  EXPECT_EQ(compose(store_, {package}).directory("d")->ownership.mode, 0u);
}

TEST_F(Import, RefusesWhatLeadsOutOfTheTree) {
  EXPECT_EQ(error_of_data({{entry("./a/../../x"), ""}}),
            "P0010: the .deb of p 1 (all) holds `./a/../../x`, which leads out of the tree");
  EXPECT_EQ(error_of_data({{entry("/etc/x"), ""}}),
            "P0010: the .deb of p 1 (all) holds `/etc/x`, which is an absolute path");
}

TEST_F(Import, RefusesToWriteThroughALink) {
  EXPECT_EQ(error_of_data({{link("./a", Type::symlink, "/etc"), ""}, {entry("./a/passwd"), "x"}}),
            "P0010: the .deb of p 1 (all) holds `a/passwd`, which lies below something that is not a directory");
}

TEST_F(Import, RefusesDevicesDuplicatesAndStrangeOwners) {
  EXPECT_EQ(error_of_data({{entry("./f", Type::fifo), ""}}),
            "P0010: the .deb of p 1 (all) holds `f`, which is a device, a FIFO or a socket");
  EXPECT_EQ(error_of_data({{entry("./f"), "1"}, {entry("./f"), "2"}}),
            "P0010: the .deb of p 1 (all) holds `f`, which stands there twice");
  ArchiveEntry strange = entry("./f");
  strange.uid = 4294967295;
  EXPECT_EQ(error_of_data({{strange, ""}}),
            "P0010: the .deb of p 1 (all) holds `f`, which belongs to 4294967295:0, outside 0 to 65535");
}

TEST_F(Import, RefusesControlCharactersInNames) {
  EXPECT_EQ(error_of_data({{entry("./a\nb"), ""}}),
            "P0010: the .deb of p 1 (all) holds `./a\nb`, which has a control character in its name");
}

TEST_F(Import, RefusesAHardLinkToNothing) {
  EXPECT_EQ(error_of_data({{link("./a", Type::hardlink, "./etc/shadow"), ""}}),
            "P0010: the .deb of p 1 (all) holds `a`, which is a hard link to `./etc/shadow`, which the package does "
            "not hold");
}

TEST_F(Import, NamesTheDisagreementWithTheIndex) {
  LockedPackage package = add_deb("p", "", {});
  package.version = "2";
  EXPECT_EQ(error_of([&] { import({package}); }),
            "P0009: the .deb of p 2 (all) says `Version: 1`, but its index says `2`");
}

TEST_F(Import, LeavesNothingBehindWhenAPackageIsBad) {
  const LockedPackage good = add_deb("good", "", {{entry("./a"), "a"}});
  const LockedPackage bad = add_deb("bad", "", {{entry("/x"), ""}});
  EXPECT_NE(error_of([&] { import({good, bad}); }), "(nothing thrown)");
  EXPECT_EQ(packages_to_import(store_, {good, bad}).size(), 2u);
}

TEST_F(Import, FindsAChangedDeb) {
  LockedPackage package = add_deb("p", "", {{entry("./a"), "a"}});
  write_file(debs_[package.sha256], "changed");
  EXPECT_EQ(error_of([&] { import({package}); }),
            "P0005: the .deb of p 1 (all) has SHA-256 " + sha256_hex("changed") + ", not " + package.sha256);
}

}  // namespace
}  // namespace ainode
