// SPDX-License-Identifier: Apache-2.0
// Boot entries come out of real disks whole, and no damage of a disk does worse than an error.
#include "validators/machines/disk_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "tests/validators/machines/test_disk.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Disk : public testing::Test {
 protected:
  fs::path raw(const TreeText& tree, int megabytes = 8, const std::string& options = "^resize_inode") {
    return make_raw_disk(work_.path(), tree, megabytes, options);
  }
  /// The disk with `bytes` at `offset`.
  fs::path patched(const fs::path& disk, std::uint64_t offset, const std::string& bytes) {
    std::string content = read_file(disk);
    content.replace(offset, bytes.size(), bytes);
    write_file(disk, content);
    return disk;
  }
  std::string refusal(const fs::path& disk) {
    try {
      read_boot_entry(disk);
    } catch (const Error& error) {
      EXPECT_EQ(error.code().id, codes::image_malformed.id) << error.what();
      return error.message();
    }
    return "it was accepted";
  }
  std::string refused(const fs::path& disk, const std::string& what) { return disk.string() + ": " + what; }

  TemporaryDirectory work_{testing::TempDir()};
};

TEST_F(Disk, GivesTheBootEntryOfAQcow2) {
  const BootEntry entry = read_boot_entry(make_qcow2(raw(ostree_boot("root=LABEL=x quiet"))));
  EXPECT_EQ(entry.title, "Test (ostree:0)");
  EXPECT_EQ(entry.options, "root=LABEL=x quiet");
  EXPECT_EQ(entry.kernel, "KERNEL");
  EXPECT_EQ(entry.initrd, "INITRD");
}

TEST_F(Disk, ReadsVersionTwoOfQcow2) {
  EXPECT_EQ(read_boot_entry(make_qcow2(raw(ostree_boot("a")), {"-o", "compat=0.10"})).kernel, "KERNEL");
}

TEST_F(Disk, TakesPathsWithAndWithoutTheBootPrefix) {
  TreeText tree = ostree_boot("a");
  tree["boot/loader.1/entries/ostree-1.conf"] = "version 1\nlinux /boot/ostree/test-0/vmlinuz\n";
  const BootEntry entry = read_boot_entry(raw(tree));
  EXPECT_EQ(entry.kernel, "KERNEL");
  EXPECT_EQ(entry.initrd, "");
}

TEST_F(Disk, ChoosesTheEntryOfTheHighestVersion) {
  TreeText tree = ostree_boot("old");
  for (const std::string version : {"2", "10"})
    tree["boot/loader.1/entries/ostree-" + version + ".conf"] =
        "version " + version + "\noptions v" + version + "\nlinux /ostree/test-0/vmlinuz\n";
  EXPECT_EQ(read_boot_entry(raw(tree)).options, "v10");
}

TEST_F(Disk, ReadsLargeFilesHolesAndLongLinks) {
  const std::string long_name(120, 'n');
  std::string large(3 << 20, '\0');
  std::mt19937 random(1);
  for (std::size_t i = 0; i < large.size() / 2; ++i) large[i] = static_cast<char>(random());
  TreeText tree = {{"data/" + long_name, large}, {"link", "-> /data/../data/./" + long_name}};
  for (int i = 0; i < 400; ++i) tree["many/file-with-a-rather-long-name-" + std::to_string(i)] = std::to_string(i);
  const auto disk = open_disk_image(make_qcow2(raw(tree, 16)));
  const Ext4 root(*disk, read_gpt(*disk).at(0));
  EXPECT_EQ(root.read_file("/link"), large);
  EXPECT_EQ(root.read_file("many/file-with-a-rather-long-name-399"), "399");
  EXPECT_EQ(root.list("/many").size(), 400u);
  EXPECT_THAT(root.list("/"), ElementsAre("data", "link", "lost+found", "many"));
}

TEST_F(Disk, RefusesLinksThatNeverEnd) {
  const fs::path disk = raw({{"boot/loader", "-> ../boot/loader"}});
  EXPECT_EQ(refusal(disk),
            refused(disk, "the root file system: /boot/loader/entries leads through too many symbolic links"));
}

TEST_F(Disk, NamesWhatIsMissing) {
  EXPECT_THAT(refusal(raw({{"etc/hostname", "x"}})), HasSubstr("there is no directory /boot/loader/entries"));
}

TEST_F(Disk, NamesAMissingKernel) {
  TreeText tree = ostree_boot("a");
  tree.erase("boot/ostree/test-0/vmlinuz");
  EXPECT_THAT(refusal(raw(tree)), HasSubstr("there is no file /ostree/test-0/vmlinuz"));
}

