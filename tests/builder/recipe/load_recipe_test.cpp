// SPDX-License-Identifier: Apache-2.0
// Where recipes are found, which architecture they are read for, and what their digest depends on.
#include "builder/recipe/load_recipe.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"

namespace ainode {
namespace {

constexpr const char* kRecipe = R"(# A comment.
ainode: 1
name: node
arch: [amd64, arm64]
repositories:
  - {id: main, distribution: debian, suite: trixie, components: [main]}
packages: {include: [udev, dbus], exclude: [vim], pin: {dbus: "1.16.*"}}
kernel:
  package: {amd64: linux-image-cloud-amd64, arm64: linux-image-cloud-arm64}
  cmdline: [quiet]
)";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

class LoadRecipe : public testing::Test {
 protected:
  LoadRecipe() : scratch_(fs::temp_directory_path()) {
    fs::create_directories(root() / "recipes");
    fs::create_directories(root() / "images");
    write_file(root() / "recipes/node.yaml", kRecipe);
  }
  const fs::path& root() const { return scratch_.path(); }

  Recipe load(const std::string& name, const std::string& architecture = "amd64") const {
    return load_recipe(name, {architecture, root()});
  }
  std::string digest_of(const std::string& text) const {
    write_file(root() / "other.yaml", text);
    return load("other.yaml").digest;
  }
  std::string refusal(const std::string& name, const std::string& architecture = "amd64") const {
    try {
      load(name, architecture);
    } catch (const Error& error) {
      return render(error);
    }
    return "accepted";
  }

