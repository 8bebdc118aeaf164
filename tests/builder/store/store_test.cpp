// SPDX-License-Identifier: Apache-2.0
// What a store promises to several processes, after a kill, on a full disk, and about damaged bytes.
#include "builder/store/store.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "builder/store/checkout.h"
#include "builder/store/inventory.h"
#include "store_fixture.h"

namespace ainode {
namespace {

using testing::error_of;
using testing::StoreTest;

/// Runs `body` in a child; its exit status.
template <class Body>
int in_child(const Body& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void flip(const fs::path& path, std::size_t offset) {
  const Descriptor file = open_file(path, O_RDWR);
  char byte = 0;
  ASSERT_EQ(pread(file.get(), &byte, 1, static_cast<off_t>(offset)), 1);
  byte = static_cast<char>(byte ^ 1);
  ASSERT_EQ(pwrite(file.get(), &byte, 1, static_cast<off_t>(offset)), 1);
}

class Notes : public EventSink {
 public:
  void on_event(const Event& event) override { said += event.text + "\n"; }
  std::string said;
};

class OneMaker : public StoreTest {
 protected:
  StepKey key_{"thing", 1};
  std::string make() {
    return store_.make_once(
        run_, key_, "the thing", [&] { return store_.recall(key_); },
        [&] {
          store_.remember(key_, "made");
          const Descriptor log = open_file(directory_.path() / "log", O_WRONLY | O_CREAT | O_APPEND);
          write_all(log.get(), "x", "log");
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
          return std::string("made");
        });
  }
};

TEST_F(OneMaker, MakesOnceForManyProcesses) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(make() == "made" ? 0 : 1);
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(read_file(directory_.path() / "log"), "x");
}

TEST_F(OneMaker, IsNotHeldUpByADeadProcess) {
  EXPECT_EQ(in_child([&] {
              const FileLock maker = store_.lock_maker(run_, key_, "the thing");
              return raise(SIGKILL);
            }),
            128 + SIGKILL);
  EXPECT_EQ(make(), "made");
}

TEST_F(OneMaker, SaysWhatItWaitsFor) {
  Notes notes;
  RunContext run{notes, 1, true};
  auto first = std::make_unique<FileLock>(store_.lock_maker(run_, key_, "the thing"));
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    first.reset();
  });
  const FileLock second = store_.lock_maker(run, key_, "the thing");
  ending.join();
  EXPECT_EQ(notes.said, "another build is making the thing; waiting for it\n");
}

class Damage : public StoreTest {
 protected:
  std::string text_object(const std::string& text) {
    Store::Transaction transaction(store_);
    std::string checksum = store_.write_text(text);
    transaction.commit();
    return checksum;
  }
  std::string commit_with(const std::string& text) {
    Store::Transaction transaction(store_);
    Tree tree;
    tree.put_file("usr/bin/tool", store_.write_text(text, 0755), "");
    tree.put_file("usr/bin/link", store_.write_symlink("tool"), "");
    std::string commit = store_.write_commit(tree, {});
    transaction.set_ref("some/ref", commit);
    transaction.commit();
    return commit;
  }
  std::string corrupt(const std::string& checksum, const std::string& type, const std::string& actual) const {
    return "T0032: object " + checksum + "." + type + " in " + store_.repository_path().string() + " has the hash " +
           actual;
  }
};

TEST_F(Damage, OfAContentIsFoundWhenItIsRead) {
  const std::string checksum = text_object("hello");
  flip(store_.object_path(checksum), 0);
  const std::string now = text_object("iello");
  EXPECT_EQ(error_of([&] { store_.read_file(checksum); }), corrupt(checksum, "file", now));
}

TEST_F(Damage, OfADirectoryIsFoundWhenItIsRead) {
  const std::string commit = commit_with("x");
  const fs::path path = store_.repository_path() / "objects" / commit.substr(0, 2) / (commit.substr(2) + ".commit");
  flip(path, fs::file_size(path) - 40);
  EXPECT_EQ(error_of([&] { store_.read_tree(commit); }), corrupt(commit, "commit", sha256_hex(read_file(path))));
}

