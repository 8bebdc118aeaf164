// SPDX-License-Identifier: Apache-2.0
// Disk images without a tools tree: the system root as a tar, the partition table, the qcow2 container, and refusals.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/archive.h"
#include "base/files.h"
#include "base/process.h"
#include "builder/outputs/disk_qcow2.h"
#include "builder/outputs/disk_sysroot.h"
#include "builder/outputs/disk_table.h"
#include "builder/outputs/outputs.h"

namespace ainode {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kEpoch = 1750000000;

/// A store with one commit of a tiny, complete tree.
struct World {
  TemporaryDirectory directory{fs::temp_directory_path()};
  Store store{directory.path() / "store"};
  Tree tree;
  std::string commit;

  World() {
    put("usr/lib/modules/6.1/vmlinuz", "kernel");
    put("usr/lib/modules/6.1/initramfs.img", "initramfs");
    put("usr/lib/os-release", "NAME=x\nPRETTY_NAME=\"Tiny 1\"\n");
    put("usr/etc/hostname", "tiny\n");
    put("usr/etc/shadow", "root::\n", {0, 42, 0640, {}});
    put("usr/bin/su", "su", {0, 0, 04755, {}});
    put("usr/bin/ping", "ping", {0, 0, 0755, {{"security.capability", std::string("\1\0\0\2", 4)}}});
    put("usr/share/empty", "");
    link("bin", "usr/bin");
  }
  void put(const std::string& path, const std::string& content, const Ownership& ownership = {0, 0, 0644, {}}) {
    pending_[path] = {false, ownership, content};
  }
  void link(const std::string& path, const std::string& target) { pending_[path] = {true, {0, 0, 0777, {}}, target}; }
  void remove(const std::string& path) { pending_.erase(path); }
  Deployment deployment() {
    Store::Transaction transaction(store);
    for (const auto& [path, file] : pending_) tree.put_file(path, store.write_file(file), "test");
    CommitOptions options;
    options.ref = "ainode/amd64/tiny";
    options.timestamp = kEpoch;
    commit = store.write_commit(tree, options);
    transaction.commit();
    return {"ainode", options.ref, commit, {"root=LABEL=ainode", "rw", "quiet"}, "", kEpoch};
  }

