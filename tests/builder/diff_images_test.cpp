// SPDX-License-Identifier: Apache-2.0
// Two images made by hand that differ in one thing of each kind, and what is said of them, whole.
#include "builder/diff_images.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/store/store.h"

namespace ainode {
namespace {

LockedPackage package(const std::string& name, const std::string& version, std::uint64_t size) {
  return {name, version, "amd64", sha256_hex(name + version), size, "pool/main/" + name + ".deb", name, "main", "node"};
}

/// What an image is made of, before it is written.
struct Parts {
  Store& store;
  Tree tree;
  Lock lock;
  Manifest manifest;

  void put(const std::string& path, const std::string& content, Ownership ownership = {0, 0, 0644, {}}) {
    tree.put_file(path, store.write_file({false, std::move(ownership), content}), "test");
  }
  void link(const std::string& path, const std::string& target) {
    tree.put_file(path, store.write_symlink(target), "test");
  }
  void set_recipe(const std::string& values) {
    lock.recipe_values = values;
    lock.recipe_digest = sha256_hex(values);
  }
};

void lay_out(Parts& parts) {
  parts.put("usr/bin/tool", "tool\n", {0, 0, 0755, {}});
  parts.put("usr/etc/plain", "one\n");
  parts.put("usr/etc/secret", "secret\n", {0, 0, 0600, {{"user.mark", "a"}}});
  parts.put("usr/etc/same", "same\n");
  parts.put("usr/kind", "a file\n");
  parts.put("usr/place/inner", "inner\n");
  parts.put("usr/share/doc/gone/a", "12345");
  parts.put("usr/share/doc/gone/deep/b", "1");
  parts.link("usr/lib/link", "old-target");
  parts.put("usr/lib/modules/6.1/config", "CONFIG_HZ=250\nCONFIG_SMP=y\n# CONFIG_OLD is not set\n");
  parts.put("usr/lib/modules/6.1/kernel/old-net.ko.xz", "m");
  parts.put("usr/lib/modules/6.1/kernel/virtio_blk.ko", "m");
  Lock& lock = parts.lock;
  lock.recipe_name = "node";
  lock.architecture = "amd64";
  parts.set_recipe(R"({"name":"node","packages":{"include":["hello"]}})");
  lock.builder_version = "0.1.0";
  lock.repositories = {{"main",
                        "debian",
                        "trixie",
                        {"main"},
                        "Debian",
                        "Debian",
                        "trixie",
                        sha256_hex("one"),
                        "Sat, 06 Sep 2025 08:00:00 UTC",
                        "4D64FEC119C2029067D6E791F8D2585B8783D481",
                        false}};
  lock.packages = {package("hello", "1", 1000), package("gone", "1", 500)};
  lock.tools = {package("zstd", "1", 10)};
  Manifest& manifest = parts.manifest;
  manifest.name = "node";
  manifest.architecture = "amd64";
  manifest.ref = "ainode/amd64/node";
  manifest.recipe = "node.yaml";
  manifest.lock = "node.amd64.lock";
  manifest.builder_version = "0.1.0";
  manifest.kernel_release = "6.1";
  manifest.kernel_cmdline = {"root=x", "quiet", "panic=10"};
  manifest.profiles = {"boot"};
  manifest.openpgp_fingerprints = {"AB"};
  manifest.ed25519_public = "key";
  manifest.declared = {{"kernel.release", manifest.kernel_release, ""},
                       {"image.deployed", {{"signatures_sha256", manifest.commit}}, ""},
                       {"kernel.cmdline", "quiet", "node.yaml:9:3"},
                       {"kernel.timer", 250, ""},
                       {"systemd.default-target", "multi-user.target", "node.yaml:10:3"}};
  manifest.outputs = {{"node.qcow2", "qcow2", 2'000'000, sha256_hex("disk")}};
}

/// One thing of each kind.
void change(Parts& parts) {
  parts.put("usr/bin/new", "new\n", {0, 0, 0755, {}});
  parts.put("usr/bin/tool", "tool\n", {0, 0, 04755, {}});
  parts.put("usr/etc/plain", "three\n");
  parts.put("usr/etc/secret", "SECRET\n", {0, 42, 0640, {{"user.other", "b"}}});
  parts.link("usr/kind", "etc");
  parts.link("usr/lib/link", "new-target");
  parts.tree.remove("usr/place");
  parts.put("usr/place", "now a file\n");
  parts.tree.remove("usr/share/doc/gone");
  parts.put("usr/lib/fresh/one", "1");
  parts.tree.directory("usr/etc")->ownership.mode = 0711;
  parts.tree.move("usr/lib/modules/6.1", "usr/lib/modules/6.2");
  parts.put("usr/lib/modules/6.2/config", "CONFIG_HZ=1000\nCONFIG_SMP=y\nCONFIG_NEW=m\n");
  parts.tree.remove("usr/lib/modules/6.2/kernel/old-net.ko.xz");
  parts.put("usr/lib/modules/6.2/kernel/nvme.ko.zst", "m");
  parts.set_recipe(R"({"name":"node","packages":{"include":["hello","fresh"]}})");
  parts.lock.repositories[0].inrelease_sha256 = sha256_hex("two");
  parts.lock.repositories[0].date = "Sun, 07 Sep 2025 08:00:00 UTC";
  parts.lock.packages = {package("hello", "2", 3000), package("fresh", "1", 200)};
  parts.lock.tools = {package("zstd", "2", 20)};
  Manifest& manifest = parts.manifest;
  manifest.kernel_release = "6.2";
  manifest.kernel_cmdline = {"root=x", "panic=10", "iommu=pt"};
  manifest.profiles = {"boot", "numa"};
  manifest.ed25519_public = "other";
  manifest.declared = {{"kernel.timer", 1000, ""},
                       {"numa.balancing", false, ""},
                       {"systemd.default-target", "multi-user.target", "node.yaml:11:3"}};
  manifest.outputs = {{"node.qcow2", "qcow2", 3'500'000, sha256_hex("other")}, {"node.oci", "oci", 5, sha256_hex("o")}};
}

class DiffImages : public testing::Test {
 protected:
  fs::path make(const std::string& name, const std::function<void(Parts&)>& edit = {}) {
    fs::path image = scratch_.path() / name;
    Parts parts{store_, {}, {}, {}};
    Store::Transaction transaction(store_);
    lay_out(parts);
    if (edit) edit(parts);
    parts.manifest.commit = store_.write_commit(parts.tree, {parts.manifest.ref, "test", 0, {}, false});
    transaction.commit();
    make_directories(image);
    export_repository(store_, parts.manifest.commit, parts.manifest.ref, image / "repo");
    const std::string lock = write_lock(parts.lock);
    parts.manifest.recipe_digest = parts.lock.recipe_digest;
    parts.manifest.lock_sha256 = sha256_hex(lock);
    write_file(image / parts.manifest.lock, lock);
    write_manifest(parts.manifest, image);
    return image;
  }
  /// The text after the two lines that name the commits.
  std::string shown(const fs::path& before, const fs::path& after, std::size_t most_lines = 0) {
    const ImageDiff diff = diff_images(run_, before, after);
    const std::string text = show_image_diff(diff, most_lines);
    const std::string head = "commit " + diff.before.commit + "\n     → " + diff.after.commit + "\n";
    EXPECT_EQ(text.substr(0, head.size()), head);
    return text.substr(std::min(text.size(), head.size()));
  }
  /// The checksum of a root-owned file of mode 0644.
  std::string sha256_of_object(const std::string& content) {
    Store::Transaction transaction(store_);
    std::string checksum = store_.write_text(content);
    transaction.commit();
    return checksum;
  }
  std::string refusal(const fs::path& before, const fs::path& after) {
    try {
      diff_images(run_, before, after);
    } catch (const Error& error) {
      std::string text = std::string(error.code().id) + ": " + error.message();
      const std::string place = scratch_.path().string() + "/";
      for (std::size_t at = 0; (at = text.find(place)) != std::string::npos;) text.erase(at, place.size());
      return text;
    }
    return "no error";
  }

