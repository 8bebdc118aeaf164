// SPDX-License-Identifier: Apache-2.0
// The manifest's round trip, and manifests that must not be believed.
#include "base/manifest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

Manifest small_manifest() {
  Manifest manifest;
  manifest.name = "qemu-base";
  manifest.architecture = "amd64";
  manifest.commit = sha256_hex("commit");
  manifest.ref = "ainode/amd64/qemu-base";
  manifest.recipe = "recipes/qemu-base.yaml";
  manifest.recipe_digest = sha256_hex("recipe");
  manifest.lock = "qemu-base.amd64.lock";
  manifest.lock_sha256 = sha256_hex("lock");
  manifest.builder_version = "0.1.0";
  manifest.epoch = 1757145600;
  manifest.kernel_release = "6.12.43+deb13-cloud-amd64";
  manifest.kernel_package = "linux-image-6.12.43+deb13-cloud-amd64";
  manifest.kernel_version = "6.12.43-1";
  manifest.kernel_cmdline = {"console=ttyS0", "rw"};
  manifest.initrd_modules = {"virtio_blk", "ext4"};
  manifest.profiles = {"boot"};
  manifest.openpgp_fingerprints = {"0123456789ABCDEF0123456789ABCDEF01234567"};
  manifest.openpgp_public = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
  manifest.ed25519_public = to_base64(std::string(32, 'k'));
  manifest.declared = {{"kernel.cmdline", {"console=ttyS0", "rw"}, "recipes/qemu-base.yaml:12:5"},
                       {"systemd.default-target", "multi-user.target", ""}};
  manifest.outputs = {{"qemu-base.qcow2", "qcow2", 123456, sha256_hex("disk")}};
  return manifest;
}

std::string refusal(const Json& json) {
  try {
    Manifest::from_json(json, "out/manifest.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::image_malformed.id);
    return error.message();
  }
  return "no error";
}

TEST(Manifest, SurvivesItsRoundTripThroughAFile) {
  const TemporaryDirectory directory("/tmp");
  write_manifest(small_manifest(), directory.path());
  const Manifest read = read_manifest(directory.path());
  EXPECT_EQ(read.to_json(), small_manifest().to_json());
  EXPECT_EQ(read.kernel_cmdline, small_manifest().kernel_cmdline);
  EXPECT_EQ(read.declared[1].expected, "multi-user.target");
  EXPECT_EQ(read.outputs[0].size, 123456U);
}

TEST(Manifest, TellsOfEveryFlippedBit) {
  const TemporaryDirectory directory("/tmp");
  write_manifest(small_manifest(), directory.path());
  require_unchanged_manifest(directory.path());
  const std::string good = read_file(directory.path() / "manifest.json");
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 5) {
    std::string text = good;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    const Descriptor file = open_file(directory.path() / "manifest.json", O_WRONLY | O_TRUNC);
    write_all(file.get(), text, "manifest.json");
    EXPECT_THROW(require_unchanged_manifest(directory.path()), Error) << bit;
  }
}

TEST(Manifest, HasTheKeysThatReadersRelyOn) {
  std::vector<std::string> keys;
  const Json json = small_manifest().to_json();
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::ElementsAre("schema", "name", "architecture", "commit", "ref", "recipe", "recipe_digest",
                                         "lock", "lock_sha256", "builder_version", "epoch", "kernel", "profiles",
                                         "signing", "declared", "outputs"));
}

TEST(Manifest, SaysWhenThereIsNoImage) {
  const TemporaryDirectory directory("/tmp");
  try {
    read_manifest(directory.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::image_not_found.id);
    EXPECT_EQ(error.message(), "there is no image in " + directory.path().string() + ": it has no manifest.json");
  }
}

TEST(Manifest, RefusesATruncatedFile) {
  const TemporaryDirectory directory("/tmp");
  const std::string text = write_json(small_manifest().to_json());
  write_file(directory.path() / "manifest.json", text.substr(0, text.size() / 2));
  EXPECT_THROW(read_manifest(directory.path()), Error);
}

TEST(Manifest, NamesTheMemberThatIsWrong) {
  Json json = small_manifest().to_json();
  json["commit"] = "abc";
  EXPECT_EQ(refusal(json), "out/manifest.json: `commit` is not a SHA-256 in hexadecimal");
  json = small_manifest().to_json();
  json["kernel"].erase("release");
  EXPECT_EQ(refusal(json), "out/manifest.json: `kernel.release` is missing");
  json = small_manifest().to_json();
  json["schema"] = "ainode.image/2";
  EXPECT_EQ(refusal(json), "out/manifest.json: `schema` is not `ainode.image/1`");
  EXPECT_EQ(refusal(Json::array()), "out/manifest.json is not a JSON object");
}

TEST(Manifest, RefusesOutputsOutsideTheImage) {
  Json json = small_manifest().to_json();
  json["outputs"][0]["name"] = "../../etc/passwd";
  EXPECT_EQ(refusal(json), "out/manifest.json: `outputs[0].name` is not a plain file name");
  json = small_manifest().to_json();
  json["lock"] = "/etc/passwd";
  EXPECT_EQ(refusal(json), "out/manifest.json: `lock` is not a plain file name");
}

}  // namespace
}  // namespace ainode
