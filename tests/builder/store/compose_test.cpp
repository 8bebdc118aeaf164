// SPDX-License-Identifier: Apache-2.0
// The union of packages: clashes, replacements, shared directories, triggers.
#include <fcntl.h>

#include "store_fixture.h"

namespace ainode {
namespace {

using testing::entry;
using testing::error_of;
using testing::StoreTest;
using Type = ArchiveEntry::Type;

class Compose : public StoreTest {};

TEST_F(Compose, NamesBothOwnersOfAClash) {
  const auto a = add_deb("a", "", {{entry("./usr/x"), "1"}}), b = add_deb("b", "", {{entry("./usr/x"), "2"}});
  import({a, b});
  EXPECT_EQ(error_of([&] { compose(store_, {a, b}); }), "B0001: /usr/x is in both a and b");
}

TEST_F(Compose, LetsTheReplacingPackageWinInAnyOrder) {
  const auto a = add_deb("a", "Replaces: z, b (<< 2)\n", {{entry("./x"), "a"}}),
             b = add_deb("b", "", {{entry("./x"), "b"}});
  import({a, b});
  EXPECT_EQ(listing(compose(store_, {a, b})), "x 0644 0:0 a\n");
  EXPECT_EQ(listing(compose(store_, {b, a})), "x 0644 0:0 a\n");
}

TEST_F(Compose, KeepsTheModeThatSaysMoreThanTheDefault) {
  const auto a = add_deb("a", "", {{entry("./tmp", Type::directory), ""}});
  const auto b = add_deb("b", "", {{entry("./tmp", Type::directory, 01777), ""}});
  import({a, b});
  EXPECT_EQ(compose(store_, {a, b}).directory("tmp")->ownership.mode, 01777u);
  EXPECT_EQ(compose(store_, {b, a}).directory("tmp")->ownership.mode, 01777u);
}

TEST_F(Compose, ReplacesOnlyTheVersionsThatAreMeant) {
  const auto older = add_deb("older", "Replaces: b (<< 1)\n", {{entry("./x"), "a"}}),
             named = add_deb("named", "Replaces: other:any (>> 3), b:all(= 1)\n", {{entry("./x"), "n"}}),
             b = add_deb("b", "Provides: virtual\n", {{entry("./x"), "b"}}),
             by_virtual = add_deb("by-virtual", "Replaces: virtual\n", {{entry("./x"), "v"}});
  import({older, named, b, by_virtual});
  EXPECT_EQ(error_of([&] { compose(store_, {older, b}); }), "B0001: /x is in both older and b");
  EXPECT_EQ(listing(compose(store_, {named, b})), "x 0644 0:0 n\n");
  // dpkg's rule: for files, only a package's own name counts
  EXPECT_EQ(error_of([&] { compose(store_, {by_virtual, b}); }), "B0001: /x is in both by-virtual and b");
}

TEST_F(Compose, TakesAReplacedFileOutOfItsFormerOwnersList) {
  const auto a = add_deb("a", "Replaces: b\n", {{entry("./x"), "a"}});
  const auto b = add_deb("b", "", {{entry("./x"), "b"}, {entry("./y"), "b"}});
  import({a, b});
  for (const auto& order : {std::vector{a, b}, std::vector{b, a}}) {
    const Tree tree = compose(store_, order);
    EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/info/a.list"), "/x\n");
    EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/info/b.list"), "/y\n");
  }
}

TEST_F(Compose, FollowsALinkThatStandsWhereAPackageHasADirectory) {
  ArchiveEntry link = entry("./var/run", Type::symlink);
  link.target = "../run";
  const auto base = add_deb("base", "", {{entry("./run", Type::directory), ""}, {link, ""}});
  const auto user = add_deb("user", "", {{entry("./var/run/f"), "f"}});
  import({base, user});
  EXPECT_EQ(listing(compose(store_, {base, user})), "run/f 0644 0:0 f\nvar/run 0777 0:0 -> ../run\n");
  EXPECT_EQ(listing(compose(store_, {user, base})), "var/run/f 0644 0:0 f\n");
}

TEST_F(Compose, RefusesADirectoryWhereAnotherPackageHasAFile) {
  const auto a = add_deb("a", "", {{entry("./x"), ""}}), b = add_deb("b", "", {{entry("./x/y"), ""}});
  import({a, b});
  EXPECT_EQ(error_of([&] {
              compose(store_, {a, b});
            }),
            "B0001: /x is a directory in one of a and b, and something else in the other");
  EXPECT_EQ(error_of([&] {
              compose(store_, {b, a});
            }),
            "B0001: /x is a directory in one of b and a, and something else in the other");
}

TEST_F(Compose, CollectsTriggers) {
  const auto a = add_deb("a", "", {}, {{entry("./triggers"), "interest-noawait /usr/share/x\ninterest named # why\n"}});
  import({a});
  const Tree tree = compose(store_, {a});
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/triggers/File"), "/usr/share/x a/noawait\n");
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/triggers/named"), "a\n");
}

TEST_F(Compose, GivesOneCommitInAnyOrder) {
  const auto a = add_deb("a", "", {{entry("./a"), "1"}}), b = add_deb("b", "", {{entry("./b"), "2"}});
  import({a, b});
  const auto commit = [&](const std::vector<LockedPackage>& packages) {
    const Tree tree = compose(store_, packages);
    Store::Transaction transaction(store_);
    std::string made = store_.write_commit(tree, {});
    transaction.commit();
    return made;
  };
  EXPECT_EQ(commit({a, b}), commit({b, a}));
}

TEST_F(Compose, ListsTriggersInTheOrderOfThePackages) {
  const auto a = add_deb("a", "", {}, {{entry("./triggers"), "interest-await /usr/share/z\ninterest named\n"}}),
             b = add_deb("b", "", {}, {{entry("./triggers"), "interest-noawait /usr/share/z\nactivate named\n"}});
  import({a, b});
  const Tree tree = compose(store_, {b, a});
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/triggers/File"), "/usr/share/z b/noawait\n/usr/share/z a\n");
  EXPECT_EQ(store_.read_text(tree, "var/lib/dpkg/triggers/named"), "a\n");
}

/// Packages over a tree that was configured, as it is read back from a commit: without owners.
class ComposeOnto : public StoreTest {
 protected:
  /// The packages with their status set to installed, and what scripts may have made beside them.
  Tree configured(const std::vector<LockedPackage>& packages, const std::map<std::string, std::string>& made = {}) {
    Tree tree = compose(store_, packages);
    Store::Transaction transaction(store_);
    std::string status = store_.read_text(tree, kStatus);
    for (std::size_t at = 0; (at = status.find("unpacked", at)) != std::string::npos;)
      status.replace(at, 8, "installed");
    tree.put_file(kStatus, store_.write_text(status), "<configure>");
    for (const auto& [path, content] : made) tree.put_file(path, store_.write_text(content), "<configure>");
    const std::string commit = store_.write_commit(tree, {});
    transaction.commit();
    return store_.read_tree(commit);
  }
  std::string text(const Tree& tree, const std::string& name) const {
    return store_.read_text(tree, "var/lib/dpkg/" + name);
  }
  std::vector<SharedPath> shared_;
  static constexpr const char* kStatus = "var/lib/dpkg/status";
};

TEST_F(ComposeOnto, KeepsWhatIsInstalledAndAddsWhatIsUnpacked) {
  const auto low = add_deb("m", "", {{entry("./m"), "1"}}), high = add_deb("a", "", {{entry("./a"), "2"}});
  import({low, high});
  const Tree tree = compose_onto(store_, configured({low}, {{"etc/made", "by a script"}}), {high}, shared_);
  EXPECT_EQ(listing(tree), "a 0644 0:0 2\nm 0644 0:0 1\netc/made 0644 0:0 by a script\n");
  EXPECT_EQ(text(tree, "status"),
            "Package: a\nStatus: install ok unpacked\nArchitecture: all\nVersion: 1\n\n"
            "Package: m\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n");
  EXPECT_EQ(text(tree, "info/m.list") + text(tree, "info/a.list"), "/m\n/a\n");
  EXPECT_TRUE(shared_.empty());
}

TEST_F(ComposeOnto, HoldsBackAFileThatAPackageBelowOwns) {
  const auto low = add_deb("low", "", {{entry("./lib/x"), "1"}}),
             high = add_deb("high", "", {{entry("./usr/lib/x"), "2"}});
  import({low, high});
  const Tree tree = compose_onto(store_, configured({low}), {high}, shared_);
  EXPECT_EQ(listing(tree), "usr/lib/x 0644 0:0 1\n");
  ASSERT_EQ(shared_.size(), 1u);
  const SharedPath& path = shared_.front();
  EXPECT_EQ(path.path + " " + path.first + " " + path.second, "usr/lib/x low high");
  EXPECT_EQ(store_.read_file(path.first_checksum).content + store_.read_file(path.second_checksum).content, "12");
  EXPECT_EQ(clash_error(path).message(), "/usr/lib/x is in both low and high");
}

TEST_F(ComposeOnto, ReplacesFilesOfPackagesBelow) {
  const auto low = add_deb("low", "", {{entry("./x"), "1"}, {entry("./y"), "1"}});
  const auto high = add_deb("high", "Replaces: low (<= 1)\n", {{entry("./x"), "2"}});
  import({low, high});
  const Tree tree = compose_onto(store_, configured({low}), {high}, shared_);
  EXPECT_EQ(listing(tree), "x 0644 0:0 2\ny 0644 0:0 1\n");
  EXPECT_EQ(text(tree, "info/low.list"), "/y\n");
  EXPECT_TRUE(shared_.empty());
}

TEST_F(ComposeOnto, ReplacesWhatNoPackageOwns) {
  const auto low = add_deb("low", "", {}), high = add_deb("high", "", {{entry("./x"), "new"}});
  import({low, high});
  EXPECT_EQ(listing(compose_onto(store_, configured({low}, {{"x", "old"}}), {high}, shared_)), "x 0644 0:0 new\n");
}

TEST_F(ComposeOnto, PutsADivertedFileWhereItIsDivertedTo) {
  const auto low = add_deb("low", "", {{entry("./bin/sh"), "low's"}});
  const auto high = add_deb("high", "", {{entry("./usr/bin/sh"), "high's"}, {entry("./usr/bin/own"), "high's"}});
  import({low, high});
  const std::string diversions = "/bin/sh\n/bin/sh.distrib\nlow\n/usr/bin/own\n/usr/bin/own.distrib\nhigh\n";
  const Tree tree = compose_onto(store_, configured({low}, {{"var/lib/dpkg/diversions", diversions}}), {high}, shared_);
  EXPECT_EQ(listing(tree),
            "usr/bin/own 0644 0:0 high's\nusr/bin/sh 0644 0:0 low's\nusr/bin/sh.distrib 0644 0:0 high's\n");
  EXPECT_TRUE(shared_.empty());
  EXPECT_EQ(text(tree, "diversions"), diversions);
}

TEST_F(ComposeOnto, AppendsTriggers) {
  const auto low = add_deb("low", "", {}, {{entry("./triggers"), "interest-noawait /usr/share/a\ninterest /lib/b\n"}});
  const auto high = add_deb("high", "", {{entry("./usr/share/a/f"), ""}, {entry("./usr/share/ab"), ""}},
                            {{entry("./triggers"), "interest /usr/share/a\n"}});
  import({low, high});
  const Tree tree = compose_onto(store_, configured({low}), {high}, shared_);
  EXPECT_EQ(text(tree, "triggers/File"), "/usr/share/a low/noawait\n/lib/b low\n/usr/share/a high\n");
}

TEST_F(ComposeOnto, LeavesDirectoriesBelowAsTheyAre) {
  const auto low = add_deb("low", "", {{entry("./d", Type::directory), ""}});
  const auto high =
      add_deb("high", "", {{entry("./d", Type::directory, 01777), ""}, {entry("./n", Type::directory, 0700), ""}});
  import({low, high});
  const Tree tree = compose_onto(store_, configured({low}), {high}, shared_);
  EXPECT_EQ(tree.directory("d")->ownership.mode, 0755u);
  EXPECT_EQ(tree.directory("n")->ownership.mode, 0700u);
}

class Commits : public StoreTest {
 protected:
  std::string commit_of(const Tree& tree) {
    Store::Transaction transaction(store_);
    CommitOptions options;
    options.ref = "some/ref";
    std::string commit = store_.write_commit(tree, options);
    transaction.set_ref(options.ref, commit);
    transaction.commit();
    return commit;
  }
  Tree small_tree() {
    Store::Transaction transaction(store_);
    Tree tree;
    tree.put_file("usr/bin/su", store_.write_text("su", 04755), "");
    tree.put_file("usr/bin/link", store_.write_symlink("su"), "");
    tree.directory("usr")->ownership.xattrs["user.note"] = "n";
    transaction.commit();
    return tree;
  }
};

TEST_F(Commits, ReadBackAsTheyWereWritten) {
  const std::string commit = commit_of(small_tree());
  const Tree tree = store_.read_tree(commit);
  EXPECT_EQ(listing(tree), "usr/bin/link 0777 0:0 -> su\nusr/bin/su 4755 0:0 su\n");
  EXPECT_EQ(tree.directory("usr")->ownership.xattrs.at("user.note"), "n");
  EXPECT_EQ(store_.resolve("some/ref"), commit);
}

TEST_F(Commits, CarrySignaturesBesideThem) {
  const std::string commit = commit_of(small_tree());
  store_.write_signatures(commit, {{"ostree.sign.ed25519", {std::string(64, 's')}}});
  EXPECT_EQ(store_.read_signatures(commit).at("ostree.sign.ed25519").at(0), std::string(64, 's'));
  EXPECT_EQ(sha256_hex(store_.commit_bytes(commit)), commit);
}

TEST_F(Commits, EveryFlippedByteIsFound) {
  const std::string commit = commit_of(small_tree());
  store_.verify_objects(run_, commit);
  int objects = 0;
  store_.for_each_object(commit, [&](const std::string& checksum, const std::string& type) {
    const fs::path path =
        store_.repository_path() / "objects" / checksum.substr(0, 2) / (checksum.substr(2) + "." + type);
    const std::string original = read_file(path);
    std::string changed = original;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    {  // in place, so that the object keeps its attributes
      const Descriptor file = open_file(path, O_WRONLY | O_TRUNC);
      write_all(file.get(), changed, path);
    }
    // What one process has read once it need not read again: another store sees the file as it is now.
    const Store another = Store::read_only(store_.directory());
    EXPECT_EQ(error_of([&] { another.verify_objects(run_, commit); }).substr(0, 13), "T0032: object") << type;
    const Descriptor file = open_file(path, O_WRONLY | O_TRUNC);
    write_all(file.get(), original, path);
    ++objects;
  });
  EXPECT_GE(objects, 6);
}

TEST_F(Commits, ExportSharesNothingWithTheStore) {
  const std::string commit = commit_of(small_tree());
  const fs::path image = directory_.path() / "image";
  export_repository(store_, commit, "some/ref", image / "repo");
  const Store copy = Store::read_only(image);
  EXPECT_EQ(copy.resolve("some/ref"), commit);
  copy.verify_objects(run_, commit);
  copy.for_each_object(commit, [&](const std::string& checksum, const std::string& type) {
    EXPECT_EQ(fs::hard_link_count(image / "repo/objects" / checksum.substr(0, 2) / (checksum.substr(2) + "." + type)),
              1u);
  });
}

TEST_F(Commits, AnOpenTransactionReadsWhatItWrote) {
  Store::Transaction transaction(store_);
  EXPECT_EQ(store_.read_file(store_.write_text("new", 0600)).content, "new");
  EXPECT_EQ(store_.read_metadata(store_.write_symlink("to/there")).content, "to/there");
}

TEST_F(Commits, AnAbandonedTransactionLeavesNothing) {
  std::string checksum;
  {
    Store::Transaction transaction(store_);
    checksum = store_.write_text("abandoned");
  }
  EXPECT_FALSE(fs::exists(store_.object_path(checksum)));
}

}  // namespace
}  // namespace ainode