 private:
  TemporaryDirectory scratch_;
};

TEST_F(LoadRecipe, FindsABareNameInImagesBeforeRecipes) {
  EXPECT_EQ(load("node").file, "recipes/node.yaml");
  write_file(root() / "images/node.yaml", kRecipe);
  EXPECT_EQ(load("node").file, "images/node.yaml");
}

TEST_F(LoadRecipe, SaysWhatEachDocumentAsksFor) {
  write_file(root() / "recipes/upper.yaml",
             "ainode: 1\nname: upper\nextends: [node.yaml]\narch: [amd64]\n"
             "packages: {include: [podman], recommends: true}\nvariants: {debug: {packages: {include: [gdb]}}}\n");
  const auto levels_of = [&](const std::string& name) {
    std::vector<std::string> lines;
    for (const PackageLevel& level : load(name).package_levels) {
      std::string line = level.name + (level.recommends ? " with recommends:" : ":");
      for (const std::string& package : level.packages) line += " " + package;
      lines.push_back(line);
    }
    return lines;
  };
  const std::string node = "node: udev dbus linux-image-cloud-amd64";
  const std::string upper = " with recommends: udev dbus podman";
  EXPECT_EQ(levels_of("node"), std::vector<std::string>{node});
  EXPECT_EQ(levels_of("upper"), (std::vector<std::string>{node, "upper" + upper + " linux-image-cloud-amd64"}));
  EXPECT_EQ(levels_of("upper@debug"),
            (std::vector<std::string>{node, "upper" + upper + " linux-image-cloud-amd64",
                                      "upper@debug" + upper + " gdb linux-image-cloud-amd64"}));
}

TEST_F(LoadRecipe, ReadsTheDefaultRecipe) {
  const Recipe recipe = load_recipe("recipes/qemu-base.yaml", {"amd64", AINODE_SOURCE_DIR});
  EXPECT_EQ(recipe.name.value, "qemu-base");
  EXPECT_EQ(recipe.name.place.str(), "recipes/qemu-base.yaml:4:7");
  EXPECT_EQ(recipe.summary.value, "Smallest bootable node");
  ASSERT_EQ(recipe.repositories.size(), 2U);
  EXPECT_EQ(recipe.repository("security")->suite.value, "trixie-security");
  EXPECT_EQ(recipe.repository("absent"), nullptr);
  EXPECT_FALSE(recipe.packages.recommends.value);
  ASSERT_EQ(recipe.packages.include.size(), 6U);
  EXPECT_EQ(recipe.packages.include[5].value, "ostree-boot");
  EXPECT_EQ(recipe.kernel.package.value, "linux-image-cloud-amd64");
  ASSERT_EQ(recipe.kernel.cmdline.size(), 2U);
  EXPECT_EQ(recipe.kernel.cmdline[1].value, "panic=10");
  EXPECT_EQ(recipe.systemd.default_target.value, "multi-user.target");
  ASSERT_EQ(recipe.partitions.size(), 2U);
  EXPECT_EQ(recipe.partitions[0].size.value, std::uint64_t{256} << 20);
  EXPECT_EQ(recipe.partitions[1].size.value, std::uint64_t{3} << 30);
  EXPECT_EQ(recipe.partitions[1].filesystem.value, "ext4");
  EXPECT_EQ(recipe.signing.openpgp.value, "release");
  EXPECT_EQ(recipe.signing.ed25519.value, "release");
  EXPECT_EQ(recipe.signing.attestations.value, "release");
  EXPECT_EQ(recipe.ostree_ref.value, "ainode/amd64/qemu-base");
  ASSERT_EQ(recipe.disk_formats.size(), 1U);
  ASSERT_EQ(recipe.profiles.size(), 1U);
  EXPECT_EQ(recipe.profiles[0].value, "boot");
}

TEST_F(LoadRecipe, ChoosesTheArchitecture) {
  EXPECT_EQ(load("node", "arm64").kernel.package.value, "linux-image-cloud-arm64");
  EXPECT_EQ(load("node", "arm64").ostree_ref.value, "ainode/arm64/node");
  EXPECT_EQ(refusal("node", "mips"),
            "error[R0110]: `mips` is not an architecture\n  = help: it must be amd64 or arm64\n");
}

TEST_F(LoadRecipe, NamesWhatIsMissingAndWhatIsNear) {
  EXPECT_EQ(refusal("nod"), "error[R0001]: there is no recipe `nod`\n  = help: did you mean `node`?\n");
  EXPECT_EQ(refusal("elsewhere/x.yaml"),
            "error[R0001]: there is no recipe `elsewhere/x.yaml`\n  = help: a bare name is looked for in images/ and "
            "recipes/ below the current directory; anything else is a path\n");
}

TEST_F(LoadRecipe, KnowsNoVariants) {
  EXPECT_EQ(refusal("node@debug"),
            "error[R0115]: recipes/node.yaml has no variant `debug`\n  = help: build `node` itself\n");
}

TEST_F(LoadRecipe, ReadsRegularFilesOnly) {
  fs::create_directory(root() / "folder.yaml");
  mkfifo((root() / "pipe.yaml").c_str(), 0600);
  EXPECT_EQ(refusal("folder.yaml"),
            "error[R0002]: folder.yaml is not a regular file\n  = help: name a recipe's file\n");
  EXPECT_EQ(refusal("pipe.yaml"), "error[R0002]: pipe.yaml is not a regular file\n  = help: name a recipe's file\n");
}

TEST_F(LoadRecipe, RefusesAHugeFileUnread) {
  write_file(root() / "huge.yaml", "");
  fs::resize_file(root() / "huge.yaml", std::uintmax_t{1} << 40);
  EXPECT_EQ(refusal("huge.yaml"), "error[R0103]: huge.yaml is larger than 1 MiB\n");
}

TEST_F(LoadRecipe, TheDigestIgnoresCommentsPlacesAndStyle) {
  const std::string digest = load("node").digest;
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(digest_of(replaced(kRecipe, "# A comment.\n", "\n\n# Another\n")), digest);
  EXPECT_EQ(digest_of(replaced(kRecipe, "name: node", "name: \"node\"")), digest);
}

TEST_F(LoadRecipe, AProfileSaysAtItsLineWhatTheRecipeDoesNot) {
  write_file(root() / "tuned.yaml", kRecipe + std::string("tuning: {profile: latency, numa: {balancing: true}}\n"));
  const Recipe recipe = load("tuned.yaml");
  EXPECT_EQ(recipe.tuning.thp.value, "never");
  EXPECT_EQ(recipe.kernel.sysctl.at("vm.stat_interval").value, "10");
  EXPECT_EQ(recipe.kernel.sysctl.at("vm.stat_interval").place.line, 11);
  EXPECT_FALSE(recipe.kernel.sysctl.contains("kernel.numa_balancing"));
  EXPECT_TRUE(recipe.kernel.sysctl.contains("vm.zone_reclaim_mode"));
}

TEST_F(LoadRecipe, TheDigestDependsOnEveryValue) {
  const std::string digest = load("node").digest;
  EXPECT_NE(load("node", "arm64").digest, digest);
  EXPECT_NE(digest_of(kRecipe + std::string("security: {setuid: []}\n")), digest) << "none is something else than any";
  EXPECT_EQ(digest_of(kRecipe + std::string("systemd: {enable: []}\n")), digest);
  const std::pair<const char*, const char*> edits[] = {{"name: node", "name: mode"},
                                                       {"[amd64, arm64]", "[amd64]"},
                                                       {"id: main", "id: first"},
                                                       {"suite: trixie", "suite: sid"},
                                                       {"[main]", "[main, contrib]"},
                                                       {"udev, dbus", "dbus, udev"},
                                                       {"exclude: [vim]", "exclude: []"},
                                                       {"\"1.16.*\"", "\"1.17.*\""},
                                                       {"linux-image-cloud-amd64", "linux-image-amd64"},
                                                       {"cmdline: [quiet]", "cmdline: []"}};
  for (const auto& [what, with] : edits) EXPECT_NE(digest_of(replaced(kRecipe, what, with)), digest) << with;
}

}  // namespace
}  // namespace ainode