 private:
  std::map<std::string, FileObject> pending_;
};

std::string told_by(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  return run_or_throw(command);
}

struct Listed {
  ArchiveEntry entry;
  std::string content;
};
using Listing = std::map<std::string, Listed>;

std::string sysroot_tar(const World& world, const Deployment& deployment) {
  std::string tar;
  write_sysroot(world.store, deployment, [&](std::string_view bytes) { tar += bytes; });
  return tar;
}

Listing list(const std::string& tar) {
  Listing listing;
  TarReader reader(tar, "sysroot.tar");
  while (const ArchiveEntry* entry = reader.next()) {
    std::string path = entry->path;
    if (path.back() == '/') path.pop_back();
    EXPECT_EQ(listing.count(path), 0u) << path << " stands twice";
    const ArchiveEntry copy = *entry;
    listing[path] = {copy, copy.type == ArchiveEntry::Type::file ? std::string(reader.content()) : ""};
  }
  return listing;
}

Listing sysroot(World& world) {
  const Deployment deployment = world.deployment();
  return list(sysroot_tar(world, deployment));
}

std::string object_of(const World& world, const std::string& path) {
  const std::string checksum = world.tree.file(path)->checksum;
  return "ostree/repo/objects/" + checksum.substr(0, 2) + "/" + checksum.substr(2) + ".file";
}

// SHA-256 of "kernelinitramfs"
std::string boot_checksum() {
  return sha256_hex("kernelinitramfs");
}

TEST(Sysroot, DeploysFilesAsLinksToTheirObjects) {
  World world;
  const Listing listing = sysroot(world);
  const Listed& su = listing.at("ostree/deploy/ainode/deploy/" + world.commit + ".0/usr/bin/su");
  EXPECT_EQ(su.entry.type, ArchiveEntry::Type::hardlink);
  EXPECT_EQ(su.entry.target, object_of(world, "usr/bin/su"));
  const Listed& object = listing.at(su.entry.target);
  EXPECT_EQ(object.entry.mode, 04755u);
  EXPECT_EQ(object.entry.mtime, 0);
  EXPECT_EQ(object.content, "su");
}

TEST(Sysroot, GivesLinksTheOwnershipOfTheirObject) {
  // mke2fs sets a link's own mode on the inode: any other mode would change the object behind it
  World world;
  const Listing listing = sysroot(world);
  int links = 0;
  for (const auto& [path, item] : listing) {
    if (item.entry.type != ArchiveEntry::Type::hardlink) continue;
    const ArchiveEntry& object = listing.at(item.entry.target).entry;
    EXPECT_EQ(std::tie(item.entry.mode, item.entry.uid, item.entry.gid, item.entry.xattrs),
              std::tie(object.mode, object.uid, object.gid, object.xattrs))
        << path;
    ++links;
  }
  EXPECT_GT(links, 5);
}

TEST(Sysroot, KeepsCapabilities) {
  World world;
  const Listing listing = sysroot(world);
  EXPECT_EQ(listing.at(object_of(world, "usr/bin/ping")).entry.xattrs.at("security.capability"),
            std::string("\1\0\0\2", 4));
}

TEST(Sysroot, CopiesEtcWithItsOwners) {
  World world;
  const Listing listing = sysroot(world);
  const Listed& shadow = listing.at("ostree/deploy/ainode/deploy/" + world.commit + ".0/etc/shadow");
  EXPECT_EQ(shadow.entry.type, ArchiveEntry::Type::file);
  EXPECT_EQ(shadow.entry.gid, 42);
  EXPECT_EQ(shadow.entry.mode, 0640u);
  EXPECT_EQ(shadow.content, "root::\n");
}

TEST(Sysroot, WritesEmptyFilesAnew) {
  World world;
  const Listing listing = sysroot(world);
  const Listed& empty = listing.at("ostree/deploy/ainode/deploy/" + world.commit + ".0/usr/share/empty");
  EXPECT_EQ(empty.entry.type, ArchiveEntry::Type::file);
}

TEST(Sysroot, BootsThroughTheLoaderEntry) {
  World world;
  const Listing listing = sysroot(world);
  const std::string sum = boot_checksum();
  EXPECT_EQ(listing.at("boot/loader").entry.target, "loader.1");
  EXPECT_EQ(listing.at("boot/loader.1/entries/ostree-1.conf").content,
            "title Tiny 1 (ostree:0)\nversion 1\n"
            "options root=LABEL=ainode rw quiet ostree=/ostree/boot.1/ainode/" +
                sum +
                "/0\n"
                "linux /boot/ostree/ainode-" +
                sum +
                "/vmlinuz-6.1\n"
                "initrd /boot/ostree/ainode-" +
                sum + "/initramfs-6.1.img\n");
  EXPECT_EQ(listing.at("boot/ostree/ainode-" + sum + "/vmlinuz-6.1").entry.target,
            object_of(world, "usr/lib/modules/6.1/vmlinuz"));
  EXPECT_EQ(listing.at("ostree/boot.1").entry.target, "boot.1.1");
  EXPECT_EQ(listing.at("ostree/boot.1.1/ainode/" + sum + "/0").entry.target,
            "../../../deploy/ainode/deploy/" + world.commit + ".0");
}

TEST(Sysroot, NamesItsOriginAndKeepsItsRefs) {
  World world;
  const Listing listing = sysroot(world);
  EXPECT_EQ(listing.at("ostree/deploy/ainode/deploy/" + world.commit + ".0.origin").content,
            "[origin]\nrefspec=ainode:ainode/amd64/tiny\n");
  EXPECT_EQ(listing.at("ostree/repo/refs/heads/ostree/1/1/0").content, world.commit + "\n");
  EXPECT_EQ(listing.at("ostree/repo/refs/remotes/ainode/ainode/amd64/tiny").content, world.commit + "\n");
}

TEST(Sysroot, VerifiesUpdatesWithTheTrustedKey) {
  World world;
  Deployment deployment = world.deployment();
  deployment.openpgp_public =
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\na2V5\nIGJ5dGVz\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
  const Listing listing = list(sysroot_tar(world, deployment));
  EXPECT_EQ(listing.at("ostree/repo/ainode.trustedkeys.gpg").content, "key bytes");
  EXPECT_EQ(listing.at("ostree/repo/config").content,
            "[core]\nrepo_version=1\nmode=bare\n\n[sysroot]\nbootloader=none\nreadonly=true\nbootprefix=true\n\n"
            "[remote \"ainode\"]\nbranches=ainode/amd64/tiny;\ngpg-verify=true\n");
}

TEST(Sysroot, CarriesTheCommitsSignatures) {
  World world;
  const Deployment deployment = world.deployment();
  world.store.write_signatures(world.commit, {{"ostree.sign.ed25519", {"64 bytes"}}});
  const Listing listing = list(sysroot_tar(world, deployment));
  const std::string path =
      "ostree/repo/objects/" + world.commit.substr(0, 2) + "/" + world.commit.substr(2) + ".commitmeta";
  EXPECT_EQ(listing.at(path).content, world.store.detached_metadata_bytes(world.commit));
}

TEST(Sysroot, PassesTheChecksOfStockOstree) {
  World world;
  world.remove("usr/bin/ping");  // an ordinary user cannot unpack its capability
  world.remove("usr/etc/shadow");
  const Deployment deployment = world.deployment();
  const fs::path tar = world.directory.path() / "sysroot.tar", root = world.directory.path() / "root";
  write_file(tar, sysroot_tar(world, deployment));
  make_directories(root);
  told_by({"tar", "-xpf", tar, "-C", root});
  const std::string told = told_by({"ostree", "fsck", "--repo=" + (root / "ostree/repo").string()});
  EXPECT_THAT(told, HasSubstr("no errors found"));
  EXPECT_THAT(told_by({"ostree", "admin", "status", "--sysroot=" + root.string()}),
              HasSubstr("ainode " + world.commit + ".0"));
}

TEST(Sysroot, IsTheSameTwice) {
  World world;
  const Deployment deployment = world.deployment();
  EXPECT_EQ(sha256_hex(sysroot_tar(world, deployment)), sha256_hex(sysroot_tar(world, deployment)));
}

/// The refusal's message after the commit that it names.
std::string refusal(World& world) {
  const Deployment deployment = world.deployment();
  try {
    sysroot_tar(world, deployment);
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::tree_malformed.id);
    const std::string subject = "commit " + world.commit.substr(0, 12) + " ";
    EXPECT_THAT(error.message(), StartsWith(subject));
    return error.message().substr(subject.size());
  }
  return "accepted";
}

