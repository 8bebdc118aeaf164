// SPDX-License-Identifier: Apache-2.0
// What scripts do to a checkout, through a real overlay of this kernel, and back into the tree: every kind of change.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/store/checkout.h"

namespace ainode {
namespace {

std::string octal(unsigned number) {
  std::array<char, 12> text = {};
  std::snprintf(text.data(), text.size(), "%04o", number);
  return text.data();
}

/// One line a path: mode, owner, attributes, content or target.
std::string described(const Store& store, const Tree& tree) {
  std::string text;
  tree.for_each_directory([&](const std::string& path, const TreeDirectory& directory) {
    const Ownership& own = directory.ownership;
    text += path + "/ " + octal(own.mode) + " " + std::to_string(own.uid) + ":" + std::to_string(own.gid) + "\n";
  });
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    const FileObject object = store.read_file(file.checksum);
    const Ownership& own = object.ownership;
    text += path + " " + octal(own.mode) + " " + std::to_string(own.uid) + ":" + std::to_string(own.gid);
    for (const auto& [name, value] : own.xattrs) text += " " + name.substr(0, name.find('\0')) + "=" + value;
    text += " " + object.content + "\n";
  });
  return text;
}

Tree lower_tree(Store& store) {
  Tree tree;
  for (const char* path : {"etc/replaced/old", "etc/replaced/deep/older", "etc/gone/file", "etc/file", "etc/removed",
                           "etc/given", "etc/labelled", "etc/kept/below"})
    tree.put_file(path, store.write_text(std::string(path) + " of the lower"), "a");
  return tree;
}

/// A kernel that cannot do one of these says so with its errno.
void expect(const char* action, int result) {
  EXPECT_EQ(result, 0) << action << ": " << std::strerror(errno);
}

void change(const fs::path& root) {
  const fs::path etc = root / "etc";
  std::error_code error;
  // Removed whole and made anew: the new directory must hide the old one's files.
  fs::remove_all(etc / "replaced", error);
  EXPECT_FALSE(error) << "remove a lower directory: " << error.message();
  expect("make it anew", mkdir((etc / "replaced").c_str(), 0750));
  write_file(etc / "replaced/new", "of the script");
  fs::remove_all(etc / "gone", error);
  EXPECT_FALSE(error) << "remove a lower directory: " << error.message();
  expect("remove a lower file", unlink((etc / "removed").c_str()));
  expect("rename a lower file", rename((etc / "file").c_str(), (etc / "renamed").c_str()));
  expect("give a lower file away", chown((etc / "given").c_str(), 33, 65534));
  expect("change its mode", chmod((etc / "given").c_str(), 04755));
  expect("label a lower file", setxattr((etc / "labelled").c_str(), "user.mark", "x", 1, 0));
  expect("make a link", symlink("../elsewhere", (etc / "link").c_str()));
  expect("change a lower directory", chmod((etc / "kept").c_str(), 0700));
}

TEST(OverlayFold, EveryChangeOfAScriptComesBackFromTheUpperDirectory) {
  const TemporaryDirectory directory(AINODE_BINARY_DIR, "overlay-fold-");
  const fs::path& at = directory.path();
  const int status = in_user_namespace([&] {
    try {
      Store store(at / "store");
      Store::Transaction transaction(store);
      Tree tree = lower_tree(store);
      transaction.commit();
      check_out(store, tree, at / "lower");
      for (const char* name : {"upper", "work", "root"}) make_directories(at / name);
      {
        const Overlay overlay({at / "lower"}, at / "upper", at / "work", at / "root");
        change(overlay.root());
      }
      Store::Transaction folding(store);
      fold_upper(store, tree, at / "upper", [](std::int64_t) { return "b"; });
      folding.commit();
      EXPECT_EQ(described(store, tree),
                "/ 0755 0:0\n"
                "etc/ 0755 0:0\n"
                "etc/kept/ 0700 0:0\n"
                "etc/replaced/ 0750 0:0\n"
                "etc/given 4755 33:65534 etc/given of the lower\n"
                "etc/labelled 0644 0:0 user.mark=x etc/labelled of the lower\n"
                "etc/link 0777 0:0 ../elsewhere\n"
                "etc/renamed 0644 0:0 etc/file of the lower\n"
                "etc/kept/below 0644 0:0 etc/kept/below of the lower\n"
                "etc/replaced/new 0644 0:0 of the script\n");
    } catch (const Error& error) {
      ADD_FAILURE() << render(error);
    }
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(ShowAgain, BringsBackWhatIsWantedAndNothingElse) {
  const TemporaryDirectory directory(AINODE_BINARY_DIR, "show-again-");
  const fs::path& at = directory.path();
  const int status = in_user_namespace([&] {
    try {
      Store store(at / "store");
      Store::Transaction transaction(store);
      Tree tree;
      const auto put = [&](const std::string& path, const std::string& owner) {
        tree.put_file(path, store.write_text(path), owner);
        tree.directory(path.substr(0, path.rfind('/')))->owner = owner;
      };
      for (const char* path : {"usr/own/file", "usr/own/deep/file", "usr/anew/file"}) put(path, "new");
      for (const char* path : {"usr/below/file", "usr/mixed/below"}) put(path, "old");
      for (const char* path : {"usr/mixed/own", "usr/mixed/diverted"})
        tree.put_file(path, store.write_text(path), "new");
      transaction.commit();
      check_out(store, tree, at / "lower");
      for (const char* name : {"upper", "work", "root"}) make_directories(at / name);
      const auto overlay = [&] { return Overlay({at / "lower"}, at / "upper", at / "work", at / "root"); };
      {
        const Overlay first = overlay();
        for (const char* path : {"own", "anew", "below", "mixed/own", "mixed/below", "mixed/diverted"})
          fs::remove_all(at / "root/usr" / path);
        fs::create_directories(at / "root/usr/anew");
        write_file(at / "root/usr/anew/made", "by the script");
      }
      show_again(tree, at / "upper", [](const std::string& path, const std::string& owner) {
        return owner == "new" && path != "usr/mixed/diverted";
      });
      const Overlay second = overlay();
      std::vector<std::string> files;
      for (const auto& entry : fs::recursive_directory_iterator(at / "root/usr"))
        if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(at / "root/usr"));
      std::sort(files.begin(), files.end());
      EXPECT_EQ(files, (std::vector<std::string>{"anew/file", "anew/made", "mixed/own", "own/deep/file", "own/file"}));
    } catch (const Error& error) {
      ADD_FAILURE() << render(error);
    }
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ainode
