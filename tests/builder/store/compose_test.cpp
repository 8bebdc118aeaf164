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