TEST_F(Damage, OfTheRepositorysConfigIsMended) {
  const std::string commit = commit_with("x");
  flip(store_.repository_path() / "config", 12);
  const Store another(store_.directory());
  EXPECT_EQ(another.resolve("some/ref"), commit);
  EXPECT_EQ(read_file(store_.repository_path() / "config"), Store::kRepositoryConfig);
}

TEST_F(Damage, OfARememberedResultMakesItUnknown) {
  const StepKey key("step", 1);
  store_.remember(key, "result");
  EXPECT_EQ(store_.recall(key), "result");
  const fs::path path = store_.directory() / "results" / key.hex();
  for (std::size_t at = 0; at < fs::file_size(path); ++at) {
    flip(path, at);
    EXPECT_EQ(store_.recall(key), std::nullopt) << at;
    flip(path, at);
  }
  EXPECT_EQ(store_.recall(StepKey("step", 2)), std::nullopt);
}

TEST_F(Damage, OfACheckoutIsFound) {
  const Tree tree = store_.read_tree(commit_with("x"));
  const fs::path at = directory_.path() / "tree";
  check_out(store_, tree, at);
  EXPECT_EQ(difference_from_checkout(store_, tree, at), std::nullopt);
  fs::permissions(at / "usr/bin", fs::perms(0700));
  EXPECT_EQ(difference_from_checkout(store_, tree, at), at / "usr/bin");
  fs::permissions(at / "usr/bin", fs::perms(0755));
  write_file(at / "usr/more", "");
  EXPECT_EQ(difference_from_checkout(store_, tree, at), at / "usr/more");
  fs::remove(at / "usr/more");
  flip(at / "usr/bin/tool", 0);
  // A process reads each object once: this is a later one.
  EXPECT_EQ(difference_from_checkout(Store::read_only(directory_.path() / "store"), tree, at), at / "usr/bin/tool");
  fs::remove(at / "usr/bin/tool");
  EXPECT_EQ(difference_from_checkout(store_, tree, at), at / "usr/bin");
}

/// A tree, what follows it, and what lies on the disk then.
class Showing : public StoreTest {
 protected:
  Tree first() {
    Store::Transaction transaction(store_);
    Tree tree;
    put(tree, "usr/bin/tool", "tool");
    put(tree, "usr/share/changes", "before");
    put(tree, "usr/share/goes", "away");
    put(tree, "etc/was-file", "file");
    put(tree, "etc/was-directory/below", "below");
    tree.put_file("etc/link", store_.write_symlink("first"), "");
    tree.make_directories("var/empty").ownership.mode = 0700;
    transaction.commit();
    return tree;
  }
  Tree second() {
    Tree tree = first();
    Store::Transaction transaction(store_);
    put(tree, "usr/share/changes", "after");
    tree.remove("usr/share/goes");
    put(tree, "etc/was-file/below", "below");
    put(tree, "etc/was-directory", "file");
    tree.put_file("etc/link", store_.write_symlink("second"), "");
    tree.make_directories("var/empty").ownership.mode = 0755;
    put(tree, "var/new/deep/file", "new");
    transaction.commit();
    return tree;
  }
  void put(Tree& tree, const char* path, const char* content) { tree.put_file(path, store_.write_text(content), ""); }
  void expect_shown(Checkout& checkout, const Tree& tree) {
    const fs::path at = checkout.show(store_, tree);
    EXPECT_EQ(difference_from_checkout(store_, tree, at), std::nullopt);
    // However it came about, it looks the same: file times too.
    for (const auto& entry : fs::recursive_directory_iterator(at)) {
      struct stat status = {};
      ASSERT_EQ(lstat(entry.path().c_str(), &status), 0);
      EXPECT_EQ(status.st_mtim.tv_sec, 0) << entry.path();
    }
  }
  ino_t inode_of_directory() {
    struct stat status = {};
    stat((Checkout::kept_in(store_) / "tree/usr").c_str(), &status);
    return status.st_ino;
  }
};

TEST_F(Showing, FollowsATreeBackAndForth) {
  Checkout checkout(store_);
  const Tree one = first(), other = second();
  expect_shown(checkout, one);
  const ino_t directory = inode_of_directory();
  expect_shown(checkout, other);
  expect_shown(checkout, one);
  EXPECT_EQ(inode_of_directory(), directory);
  expect_shown(checkout, Tree());
}

