// SPDX-License-Identifier: Apache-2.0
// Which accounts and packages belong to which layer, and what changes a layer's key.
#include "builder/stages/layers.h"

#include <gmock/gmock.h>

#include "tests/builder/store/store_fixture.h"

namespace ainode {
namespace {

using ::testing::ElementsAre;
using testing::entry;

Text text(const std::string& value) {
  return {value, {}};
}

User user(const std::string& name, const std::vector<std::string>& groups = {}) {
  User made;
  made.name = text(name);
  for (const std::string& group : groups) made.groups.push_back(text(group));
  made.uid.emplace();
  made.uid->value = 500;
  return made;
}

Group group(const std::string& name) {
  Group made;
  made.name = text(name);
  made.gid.emplace();
  made.gid->value = 600;
  return made;
}

class Layers : public testing::StoreTest {
 protected:
  Layers() {
    base_ = package("base", "base", "");
    server_ = package("server", "node", "useradd --system server\nadduser docker-like\n");
    tool_ = package("tool", "node@more", "groupadd tools\n");
    import({base_, server_, tool_});
  }

  LockedPackage package(const std::string& name, const std::string& layer, const std::string& script) {
    LockedPackage made = add_deb(name, "", {{entry("./usr/share/" + name), name}},
                                 {{entry("./postinst", ArchiveEntry::Type::file, 0755), "#!/bin/sh\n" + script}});
    made.layer = layer;
    return made;
  }

  /// "layer: its packages / its groups / its users +groups".
  static std::vector<std::string> shown(const std::vector<Layer>& layers) {
    std::vector<std::string> lines;
    for (const Layer& layer : layers) {
      std::string line = layer.name + ":";
      for (const LockedPackage& package : layer.packages) line += " " + package.name;
      line += " /";
      for (const Group& group : layer.accounts.groups) line += " " + group.name.value;
      line += " /";
      for (const User& user : layer.accounts.users) {
        line += " " + user.name.value;
        for (const Text& group : user.groups) line += " +" + group.value;
      }
      lines.push_back(line);
    }
    return lines;
  }
  std::vector<Layer> cut(const std::vector<LockedPackage>& packages, const Accounts& accounts) {
    return locked_layers(store_, packages, accounts);
  }

  LockedPackage base_, server_, tool_;
};

TEST_F(Layers, TakeTheAccountsThatTheirPackagesMention) {
  EXPECT_THAT(shown(cut({base_, server_, tool_}, {{user("server", {"extra"})}, {group("tools"), group("extra")}})),
              ElementsAre("base: base / /", "node: server / extra / server +extra", "node@more: tool / tools /"));
}

TEST_F(Layers, WhatNobodyMentionsComesLastAndLeavesTheOthersAsTheyAre) {
  const auto without = cut({base_, server_}, {}), with = cut({base_, server_}, {{user("operator")}, {}}),
             more = cut({base_, server_, tool_}, {{user("operator")}, {}});
  EXPECT_THAT(shown(with), ElementsAre("base: base / /", "node: server / /", "accounts: / / operator"));
  EXPECT_EQ(with[1].ref, without[1].ref);
  EXPECT_EQ(more[1].ref, without[1].ref);
  EXPECT_EQ(more.back().name, "accounts");
}

/// Which groups a package makes is known only when it is configured.
TEST_F(Layers, AUserJoinsAPackagesGroupWhenAllPackagesAreConfigured) {
  EXPECT_THAT(shown(cut({base_, server_, tool_}, {{user("server", {"tools", "extra"})}, {group("extra")}})),
              ElementsAre("base: base / /", "node: server / extra / server +extra", "node@more: tool / /",
                          "accounts: / / server +tools +extra"));
}

TEST_F(Layers, HaveKeysOfTheirPackagesAndAccountsAndWhatIsBelow) {
  const auto plain = cut({base_, server_, tool_}, {}), other = cut({base_, tool_}, {});
  EXPECT_EQ(plain[0].ref, other[0].ref);
  EXPECT_NE(plain[2].ref, other[1].ref);
  EXPECT_NE(cut({base_, server_}, {{user("server")}, {}})[1].ref, plain[1].ref);
  // A name says nothing of what is in it.
  LockedPackage renamed = server_;
  renamed.layer = "another";
  EXPECT_EQ(cut({base_, renamed}, {})[1].ref, plain[1].ref);
}

TEST_F(Layers, OfAnOlderLockAreMixed) {
  EXPECT_THAT(shown(cut({server_, base_}, {})), ElementsAre("base: base / /", "node: server / /"));
  LockedPackage below = tool_, more = package("more", "node", "");
  below.layer = "root";
  import({more});
  EXPECT_THAT(shown(cut({server_, base_, below, more}, {})),
              ElementsAre("base: base / /", "node: server tool more / /"));
}

}  // namespace
}  // namespace ainode