TEST_F(Disk, RefusesADiskWithoutEntries) {
  const fs::path disk = raw({{"boot/loader/entries/README", "none yet"}});
  EXPECT_EQ(refusal(disk), refused(disk, "no boot entry lies in /boot/loader/entries"));
}

TEST_F(Disk, RefusesAWrongChecksumOfThePartitionTable) {
  const fs::path disk = raw(ostree_boot("a"));
  EXPECT_EQ(refusal(patched(disk, 512 + 56, "x")), refused(disk, "the partition table's header has a wrong checksum"));
}

TEST_F(Disk, RefusesAWrongChecksumOfPartitions) {
  const fs::path disk = raw(ostree_boot("a"));
  EXPECT_EQ(refusal(patched(disk, 1024 + 60, "x")),
            refused(disk, "the partition table's entries have a wrong checksum"));
}

TEST_F(Disk, RefusesFilesThatAreNoDisk) {
  write_file(work_.path() / "x", "hello");
  EXPECT_EQ(refusal(work_.path() / "x"), refused(work_.path() / "x", "the disk is too small for a partition table"));
  write_file(work_.path() / "y", std::string(4096, 'y'));
  EXPECT_EQ(refusal(work_.path() / "y"), refused(work_.path() / "y", "there is no GUID partition table"));
}

TEST_F(Disk, RefusesAnotherFileSystem) {
  const fs::path disk = raw(ostree_boot("a"));
  EXPECT_EQ(refusal(patched(disk, kFirstSector * 512 + 1024 + 56, "zz")),
            refused(disk, "the root file system: it is not ext4"));
}

TEST_F(Disk, RefusesFeaturesItDoesNotUnderstand) {
  EXPECT_THAT(refusal(raw(ostree_boot("a"), 8, "^resize_inode,inline_data")),
              HasSubstr("are not among those of a clean ext4 with extents"));
}

TEST_F(Disk, RefusesAQcow2ThatReadsAnotherFile) {
  raw(ostree_boot("a"));
  const fs::path overlay = work_.path() / "overlay.qcow2";
  run_program({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", (work_.path() / "disk.raw").string(),
               overlay.string()});
  EXPECT_EQ(refusal(overlay), refused(overlay, "a qcow2 with a backing file is refused"));
}

TEST_F(Disk, RefusesCompressedClusters) {
  const fs::path disk = make_qcow2(raw(ostree_boot("a")), {"-c"});
  EXPECT_EQ(refusal(disk), refused(disk, "a qcow2 with compressed clusters is refused"));
}

TEST_F(Disk, RefusesATruncatedQcow2) {
  const fs::path disk = make_qcow2(raw(ostree_boot("a")));
  fs::resize_file(disk, 70000);
  EXPECT_EQ(refusal(disk), refused(disk, "the image file is truncated"));
}

TEST_F(Disk, RefusesImpossibleQcow2Headers) {
  const fs::path disk = make_qcow2(raw(ostree_boot("a")));
  const std::string good = read_file(disk);
  const auto with = [&](std::size_t at, const std::string& bytes) {
    write_file(disk, good);
    return refusal(patched(disk, at, bytes));
  };
  EXPECT_EQ(with(4, std::string("\0\0\0\x09", 4)), refused(disk, "qcow2 version 9 is unknown"));
  EXPECT_EQ(with(20, std::string("\0\0\0\x3f", 4)), refused(disk, "qcow2 clusters of 2^63 bytes are not allowed"));
  EXPECT_EQ(with(24, std::string(8, '\xff')), refused(disk, "the qcow2 says that its disk is larger than 64 TiB"));
  EXPECT_EQ(with(36, std::string(4, '\xff')), refused(disk, "the qcow2's first table does not fit its disk"));
  EXPECT_EQ(with(40, std::string(8, '\x7f')), refused(disk, "the image file is truncated"));
}

/// Hundreds of damaged disks: each is read or refused by name, within bounds (the sanitizers watch).
TEST_F(Disk, SurvivesRandomDamage) {
  const fs::path disk = make_qcow2(raw(ostree_boot("a"), 1, "^resize_inode,^has_journal"));
  const std::string good = read_file(disk);
  std::vector<std::size_t> used;  // offsets of blocks that hold anything
  for (std::size_t at = 0; at + 512 <= good.size(); at += 512) {
    if (good.find_first_not_of('\0', at) < at + 512) used.push_back(at);
  }
  std::mt19937 random(7);
  const fs::path victim = work_.path() / "victim";
  int read = 0, refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::string bad = good;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips)
      bad[used[random() % used.size()] + random() % 512] = static_cast<char>(random());
    std::ofstream(victim, std::ios::binary) << bad;
    try {
      read_boot_entry(victim);
      ++read;
    } catch (const Error& error) {
      ASSERT_EQ(error.code().id, codes::image_malformed.id) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace ainode