TEST_F(Showing, IsTakenUpAsItWasLeft) {
  const Tree one = first(), other = second();
  {
    Checkout checkout(store_);
    EXPECT_EQ(checkout.left(), "");
    expect_shown(checkout, one);
    checkout.keep(store_, "one");
  }
  const ino_t directory = inode_of_directory();
  {
    Checkout checkout(store_);
    EXPECT_EQ(checkout.left(), "one");
    checkout.take_up(store_, one);
    expect_shown(checkout, other);
    // Not made anew.
    EXPECT_EQ(inode_of_directory(), directory);
    // Not kept: as after a kill, nobody knows what it shows.
  }
  Checkout checkout(store_);
  EXPECT_EQ(checkout.left(), "");
  expect_shown(checkout, one);
}

TEST_F(Showing, IsMadeAnewWhenItWasTouched) {
  const Tree one = first();
  for (const char* damage : {"content", "more", "less", "link", "mode"}) {
    {
      Checkout checkout(store_);
      expect_shown(checkout, one);
      checkout.keep(store_, "one");
    }
    const fs::path at = Checkout::kept_in(store_) / "tree";
    const std::string kind = damage;
    if (kind == "more") write_file(at / "usr/more", "");
    if (kind == "less" || kind == "link" || kind == "content") fs::remove(at / "usr/bin/tool");
    if (kind == "link") fs::create_symlink("/bin/sh", at / "usr/bin/tool");
    if (kind == "content") write_file(at / "usr/bin/tool", "toot");
    if (kind == "mode") fs::permissions(at / "var/empty", fs::perms(0777));
    Checkout checkout(store_);
    checkout.take_up(store_, one);
    SCOPED_TRACE(kind);
    expect_shown(checkout, one);
  }
}

TEST_F(Showing, IsForOneAtATime) {
  Checkout checkout(store_), beside(store_);
  // Setuid files are setuid.
  EXPECT_EQ(fs::status(Checkout::kept_in(store_)).permissions(), fs::perms::owner_all);
  const Tree one = first(), other = second();
  const fs::path here = checkout.show(store_, one), there = beside.show(store_, other);
  EXPECT_NE(here, there);
  EXPECT_EQ(difference_from_checkout(store_, one, here), std::nullopt);
  EXPECT_EQ(difference_from_checkout(store_, other, there), std::nullopt);
  beside.keep(store_, "other");
  EXPECT_EQ(Checkout(store_).left(), "");
}

TEST_F(Damage, DoesNotReachACheckout) {
  const std::string commit = commit_with("x");
  const Tree tree = store_.read_tree(commit);
  const std::string tool = tree.file("usr/bin/tool")->checksum;
  flip(store_.object_path(tool), 0);
  EXPECT_EQ(error_of([&] { check_out(store_, tree, directory_.path() / "tree"); }).substr(0, 13), "T0032: object");
}

class AfterAKill : public StoreTest {
 protected:
  /// The fixture's own store keeps others from repairing: it goes first.
  Store reopened() {
    { const Store closed = std::move(store_); }
    return Store(directory_.path() / "store");
  }
};

TEST_F(AfterAKill, NothingOfAStagingDirectoryIsTakenOver) {
  std::string checksum;
  EXPECT_EQ(in_child([&] {
              Store::Transaction transaction(store_);
              store_.write_text("whole");
              for (const auto& entry : fs::recursive_directory_iterator(store_.repository_path() / "tmp")) {
                if (entry.path().extension() == ".file") fs::resize_file(entry.path(), 2);
              }
              return raise(SIGKILL);
            }),
            128 + SIGKILL);
  // Another process has the store open all the while: only what belongs to the dead one goes.
  Store::Transaction transaction(store_);
  checksum = store_.write_text("whole");
  transaction.commit();
  EXPECT_EQ(store_.read_file(checksum).content, "whole");
}