TEST(Sysroot, RefusesATreeWithoutItsKernel) {
  World world;
  world.remove("usr/lib/modules/6.1/vmlinuz");
  EXPECT_EQ(refusal(world), "has no kernel in /usr/lib/modules");
}

TEST(Sysroot, RefusesAKernelWithoutInitramfs) {
  World world;
  world.remove("usr/lib/modules/6.1/initramfs.img");
  EXPECT_EQ(refusal(world), "has no initramfs.img beside the kernel 6.1");
}

TEST(Sysroot, RefusesTwoKernels) {
  World world;
  world.put("usr/lib/modules/6.2/vmlinuz", "kernel 2");
  world.put("usr/lib/modules/6.2/initramfs.img", "initramfs 2");
  EXPECT_EQ(refusal(world), "has two kernels, 6.1 and 6.2");
}

TEST(Sysroot, RefusesEtcBesideUsrEtc) {
  World world;
  world.put("etc/hostname", "other");
  EXPECT_EQ(refusal(world), "has an /etc beside its /usr/etc");
}

TEST(Armour, RefusesWhatIsCutOrNotArmoured) {
  for (const char* text : {"", "key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\na2V5\n",
                           "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----\n"}) {
    try {
      remove_armour(text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), "the OpenPGP public key for the disk's remote is not armoured as it should be");
    }
  }
}

// ---- partition table ----

const std::string kUuid = "00112233-4455-6677-8899-aabbccddeeff";

TEST(PartitionTable, StoresUuidsMixedEndian) {
  EXPECT_EQ(to_hex(mixed_endian_uuid(kUuid)), "33221100554477668899aabbccddeeff");
}

