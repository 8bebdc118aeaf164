// SPDX-License-Identifier: Apache-2.0
// The tree's last changes: what normalisers take out, what the guard refuses, where OSTree's layout puts things.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/stages/normalise.h"
#include "builder/stages/stages.h"

namespace ainode {
namespace {

class Stages : public ::testing::Test {
 protected:
  Stages() : directory_("/tmp", "ainode-stages-test-"), store_(directory_.path()) {}

  /// A tree of text files, path and content.
  Tree tree_of(const std::vector<std::pair<std::string, std::string>>& files) {
    Store::Transaction transaction(store_);
    Tree tree;
    for (const auto& [path, content] : files) tree.put_file(path, store_.write_text(content), "test");
    transaction.commit();
    return tree;
  }
  std::string paths(const Tree& tree) const {
    std::string text;
    tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
      const FileObject object = store_.read_metadata(file.checksum);
      text += path + (object.is_symlink ? " -> " + object.content : "") + "\n";
    });
    return text;
  }
  std::string normalised(std::string_view name, const std::vector<std::pair<std::string, std::string>>& files) {
    Tree tree = tree_of(files);
    Store::Transaction transaction(store_);
    for (const Normaliser& pass : normalisers()) {
      if (pass.name == name) pass.apply(store_, tree, "the pass");
    }
    transaction.commit();
    return paths(tree);
  }
  std::string refusal(const std::string& path) {
    try {
      refuse_volatile_paths(store_, tree_of({{path, "x"}}));
      return "";
    } catch (const Error& error) {
      return error.message();
    }
  }

  TemporaryDirectory directory_;
  Store store_;
};

using Normalise = Stages;

TEST_F(Normalise, EmptiesTheMachineId) {
  EXPECT_EQ(normalised("machine-id", {{"etc/machine-id", "abc"}, {"var/lib/dbus/machine-id", "abc"}}),
            "etc/machine-id\nvar/lib/dbus/machine-id -> /etc/machine-id\n");
}
TEST_F(Normalise, RemovesSecrets) {
  EXPECT_EQ(
      normalised("secrets",
                 {{"etc/ssh/ssh_host_rsa_key", ""}, {"etc/ssh/sshd_config", ""}, {"var/lib/systemd/random-seed", ""}}),
      "etc/ssh/sshd_config\n");
}
TEST_F(Normalise, EmptiesLogs) {
  EXPECT_EQ(normalised("logs", {{"var/log/apt/term.log", ""}, {"var/log/dpkg.log", ""}}), "");
}
TEST_F(Normalise, RemovesCaches) {
  EXPECT_EQ(normalised("caches",
                       {{"var/cache/ldconfig/aux-cache", ""}, {"var/cache/apt/pkgcache.bin", ""}, {"var/lib/x", ""}}),
            "var/lib/x\n");
}
TEST_F(Normalise, RemovesBackups) {
  EXPECT_EQ(normalised("backups", {{"etc/passwd", ""}, {"etc/passwd-", ""}, {"var/lib/dpkg/status-old", ""}}),
            "etc/passwd\n");
}
TEST_F(Normalise, EmptiesMountPoints) {
  EXPECT_EQ(normalised("runtime", {{"run/lock/x", ""}, {"tmp/y", ""}, {"usr/z", ""}}), "usr/z\n");
}
TEST_F(Normalise, ForgetsTheHostsNames) {
  EXPECT_EQ(normalised("host-names", {{"etc/resolv.conf", ""}, {"etc/hosts", ""}}), "etc/hosts\n");
}

TEST_F(Normalise, RefusesAVolatileFileThatNoPassRemoved) {
  EXPECT_EQ(refusal("var/log/strange.log"),
            "/var/log/strange.log differs from build to build, and no normaliser removed it");
  EXPECT_EQ(refusal("etc/ssh/ssh_host_key"),
            "/etc/ssh/ssh_host_key differs from build to build, and no normaliser removed it");
  EXPECT_EQ(refusal("usr/bin/sh"), "");
}

using Finalize = Stages;

TEST_F(Finalize, LaysTheTreeOutForOstree) {
  Tree tree = tree_of({{"etc/passwd", ""},
                       {"boot/vmlinuz-6", "k"},
                       {"boot/config-6", "c"},
                       {"root/.profile", "p"},
                       {"var/lib/x/data", "d"},
                       {"var/lib/dpkg/status", "s"},
                       {"usr/lib/modules/6/m.ko", ""}});
  finalize(store_, tree, {"6", "boot/vmlinuz-6", "linux-image-6", "1"}, "initrd");
  EXPECT_EQ(
      paths(tree),
      "home -> var/home\nmedia -> run/media\nmnt -> var/mnt\nopt -> var/opt\nostree -> sysroot/ostree\nroot -> "
      "var/roothome\n"
      "srv -> var/srv\nusr/local -> ../var/usrlocal\nusr/etc/machine-id\nusr/etc/passwd\n"
      "usr/lib/modules/6/config\nusr/lib/modules/6/initramfs.img\nusr/lib/modules/6/m.ko\nusr/lib/modules/6/vmlinuz\n"
      "usr/lib/ostree/prepare-root.conf\nusr/lib/tmpfiles.d/ainode-var.conf\nusr/share/dpkg/database/status\n"
      "usr/share/factory/var/lib/x/data\nusr/share/factory/var/roothome/.profile\n");
  EXPECT_TRUE(tree.directory("boot")->files.empty());
  EXPECT_TRUE(tree.directory("var")->directories.empty());
}

