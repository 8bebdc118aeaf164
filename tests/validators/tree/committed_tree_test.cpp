// SPDX-License-Identifier: Apache-2.0
// A small commit as a node: paths, links, /etc, ownership, and damage.
#include "validators/tree/committed_tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostree.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "tests/validators/tree/test_elf.h"

namespace ainode::tree {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
using Object = Handle<T, g_object_unref>;

void require(bool is_done, const GError* error) {
  if (!is_done) throw std::runtime_error(error != nullptr ? error->message : "no error");
}

/// Commits the files below `tree` to a new repository.
std::string commit(const fs::path& repository, const fs::path& tree) {
  GError* error = nullptr;
  const Object<GFile> place(g_file_new_for_path(repository.c_str())), folder(g_file_new_for_path(tree.c_str()));
  const Object<OstreeRepo> repo(ostree_repo_new(place.get()));
  require(ostree_repo_create(repo.get(), OSTREE_REPO_MODE_BARE_USER, nullptr, &error), error);
  const Object<OstreeMutableTree> files(ostree_mutable_tree_new());
  GFile* root = nullptr;
  char* checksum = nullptr;
  require(ostree_repo_prepare_transaction(repo.get(), nullptr, nullptr, &error), error);
  require(ostree_repo_write_directory_to_mtree(repo.get(), folder.get(), files.get(), nullptr, nullptr, &error), error);
  require(ostree_repo_write_mtree(repo.get(), files.get(), &root, nullptr, &error), error);
  const Object<GFile> owned_root(root);
  require(ostree_repo_write_commit(repo.get(), nullptr, "", "", nullptr, OSTREE_REPO_FILE(root), &checksum, nullptr,
                                   &error),
          error);
  require(ostree_repo_commit_transaction(repo.get(), nullptr, nullptr, &error), error);
  std::string name = checksum;
  g_free(checksum);
  return name;
}

class Committed : public testing::Test {
 protected:
  void SetUp() override {
    write("usr/lib/modules/6.12/vmlinuz", make_boot_image("6.12", make_vmlinux({{"printk", 1}})));
    write("usr/bin/tool", "a tool");
    write("usr/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    fs::create_directory_symlink("usr/bin", tree_ / "bin");
    fs::create_directory_symlink("../../bin", tree_ / "usr/lib/programs");
    fs::create_symlink("/etc/passwd", tree_ / "usr/lib/accounts");
    fs::create_symlink("round", tree_ / "usr/round");
    fs::create_symlink("nowhere", tree_ / "usr/dangling");
    chmod((tree_ / "usr/bin/tool").c_str(), 04755);
  }
  void write(const fs::path& path, const std::string& content) {
    make_directories((tree_ / path).parent_path());
    write_file(tree_ / path, content);
  }
  CommittedTree node() {
    if (commit_.empty()) commit_ = commit(repository_, tree_);
    return {repository_, commit_};
  }

  TemporaryDirectory work_{testing::TempDir()};
  fs::path tree_ = work_.path() / "tree", repository_ = work_.path() / "repo";
  std::string commit_;
};

TEST_F(Committed, GivesFilesThroughLinksOfDirectoriesAndOfFiles) {
  const CommittedTree tree = node();
  for (const char* path : {"/usr/bin/tool", "/bin/tool", "/usr/lib/programs/tool", "/usr/lib/../bin/./tool"})
    EXPECT_EQ(tree.read_file(path), "a tool") << path;
  EXPECT_EQ(tree.read_file("/usr/lib/accounts"), tree.read_file("/usr/etc/passwd"));
  EXPECT_EQ(tree.read_link("/bin"), "usr/bin");
  EXPECT_EQ(tree.read_link("/usr/bin/tool"), std::nullopt);
  EXPECT_EQ(tree.kernel_release(), "6.12");
}

TEST_F(Committed, ShowsEtcAsAFirstBootFindsIt) {
  EXPECT_EQ(node().read_file("/etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
  EXPECT_FALSE(node().exists("/usr/bin/etc"));
}

TEST_F(Committed, SaysWhatIsAbsent) {
  const CommittedTree tree = node();
  for (const char* path : {"/usr/none", "/usr/bin/tool/x", "/usr/round", "/usr/dangling", "/proc/cmdline"}) {
    EXPECT_FALSE(tree.exists(path)) << path;
    EXPECT_EQ(tree.read_file(path), std::nullopt) << path;
    EXPECT_TRUE(tree.list(path).empty()) << path;
  }
  EXPECT_EQ(tree.read_file("/usr/bin"), std::nullopt);
  EXPECT_EQ(tree.kernel_log(), std::nullopt);
  EXPECT_EQ(tree.run({"true"}).problem, "the image is not booted");
}

TEST_F(Committed, ListsADirectorySorted) {
  std::vector<std::string> names;
  for (const checks::DirectoryEntry& entry : node().list("/usr"))
    names.push_back(entry.name + (entry.is_directory ? "/" : ""));
  EXPECT_THAT(names, ElementsAre("bin/", "dangling", "etc/", "lib/", "round"));
}

TEST_F(Committed, KnowsModesAndWhoHasMoreRights) {
  const CommittedTree tree = node();
  const auto tool = tree.status("/usr/bin/tool");
  ASSERT_TRUE(tool);
  EXPECT_TRUE(tool->is_regular);
  EXPECT_EQ(tool->mode, 04755u);
  EXPECT_EQ(tool->uid, getuid());
  EXPECT_FALSE(tree.status("/bin")->is_regular);
  EXPECT_EQ(tree.status("/usr/bin")->mode, 0755u);
  EXPECT_THAT(tree.privileged_files(), testing::Optional(ElementsAre("/usr/bin/tool")));
}

TEST_F(Committed, RefusesADamagedObjectWhenItIsRead) {
  const CommittedTree whole = node();
  for (const auto& entry : fs::recursive_directory_iterator(repository_ / "objects"))
    if (entry.path().extension() == ".file" && entry.is_regular_file() && read_file(entry.path()) == "a tool")
      std::ofstream(entry.path()) << "a toll";  // in place: its attributes stay
  try {
    whole.read_file("/usr/bin/tool");
    FAIL() << "a damaged file was given";
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::image_malformed.id);
    EXPECT_THAT(error.message(), HasSubstr("orrupt"));
  }
}

TEST_F(Committed, RefusesWhatIsNoRepositoryOrHasNoKernel) {
  EXPECT_THROW(CommittedTree(work_.path(), std::string(64, 'a')), Error);
  node();
  EXPECT_THROW(CommittedTree(repository_, std::string(64, 'a')), Error);
  fs::remove(tree_ / "usr/lib/modules/6.12/vmlinuz");
  const fs::path other = work_.path() / "other";
  const std::string without = commit(other, tree_);
  try {
    CommittedTree refused(other, without);
    FAIL() << "a tree without a kernel was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("has no kernel"));
  }
}

}  // namespace
}  // namespace ainode::tree
