// SPDX-License-Identifier: Apache-2.0
// Calls that scripts made, what generators did, and the triggers of unpacking: as text and as trees.
#include "builder/stages/generators.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "builder/stages/triggers.h"

namespace ainode {
namespace {

const std::string kOld(64, 'a'), kNew(64, 'b');

TEST(DeferredCalls, AreSortedAndStandOnce) {
  const std::vector<DeferredCall> calls = read_calls("depmod\t6.12\nc_rehash\ndepmod\t6.12\ndepmod\t-a\ta\\tb\\\\c\n");
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[1], (DeferredCall{"depmod", {"-a", "a\tb\\c"}}));
  EXPECT_EQ(write_calls(calls), "c_rehash\ndepmod\t-a\ta\\tb\\\\c\ndepmod\t6.12\n");
  EXPECT_EQ(read_calls(write_calls(calls)), calls);
}

TEST(Generators, HaveNamesOfTheirOwnAndSayWhatTheyMayChange) {
  std::vector<std::string_view> names;
  for (const Generator& generator : generators()) {
    EXPECT_EQ(std::count(names.begin(), names.end(), generator.name), 0) << generator.name;
    names.push_back(generator.name);
    const std::string program(generator.program.substr(generator.program.rfind('/') + 1));
    const bool runs = !generator.commands({{program, {"--fresh"}}}).empty();
    EXPECT_EQ(runs, !generator.outputs.empty()) << generator.name;
    EXPECT_TRUE(generator.commands({}).empty()) << generator.name << " runs though nobody called it";
  }
}

TEST(Generators, MakeTheCertificatesOnceHoweverOftenTheyWereCalled) {
  const auto row = std::find_if(generators().begin(), generators().end(),
                                [](const Generator& generator) { return generator.name == "certificates"; });
  const DeferredCall plain{"update-ca-certificates", {}}, hookless{"update-ca-certificates", {"--hooksdir", ""}},
      fresh{"update-ca-certificates", {"--fresh"}};
  using Commands = std::vector<std::vector<std::string>>;
  EXPECT_EQ(row->commands({plain, hookless}), (Commands{{"update-ca-certificates"}}));
  EXPECT_EQ(row->commands({plain, fresh}), (Commands{{"update-ca-certificates", "--fresh"}}));
}

TEST(Generated, IsLaidOverTheTreeWithItsMaker) {
  Tree tree;
  tree.put_file("usr/lib/modules/6/modules.dep", kOld, "linux-image");
  tree.put_file("usr/lib/modules/6/modules.old", kOld, "linux-image");
  tree.put_file("usr/lib/modules/6/a.ko", kOld, "linux-image");
  Generated generated;
  generated.changes.put_file("usr/lib/modules/6/modules.dep", kNew, "generator modules");
  generated.changes.put_file("usr/lib/modules/6/modules.alias", kNew, "generator modules");
  generated.removed = {"usr/lib/modules/6/modules.old"};
  apply_changes(tree, generated);
  std::string text;
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    text += path + " " + file.checksum.substr(0, 1) + " " + file.owner + "\n";
  });
  EXPECT_EQ(text,
            "usr/lib/modules/6/a.ko a linux-image\n"
            "usr/lib/modules/6/modules.alias b generator modules\n"
            "usr/lib/modules/6/modules.dep b linux-image, then generator modules\n");
}

TEST(Triggers, OfUnpackingAreThoseNamedAndThosePathsThatSomebodyWatches) {
  const TemporaryDirectory directory("/tmp", "ainode-triggers-test-");
  Store store(directory.path());
  Tree tree;
  {
    Store::Transaction transaction(store);
    const auto put = [&](const std::string& path, const std::string& text) {
      tree.put_file("var/lib/dpkg/" + path, store.write_text(text), "");
    };
    put("triggers/File", "/usr/share/mime/packages shared-mime-info/noawait\n/usr/lib/udev udev\n");
    put("info/libfoo:amd64.triggers", "# comment\nactivate-noawait ldconfig\ninterest /not/activated\n");
    put("info/libfoo:amd64.list", "/.\n/usr\n/usr/share/mime/packages/foo.xml\n/usr/lib/udevother/x\n");
    put("info/old.triggers", "activate never\n");
    transaction.commit();
  }
  EXPECT_EQ(activated_triggers(store, tree, {"libfoo:amd64"}), "/usr/share/mime/packages -\nldconfig -\n");
  EXPECT_EQ(activated_triggers(store, tree, {}), "");
}

}  // namespace
}  // namespace ainode