TEST_F(Finalize, ANewerKernelsOwnImageStaysAndItsCopyGoes) {
  Tree tree = tree_of({{"etc/passwd", ""},
                       {"boot/vmlinuz-7", "k"},
                       {"boot/config-7", "c"},
                       {"usr/lib/modules/7/vmlinuz", "k"},
                       {"usr/lib/modules/7/m.ko", "m"}});
  finalize(store_, tree, {"7", "usr/lib/modules/7/vmlinuz", "linux-binary-7", "1"}, "initrd");
  for (const char* name : {"vmlinuz", "config", "initramfs.img"})
    EXPECT_TRUE(tree.file(std::string("usr/lib/modules/7/") + name)) << name;
  EXPECT_FALSE(tree.exists("boot/vmlinuz-7"));
}

TEST_F(Finalize, WritesRulesThatFillVar) {
  Tree tree = tree_of({{"etc/passwd", ""}, {"boot/vmlinuz-6", "k"}, {"var/lib/a b/100%", "d"}});
  finalize(store_, tree, {"6", "boot/vmlinuz-6", "linux-image-6", "1"}, "initrd");
  const std::string rules = store_.read_text(tree, "usr/lib/tmpfiles.d/ainode-var.conf");
  EXPECT_NE(rules.find("d \"/var/lib/a b\" 0755 0 0 -\n"), std::string::npos) << rules;
  EXPECT_NE(rules.find("C \"/var/lib/a b/100%%\" 0644 0 0 - "), std::string::npos) << rules;
  EXPECT_NE(rules.find("L /var/lib/dpkg - - - - ../../usr/share/dpkg/database\n"), std::string::npos) << rules;
}

using FindKernel = Stages;

TEST_F(FindKernel, RefusesNoneAndSeveral) {
  const auto message = [&](const Tree& tree) {
    try {
      return find_kernel(tree, {}).release;
    } catch (const Error& error) {
      return error.message();
    }
  };
  EXPECT_EQ(message(tree_of({{"etc/x", ""}})), "the tree holds 0 kernels under /usr/lib/modules; an image has one");
  EXPECT_EQ(message(tree_of({{"usr/lib/modules/6/a", ""}, {"usr/lib/modules/7/a", ""}})),
            "the tree holds 2 kernels under /usr/lib/modules; an image has one");
  EXPECT_EQ(message(tree_of({{"usr/lib/modules/6/a", ""}})), "the tree has modules of kernel 6, but no kernel image");
  EXPECT_EQ(message(tree_of({{"usr/lib/modules/6/vmlinuz", ""}})), "6");
}

using EveryImage = Stages;

TEST_F(EveryImage, DeclaresWhatItWrites) {
  Tree tree = tree_of(
      {{"usr/lib/modules/6/config", "CONFIG_HZ=250\nCONFIG_NUMA=y\n"}, {"usr/lib/systemd/system/rescue.target", ""}});
  Recipe recipe;
  recipe.name.value = "node";
  recipe.systemd.default_target = {"rescue.target", {"r.yaml", 3, 1, 1, ""}};
  recipe.kernel.cmdline = {{"quiet", {"r.yaml", 2, 1, 1, ""}}};
  const auto declared = tune(store_, tree, recipe, {"6", "usr/lib/modules/6/vmlinuz", "", ""});
  std::string text;
  for (const Declaration& one : declared) text += one.subject + " " + one.expected.dump() + " " + one.place + "\n";
  EXPECT_EQ(text,
            "kernel.config {\"CGROUPS\":\"y\",\"DEVTMPFS\":\"y\",\"MODULES\":\"y\",\"NAMESPACES\":\"y\",\"NUMA\":\"y\","
            "\"SECCOMP\":\"y\",\"TMPFS\":\"y\",\"EROFS_FS\":[\"y\",\"m\"],\"OVERLAY_FS\":[\"y\",\"m\"]} \n"
            "kernel.timer 250 \nkernel.release \"6\" \nkernel.cmdline \"quiet\" r.yaml:2:1\n"
            "systemd.default-target \"rescue.target\" r.yaml:3:1\n");
  EXPECT_EQ(paths(tree),
            "etc/hostname\netc/systemd/system/default.target -> /usr/lib/systemd/system/rescue.target\n"
            "usr/lib/modules/6/config\nusr/lib/systemd/system/rescue.target\n");
}

TEST_F(EveryImage, NamesATargetThatDoesNotExist) {
  Tree tree = tree_of({{"usr/lib/modules/6/config", "CONFIG_HZ=250\n"}});
  Recipe recipe;
  recipe.systemd.default_target.value = "nothing.target";
  try {
    tune(store_, tree, recipe, {"6", "usr/lib/modules/6/vmlinuz", "", ""});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the image has no systemd unit `nothing.target`");
  }
}

}  // namespace
}  // namespace ainode
