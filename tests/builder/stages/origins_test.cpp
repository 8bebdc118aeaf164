// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/origins.h"

#include <gtest/gtest.h>

#include "builder/stages/script_times.h"

namespace ainode {
namespace {

const std::string kChecksum(64, 'a');

TEST(Origins, ChainNamesEachMakerOnceInARow) {
  EXPECT_EQ(origin_chain("", "bash"), "bash");
  EXPECT_EQ(origin_chain("bash", "bash"), "bash");
  EXPECT_EQ(origin_chain("base-passwd", "the postinst of dbus"), "base-passwd, then the postinst of dbus");
  EXPECT_EQ(origin_chain("a, then b", "b"), "a, then b");
  EXPECT_EQ(origin_chain("a, then b", "a"), "a, then b, then a");
}

TEST(Origins, ComeBackAsTheyWereWritten) {
  Tree tree;
  tree.put_file("etc/passwd", kChecksum, "base-passwd, then the postinst of dbus");
  tree.put_file("usr/bin/sh", kChecksum, "dash");
  tree.put_file("nobody", kChecksum, "");
  tree.directory("etc")->owner = "base-files";
  const std::string text = write_origins(tree);
  EXPECT_EQ(text, "etc/\tbase-files\netc/passwd\tbase-passwd, then the postinst of dbus\nusr/bin/sh\tdash\n");
  Tree other;
  other.put_file("etc/passwd", kChecksum, "");
  other.put_file("usr/bin/sh", kChecksum, "");
  other.put_file("nobody", kChecksum, "");
  apply_origins(other, text + "no tab\n\tno path\ngone\tx\n");
  EXPECT_EQ(write_origins(other), text);
}

TEST(ScriptTimes, TellWhichScriptChangedAFile) {
  ScriptTimes times;
  times.add("the recipe's users and groups", 210, 220);
  times.read(
      "libc6:amd64.postinst\tconfigure\t100\t200\nmalformed\ndbus.postinst\ttriggered\t300\t400\nx."
      "preinst\tinstall\t500\t450\n");
  EXPECT_EQ(times.maker(99), "dpkg itself");
  EXPECT_EQ(times.maker(100), "the postinst of libc6");
  EXPECT_EQ(times.maker(200), "the postinst of libc6");
  EXPECT_EQ(times.maker(215), "the recipe's users and groups");
  EXPECT_EQ(times.maker(250), "dpkg itself");
  EXPECT_EQ(times.maker(350), "the postinst of dbus (triggered)");
  EXPECT_EQ(times.maker(460), "dpkg itself");
}

}  // namespace
}  // namespace ainode