  TemporaryDirectory scratch_{"/tmp", "ainode-diff-test-"};
  Store store_{scratch_.path() / "store"};
  RunContext run_{silent_events()};
};

TEST_F(DiffImages, OneThingOfEachKindIsToldWhole) {
  EXPECT_EQ(shown(make("a"), make("b", change)), R"(image
  ~ profiles: boot → boot, numa
  ~ ed25519 key: key → other
recipe
  packages.include: `fresh` was added
repositories
  main: Sat, 06 Sep 2025 08:00:00 UTC → Sun, 07 Sep 2025 08:00:00 UTC
packages: 1 added, 1 removed, 2 changed; +1.7 kB to fetch
  + fresh                            1                                                +200 B
  - gone                             1                                                -500 B
  ~ hello                            1 → 2                                           +2.0 kB
  ~ zstd (tool)                      1 → 2                                             +10 B
files: 5 added, 6 removed, 7 changed
  + /usr/bin/new  4 B
  ~ /usr/bin/tool  mode 0755 → 4755
  ~ /usr/etc/  mode 0755 → 0711
  ~ /usr/etc/plain  content, +2 B
  ~ /usr/etc/secret  content, mode 0600 → 0640, owner 0:0 → 0:42, xattr user.mark removed, xattr user.other added
  ~ /usr/kind  file → symlink, 7 B
  + /usr/lib/fresh/  1 file in it
  + /usr/lib/fresh/one  1 B
  ~ /usr/lib/link  target old-target → new-target
  - /usr/lib/modules/6.1/  3 files in it
  - /usr/lib/modules/6.1/config  51 B
  - /usr/lib/modules/6.1/kernel/  2 files in it
  - /usr/lib/modules/6.1/kernel/old-net.ko.xz  1 B
  - /usr/lib/modules/6.1/kernel/virtio_blk.ko  1 B
  + /usr/lib/modules/6.2/  3 files in it
  + /usr/lib/modules/6.2/config  41 B
  + /usr/lib/modules/6.2/kernel/  2 files in it
  + /usr/lib/modules/6.2/kernel/nvme.ko.zst  1 B
  + /usr/lib/modules/6.2/kernel/virtio_blk.ko  1 B
  ~ /usr/place  directory → file, 11 B, 1 file in it
  - /usr/place/inner  6 B
  - /usr/share/doc/gone/  2 files in it
  - /usr/share/doc/gone/a  5 B
  - /usr/share/doc/gone/deep/  1 file in it
  - /usr/share/doc/gone/deep/b  1 B
kernel 6.1 → 6.2: 3 options of its configuration differ
  CONFIG_HZ: 250 → 1000
  CONFIG_NEW: absent → m
  CONFIG_OLD: is not set → absent
modules: 1 added, 1 removed
  + nvme
  - old_net
kernel command line
  + iommu=pt
  - quiet
settings
  ~ kernel.timer: 250 → 1000
  + numa.balancing: false
sizes
  installed: 103 B → 96 B, -7 B
  + node.oci: 5 B
  node.qcow2: 2.0 MB → 3.5 MB, +1.5 MB
)");
}

TEST_F(DiffImages, ASectionIsCutAndSaysSo) {
  const std::string text = shown(make("a"), make("b", change), 2);
  EXPECT_NE(text.find("files: 5 added, 6 removed, 7 changed\n"
                      "  + /usr/bin/new  4 B\n"
                      "  ~ /usr/bin/tool  mode 0755 → 4755\n"
                      "  … and 10 more; --all shows them\n"
                      "kernel 6.1 → 6.2"),
            std::string::npos)
      << text;
}

TEST_F(DiffImages, TheJsonHoldsEveryFile) {
  const ImageDiff diff = diff_images(run_, make("a"), make("b", change));
  const Json json = image_diff_json(diff);
  EXPECT_EQ(json["different"], true);
  EXPECT_EQ(json["files"].size(), 25u);
  EXPECT_EQ(
      json["files"][1].dump(),
      R"({"path":"/usr/bin/tool","change":"changed","what":["mode 0755 → 4755"],"size_before":5,"size_after":5})");
  EXPECT_EQ(json["kernel"]["options"][0].dump(), R"({"option":"CONFIG_HZ","before":"250","after":"1000"})");
  EXPECT_EQ(json["kernel"]["modules_removed"].dump(), R"(["old_net"])");
  EXPECT_EQ(json["settings"][0].dump(), R"({"subject":"kernel.timer","before":"250","after":"1000"})");
  EXPECT_EQ(json["sizes"]["outputs"][0]["before"], nullptr);
  EXPECT_EQ(json["sizes"]["outputs"][1]["after"]["size"], 3'500'000);
}

TEST_F(DiffImages, EqualOnesHaveNoDifference) {
  const ImageDiff diff = diff_images(run_, make("a"), make("b"));
  EXPECT_TRUE(diff.empty());
  EXPECT_EQ(show_image_diff(diff, 10), "no difference\n");
  EXPECT_EQ(image_diff_json(diff)["different"], false);
}

TEST_F(DiffImages, OrderOfArgumentsIsADifference) {
  const auto reorder = [](Parts& parts) {
    std::swap(parts.manifest.kernel_cmdline[1], parts.manifest.kernel_cmdline[2]);
  };
  EXPECT_EQ(shown(make("a"), make("b", reorder)), "kernel command line\n  the same arguments in another order\n");
}

TEST_F(DiffImages, OtherBytesOfAnOutputAreADifference) {
  const auto edit = [](Parts& parts) { parts.manifest.outputs[0].sha256 = sha256_hex("x"); };
  EXPECT_EQ(shown(make("a"), make("b", edit)), "sizes\n  node.qcow2: 2.0 MB, other bytes\n");
}

TEST_F(DiffImages, AFileThatBecomesADirectoryIsOneChange) {
  const auto edit = [](Parts& parts) {
    parts.tree.remove("usr/kind");
    parts.put("usr/kind/inner", "x");
  };
  EXPECT_EQ(shown(make("a"), make("b", edit), 9),
            "files: 1 added, 0 removed, 1 changed\n"
            "  ~ /usr/kind  file → directory, 7 B, 1 file in it\n"
            "sizes\n"
            "  installed: 103 B → 97 B, -6 B\n");
}

TEST_F(DiffImages, AMissingConfigurationIsSaidToBeMissing) {
  const auto edit = [](Parts& parts) { parts.tree.remove("usr/lib/modules/6.1/config"); };
  EXPECT_EQ(shown(make("a"), make("b", edit)),
            "files: 0 added, 1 removed, 0 changed\n"
            "  - /usr/lib/modules/6.1/config  51 B\n"
            "sizes\n"
            "  installed: 103 B → 52 B, -51 B\n"
            "not compared\n"
            "  the configuration of B's kernel: it has no /usr/lib/modules/6.1/config\n");
}

TEST_F(DiffImages, ControlBytesInNamesAreShownHarmless) {
  const auto edit = [](Parts& parts) { parts.put("usr/\x1b[31mred\n", "x"); };
  EXPECT_EQ(shown(make("a"), make("b", edit)).find('\x1b'), std::string::npos);
}

TEST_F(DiffImages, BadImagesAreNamed) {
  const fs::path good = make("good");
  make_directories(scratch_.path() / "empty");
  EXPECT_EQ(refusal(good, scratch_.path() / "empty"), "B0009: there is no image in empty: it has no manifest.json");
  const fs::path torn = make("torn");
  write_file(torn / "manifest.json", "{");
  EXPECT_EQ(refusal(torn, good).substr(0, 24), "B0010: torn/manifest.jso");
  const fs::path bare = make("bare");
  remove_tree(bare / "repo");
  EXPECT_EQ(refusal(good, bare), "B0010: bare lacks its repository: repo/config is missing");
  const fs::path lockless = make("lockless");
  fs::remove(lockless / "node.amd64.lock");
  EXPECT_EQ(refusal(lockless, good), "B0010: lockless lacks its lock: node.amd64.lock is missing");
  const fs::path altered = make("altered");
  write_file(altered / "node.amd64.lock", "x");
  EXPECT_EQ(refusal(altered, good), "T0033: altered/node.amd64.lock has SHA-256 " + sha256_hex("x") +
                                        ", but the manifest says " + read_manifest(altered).lock_sha256);
  const fs::path holed = make("holed");
  const std::string same = sha256_of_object("same\n");
  fs::remove(holed / "repo/objects" / same.substr(0, 2) / (same.substr(2) + ".file"));
  EXPECT_EQ(refusal(good, holed), "T0032: holed lacks object " + same);
  const fs::path other = make("other");
  Manifest manifest = read_manifest(other);
  const std::string commit = manifest.commit;
  manifest.commit = sha256_hex("elsewhere");
  write_manifest(manifest, other);
  EXPECT_EQ(refusal(good, other), "T0033: other: ainode/amd64/node is commit " + commit + " in the repository, but " +
                                      manifest.commit + " in the manifest");
}

}  // namespace
}  // namespace ainode