std::uint64_t little_endian(std::string_view bytes, std::size_t at, int width) {
  std::uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

TEST(PartitionTable, PlacesPartitionsAndMirrorsItsHeader) {
  const std::uint64_t mebibyte = 1 << 20;
  const PartitionTable table = make_partition_table(
      kUuid, {{kUuid, kUuid, "esp", mebibyte, 2 * mebibyte}, {kUuid, kUuid, "root", 3 * mebibyte, 5 * mebibyte}});
  EXPECT_EQ(table.disk_size, 9 * mebibyte);
  const std::string_view primary = table.primary, backup = table.backup;
  ASSERT_EQ(primary.size(), 34 * kSectorSize);
  ASSERT_EQ(backup.size(), 33 * kSectorSize);
  EXPECT_EQ(primary.substr(512, 8), "EFI PART");
  EXPECT_EQ(little_endian(primary, 512 + 32, 8), 9 * 2048u - 1);  // the backup's sector
  EXPECT_EQ(little_endian(backup, 32 * 512 + 24, 8), 9 * 2048u - 1);
  EXPECT_EQ(little_endian(backup, 32 * 512 + 32, 8), 1u);
  EXPECT_EQ(primary.substr(1024), backup.substr(0, std::size_t{32} * 512));  // the same entries
  EXPECT_EQ(little_endian(primary, 1024 + 128 + 32, 8), 3 * 2048u);
  EXPECT_EQ(little_endian(primary, 1024 + 128 + 40, 8), 8 * 2048u - 1);
  EXPECT_EQ(primary[1024 + 128 + 56], 'r');
}

// ---- qcow2 ----

struct Image {
  TemporaryDirectory directory{fs::temp_directory_path()};
  fs::path path = directory.path() / "disk.qcow2";
  std::string write(std::uint64_t size, const std::vector<DiskPart>& parts) {
    AtomicFile file(path);
    write_qcow2(file, size, parts);
    file.commit(false);
    return read_file(path);
  }
};

TEST(Qcow2, KeepsEveryByteInItsPlace) {
  Image image;
  const std::uint64_t size = 8 << 20;
  const std::string tail(300, 't');
  write_file(image.directory.path() / "part", std::string(70000, '\0') + "in the second cluster");
  image.write(size, {{0, {}, "head"}, {1 << 20, image.directory.path() / "part", {}}, {size - 300, {}, tail}});
  const fs::path raw = image.directory.path() / "raw";
  told_by({"qemu-img", "check", "-q", image.path});
  told_by({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", image.path, raw});
  std::string expected(size, '\0');
  expected.replace(0, 4, "head");
  expected.replace((1 << 20) + 70000, 21, "in the second cluster");
  expected.replace(size - 300, 300, tail);
  EXPECT_TRUE(read_file(raw) == expected);
}

TEST(Qcow2, DoesNotDependOnHowTheHostKeepsHoles) {
  Image sparse, dense;
  const std::uint64_t size = 4 << 20;
  const fs::path holes = sparse.directory.path() / "holes", zeros = dense.directory.path() / "zeros";
  write_file(holes, "begin");
  fs::resize_file(holes, 2 << 20);
  write_file(zeros, "begin" + std::string((2 << 20) - 5, '\0'));
  EXPECT_EQ(sha256_hex(sparse.write(size, {{1 << 20, holes, {}}})),
            sha256_hex(dense.write(size, {{1 << 20, zeros, {}}})));
}

// ---- refusals of make_disk that come before any tool runs ----

Partition partition(const std::string& id, const std::string& type, std::uint64_t mebibytes) {
  Partition result;
  result.id.value = id;
  result.type.value = type;
  result.size.value = mebibytes << 20;
  result.size.place = {"tiny.yaml", 7, 3, 1, ""};
  return result;
}

std::string refused_disk(const std::vector<Partition>& partitions, const ErrorCode& code) {
  World world;
  const Deployment deployment = world.deployment();
  DiskOptions options;
  options.ref = deployment.ref;
  options.epoch = kEpoch;
  options.seed = "seed";
  options.partitions = partitions;
  RunContext run{silent_events()};
  const fs::path output = world.directory.path() / "disk.qcow2";
  try {
    make_disk(run, world.store, deployment.commit, {world.directory.path(), "no tools"}, options, output);
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, code.id);
    EXPECT_FALSE(fs::exists(output));
    EXPECT_TRUE(fs::is_empty(world.store.work_directory()));
    return render(error);
  }
  return "accepted";
}

TEST(Disk, SaysWhatATooSmallRootNeeds) {
  const std::string told = refused_disk({partition("root", "root", 8)}, codes::disk_too_small);
  EXPECT_THAT(told, StartsWith("error[B0008]: partition `root` is too small: 8 MiB, but its content needs "));
  EXPECT_THAT(told, HasSubstr("tiny.yaml:7:3"));
  EXPECT_THAT(told, HasSubstr("give it `size: "));
}

TEST(Disk, SaysWhatATooSmallEspNeeds) {
  EXPECT_THAT(refused_disk({partition("esp", "esp", 16), partition("root", "root", 64)}, codes::disk_too_small),
              StartsWith("error[B0008]: partition `esp` is too small: 16 MiB, but its content needs 34 MiB"));
}

TEST(Disk, RefusesADiskWithoutRoot) {
  EXPECT_THAT(refused_disk({partition("esp", "esp", 64)}, codes::bad_value),
              HasSubstr("disk.partitions must hold exactly one partition of type `root`"));
}

TEST(Disk, RefusesAnUnknownPartitionType) {
  EXPECT_THAT(refused_disk({partition("swap", "swap", 64)}, codes::bad_value),
              HasSubstr("partition type `swap` is not known for amd64"));
}

}  // namespace
}  // namespace ainode