TEST_F(AfterAKill, AWriterThatLivesKeepsItsStagingDirectory) {
  Store::Transaction transaction(store_);
  const std::string checksum = store_.write_text("mine");
  EXPECT_EQ(in_child([&] {
              Store other(directory_.path() / "store");
              Store::Transaction theirs(other);
              other.write_text("theirs");
              theirs.commit();
              return 0;
            }),
            0);
  transaction.commit();
  EXPECT_EQ(store_.read_file(checksum).content, "mine");
}

TEST_F(AfterAKill, ACommitWithoutItsTreesGoesWithItsRefs) {
  std::string half, whole;
  {
    Store::Transaction transaction(store_);
    Tree tree;
    tree.put_file("a", store_.write_text("a"), "");
    whole = store_.write_commit(tree, {});
    tree.put_file("b/c", store_.write_text("c"), "");
    half = store_.write_commit(tree, {});
    transaction.set_ref("whole", whole);
    transaction.set_ref("half", half);
    transaction.commit();
  }
  const std::string missing = store_.read_tree(half).file("b/c")->checksum;
  fs::remove(store_.object_path(missing));
  make_directories(store_.directory() / "unfinished");
  write_file(store_.directory() / "unfinished/commit-x", "");  // as a killed process leaves it

  const Store repaired = reopened();
  EXPECT_EQ(repaired.resolve("whole"), whole);
  EXPECT_EQ(repaired.resolve("half"), std::nullopt);
  EXPECT_FALSE(fs::exists(repaired.repository_path() / "objects" / half.substr(0, 2) / (half.substr(2) + ".commit")));
  EXPECT_FALSE(fs::exists(repaired.directory() / "unfinished"));
}

TEST_F(AfterAKill, ScratchAndNamelessFilesGo) {
  const fs::path at = store_.directory();
  make_directories(at / "work/configure-x/upper");
  write_file(at / "results/.key.AbCdEf", "half");
  const Store repaired = reopened();
  EXPECT_TRUE(fs::is_empty(at / "work"));
  EXPECT_TRUE(fs::is_empty(at / "results"));
}

TEST_F(AfterAKill, ScratchOfALivingBuildStays) {
  const TemporaryDirectory scratch(store_.work_directory());
  EXPECT_EQ(in_child([&] {
              const Store other(directory_.path() / "store");
              return fs::exists(scratch.path()) ? 0 : 1;
            }),
            0);
}

/// A store on a tmpfs of its own, in a mount namespace of this test's child.
template <class Body>
std::string on_small_disk(const fs::path& at, const char* size, const Body& body) {
  const fs::path answer = at / "answer";
  make_directories(at / "disk");
  const int status = in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", (at / "disk").c_str(), "tmpfs", 0, size) != 0)
      return 77;
    write_file(answer, error_of(body));
    return 0;
  });
  return status == 77 ? "" : read_file(answer);
}

TEST(FreeSpace, IsKeptBeforeAndDuringWriting) {
  const TemporaryDirectory directory("/tmp", "ainode-store-test-");
  const std::string place = (directory.path() / "disk/store").string();
  const std::string before = on_small_disk(directory.path(), "size=100m", [&] {
    Store store(place);
    const Store::Transaction transaction(store);
  });
  if (before.empty()) GTEST_SKIP() << "no tmpfs can be mounted here";
  EXPECT_TRUE(before.starts_with("H0011: " + place + " has ")) << before;
  EXPECT_TRUE(before.ends_with(" bytes free; at least 536870912 stay free there")) << before;

  const std::string during = on_small_disk(directory.path(), "size=550m", [&] {
    Store store(place);
    Store::Transaction transaction(store);
    for (char letter = 'a'; letter <= 'z'; ++letter) store.write_text(std::string(std::size_t{4} << 20, letter));
  });
  EXPECT_TRUE(during.starts_with("H0011: " + place + " has ")) << during;
}

TEST(FreeSpace, CountsWhatIsToBeWritten) {
  const TemporaryDirectory directory("/tmp", "ainode-store-test-");
  const Store store(directory.path() / "store");
  store.require_space(0);
  EXPECT_TRUE(error_of([&] {
                store.require_space(std::uint64_t{1} << 60);
              }).find(" bytes free; 1152921504606846976 bytes more are to be written, and at least ") !=
              std::string::npos);
}

}  // namespace
}  // namespace ainode
