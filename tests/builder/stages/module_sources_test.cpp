// SPDX-License-Identifier: Apache-2.0
// Sources beside the recipe, and out of a package's files: a folder, a file, one inside an archive.
#include "builder/stages/module_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive.h"
#include "base/error.h"
#include "base/files.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ExtraModule module_of(const std::string& package, const std::vector<std::string>& paths) {
  ExtraModule module;
  module.name = {"probe", {"node.yaml", 3, 5, {}}};
  module.package = {package, {}};
  for (const std::string& path : paths) {
    PlacedFile& source = module.sources.emplace_back();
    source.source = {path, {"node.yaml", 4, 7, {}}};
    if (package.empty()) source.content = "// " + path;
  }
  return module;
}

/// The tree in which a module's package lies.
struct Package {
  TemporaryDirectory directory{testing::TempDir()};
  fs::path root = directory.path();

  void put(const std::string& path, const std::string& content) const {
    make_directories((root / path).parent_path());
    write_file(root / path, content);
  }
  ModuleSources sources(const std::vector<std::string>& paths) const {
    return module_sources(module_of("probe-source", paths), root);
  }
};

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::bad_value.id);
    EXPECT_THAT(render(error), HasSubstr("node.yaml:"));
    return error.message();
  }
  return "accepted";
}

TEST(ModuleSources, BesideTheRecipeLieInOneFolder) {
  EXPECT_THAT(module_sources(module_of("", {"drivers/probe.c", "Kbuild"}), "/nowhere"),
              ElementsAre(Pair("Kbuild", "// Kbuild"), Pair("probe.c", "// drivers/probe.c")));
}

TEST(ModuleSources, OfOneFileOfTheModulesNameNeedNoKbuild) {
  EXPECT_EQ(module_sources(module_of("", {"probe.c"}), "/nowhere").at("Kbuild"), "obj-m := probe.o\n");
}

TEST(ModuleSources, OfSeveralFilesAreLinkedIntoOne) {
  EXPECT_EQ(module_sources(module_of("", {"one.c", "two.c", "both.h"}), "/nowhere").at("Kbuild"),
            "obj-m := probe.o\nprobe-y := one.o two.o\n");
}

TEST(ModuleSources, MustSayHowTheyAreMade) {
  // probe.o would be both the whole and a part of it.
  EXPECT_EQ(refusal([] {
              module_sources(module_of("", {"probe.c", "two.c"}), "/nowhere");
            }),
            "the sources of module `probe` do not say how it is made");
  EXPECT_EQ(refusal([] { module_sources(module_of("", {"probe.h"}), "/nowhere"); }),
            "the sources of module `probe` do not say how it is made");
}

TEST(ModuleSources, AreAllFilesOfAPackagesFolderWithoutLinks) {
  const Package package;
  package.put("usr/src/probe-1/Makefile", "obj-m := probe.o\n");
  package.put("usr/src/probe-1/deep/probe.c", "int x;");
  write_file(package.root / "secret", "of the host");
  fs::create_symlink("../../../secret", package.root / "usr/src/probe-1/link.c");
  EXPECT_THAT(package.sources({"usr/src/probe-1"}),
              ElementsAre(Pair("Makefile", "obj-m := probe.o\n"), Pair("deep/probe.c", "int x;")));
}

TEST(ModuleSources, AreFilesAndFilesInsideArchives) {
  const Package package;
  std::string tar;
  ArchiveWriter writer(ArchiveWriter::Format::tar, [&](std::string_view bytes) { tar += bytes; });
  ArchiveEntry entry;
  entry.path = "linux/lib/probe.c";
  entry.mode = 0644;
  entry.size = 6;
  writer.add(entry, "int x;");
  writer.finish();
  package.put("usr/src/linux.tar", tar);
  package.put("usr/src/probe.h", "int y;");
  EXPECT_THAT(package.sources({"usr/src/linux.tar/linux/lib/probe.c", "usr/src/probe.h"}),
              ElementsAre(Pair("Kbuild", "obj-m := probe.o\n"), Pair("probe.c", "int x;"), Pair("probe.h", "int y;")));
  EXPECT_EQ(refusal([&] { package.sources({"usr/src/linux.tar/linux/lib/other.c"}); }),
            "package probe-source holds no usr/src/linux.tar/linux/lib/other.c");
  EXPECT_EQ(refusal([&] { package.sources({"usr/src/probe.h/inside"}); }),
            "package probe-source holds no usr/src/probe.h/inside");
}

TEST(ModuleSources, AreNotWhatAPackageDoesNotHoldOrLinksTo) {
  const Package package;
  EXPECT_EQ(refusal([&] { package.sources({"usr/src/none"}); }), "package probe-source holds no usr/src/none");
  const TemporaryDirectory host(testing::TempDir());
  write_file(host.path() / "probe.c", "of the host");
  make_directories(package.root / "usr/src");
  fs::create_symlink(host.path(), package.root / "usr/src/escape");
  EXPECT_EQ(refusal([&] { package.sources({"usr/src/escape/probe.c"}); }),
            "package probe-source holds no usr/src/escape/probe.c");
}

}  // namespace
}  // namespace ainode
