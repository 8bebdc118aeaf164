// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/accounts.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ainode {
namespace {

template <class T>
Located<T> located(T value) {
  return {std::move(value), Place{}};
}

User user(const std::string& name, int uid, const std::string& group = "", std::vector<Text> groups = {}) {
  return {located(name), located(uid), located(group), std::move(groups), {}, {}};
}

Group group(const std::string& name, int gid) {
  return {located(name), located(gid)};
}

AccountFiles before_shadow() {
  return {{"passwd", "root:*:0:0:root:/root:/bin/bash\n"}, {"group", "root:*:0:\ntty:*:5:\n"}};
}

std::string failure(AccountFiles files, const Accounts& accounts) {
  try {
    add_accounts(files, accounts);
  } catch (const Error& error) {
    return error.message() + " | " + error.hint();
  }
  return "none";
}

TEST(Accounts, GetTheirNumbersAndALockedPassword) {
  AccountFiles files = before_shadow();
  add_accounts(files, {{user("messagebus", 101)}, {group("render", 108)}});
  EXPECT_EQ(files["passwd"], "root:*:0:0:root:/root:/bin/bash\nmessagebus:*:101:101::/nonexistent:/usr/sbin/nologin\n");
  EXPECT_EQ(files["group"], "root:*:0:\ntty:*:5:\nrender:*:108:\nmessagebus:*:101:\n");
  EXPECT_EQ(files.size(), 2U);
}

TEST(Accounts, GoIntoTheShadowFilesWhereThereAreSome) {
  AccountFiles files = before_shadow();
  files["shadow"] = "root:*:20000:0:99999:7:::\n";
  files["gshadow"] = "root:*::\ntty:*::\n";
  add_accounts(files, {{user("svc", 300, "tty", {located(std::string("root"))})}, {}});
  EXPECT_EQ(files["passwd"], "root:*:0:0:root:/root:/bin/bash\nsvc:x:300:5::/nonexistent:/usr/sbin/nologin\n");
  EXPECT_EQ(files["shadow"], "root:*:20000:0:99999:7:::\nsvc:!*::0:99999:7:::\n");
  EXPECT_EQ(files["group"], "root:*:0:svc\ntty:*:5:\n");
  EXPECT_EQ(files["gshadow"], "root:*::svc\ntty:*::\n");
}

TEST(Accounts, ThatAreThereWithTheSameNumberStay) {
  AccountFiles files = before_shadow();
  add_accounts(files, {{user("root", 0)}, {group("tty", 5)}});
  EXPECT_EQ(files, before_shadow());
}

TEST(Accounts, ThatAreThereTakeWhatTheRecipeSaysOfThem) {
  AccountFiles files = before_shadow();
  files["passwd"] += "proxy:*:13:5:proxy:/bin:\nproxying:*:14:5::/:/x\n";
  User proxy = user("proxy", 13);
  proxy.shell = located(std::string("/bin/false"));
  User root = user("root", 0, "tty");
  root.home = located(std::string("/var/roothome"));
  add_accounts(files, {{proxy, root}, {}});
  EXPECT_EQ(files["passwd"],
            "root:*:0:5:root:/var/roothome:/bin/bash\nproxy:*:13:5:proxy:/bin:/bin/false\nproxying:*:14:5::/:/x\n");
  EXPECT_EQ(failure(before_shadow(), {{user("root", 0, "nope")}, {}}),
            "no group is named `nope` yet | declare it under `groups` with a number");
}

TEST(Accounts, CannotTakeAnotherNumberOrAnothersNumber) {
  EXPECT_EQ(failure(before_shadow(), {{}, {group("tty", 6)}}),
            "group `tty` has the number 5 in Debian, not 6 | leave it out: that number is the same in every image");
  EXPECT_EQ(failure(before_shadow(), {{}, {group("modem", 5)}}),
            "group `modem` cannot have the number 5: `tty` has it | choose another number");
  AccountFiles taken = before_shadow();
  taken["group"] += "made-by-a-package:x:999:\n";
  EXPECT_EQ(failure(taken, {{}, {group("ours", 999)}}),
            "group `ours` cannot have the number 999: `made-by-a-package` has it | choose a number outside 100 to 999: "
            "those are what packages take for themselves");
  EXPECT_EQ(failure(before_shadow(), {{user("svc", 300, "nope")}, {}}),
            "no group is named `nope` yet | declare it under `groups` with a number");
}

TEST(Accounts, NamesThoseWhoseNumberAPackageChose) {
  const std::string passwd =
      "root:x:0:0::/root:/bin/sh\nmessagebus:x:101:101::/:/x\nsshd:x:997:65534::/run/sshd:/x\nfirst:x:100:65534::/:/"
      "x\nme:x:1000:1000::/home/"
      "me:/x\n";
  EXPECT_EQ(undeclared_accounts(passwd, {"messagebus"}), (std::vector<std::string>{"sshd 997", "first 100"}));
}

TEST(Accounts, OfOneCanonicalTextAreTheSame) {
  const Accounts one{{user("a", 101)}, {group("g", 102)}}, other{{user("a", 103)}, {group("g", 102)}};
  EXPECT_EQ(one.canonical(), "group g 102\nuser a 101   \n");
  EXPECT_NE(one.canonical(), other.canonical());
}

}  // namespace
}  // namespace ainode
