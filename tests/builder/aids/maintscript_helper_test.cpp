// SPDX-License-Identifier: Apache-2.0
// Which calls of dpkg-maintscript-helper are done with, and which go to the original.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "builder/aids/aids.h"

namespace ainode::aids {
namespace {

struct Call {
  Arguments arguments;
  const char* script;
};

TEST(DpkgMaintscriptHelper, DoesNothingWhereNoOlderVersionWas) {
  for (const Call& call : std::vector<Call>{
           {{"rm_conffile", "/etc/securetty", "1:4.7-1~", "login", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/securetty", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/securetty", "4.7-1~", "--", "configure", ""}, "postinst"},
           {{"mv_conffile", "/etc/a", "/etc/b", "1.2~", "pkg", "--", "configure"}, "postinst"},
           {{"symlink_to_dir", "/usr/share/doc/x", "y", "2.06+dfsg-1", "--", "install"}, "preinst"},
           {{"dir_to_symlink", "/usr/share/doc/x", "y", "", "pkg", "--", "configure", ""}, "postinst"},
       }) {
    // Epochs are judged by dpkg itself.
    const bool has_epoch = call.arguments.size() > 2 && call.arguments[2].find(':') != std::string::npos;
    EXPECT_EQ(is_nothing_to_mend(call.arguments, call.script), !has_epoch) << call.arguments[0] << " " << call.script;
  }
}

TEST(DpkgMaintscriptHelper, LeavesEverythingElseToTheOriginal) {
  for (const Call& call : std::vector<Call>{
           {{}, "preinst"},
           {{"supports", "rm_conffile"}, "preinst"},
           {{"--version"}, "preinst"},
           {{"rm_conffile", "/etc/x"}, "preinst"},
           {{"rm_conffile", "/etc/x", "--"}, "preinst"},
           {{"rm_conffile", "--", "install"}, "preinst"},
           {{"rm_conffile", "etc/x", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/x", "a.1", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/x", "1-", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/x", "1", "pkg", "more", "--", "install"}, "preinst"},
           {{"rm_conffile", "/etc/x", "2", "--", "upgrade", "1"}, "preinst"},
           {{"rm_conffile", "/etc/x", "2", "--", "install", "1"}, "preinst"},
           {{"rm_conffile", "/etc/x", "2", "--", "configure", "1"}, "postinst"},
           {{"rm_conffile", "/etc/x", "2", "--", "purge"}, "postrm"},
           {{"rm_conffile", "/etc/x", "2", "--", "triggered", ""}, "postinst"},
           {{"mv_conffile", "/etc/x", "y", "2", "--", "install"}, "preinst"},
           {{"symlink_to_dir", "/usr/share/doc/x", "", "--", "install"}, "preinst"},
           {{"dir_to_symlink", "/usr/share/doc/x/", "y", "--", "install"}, "preinst"},
           {{"unknown", "/etc/x", "--", "install"}, "preinst"},
       }) {
    EXPECT_FALSE(is_nothing_to_mend(call.arguments, call.script))
        << (call.arguments.empty() ? "no arguments" : call.arguments[0]) << " " << call.script;
  }
}

TEST(DpkgMaintscriptHelper, LeavesABackupToTheOriginal) {
  const std::string path = std::filesystem::temp_directory_path() / "ainode-maintscript-helper-test";
  const Arguments call = {"symlink_to_dir", path, "elsewhere", "2", "--", "configure", ""};
  std::filesystem::remove(path + ".dpkg-backup");
  EXPECT_TRUE(is_nothing_to_mend(call, "postinst"));
  std::filesystem::create_symlink("elsewhere", path + ".dpkg-backup");
  EXPECT_FALSE(is_nothing_to_mend(call, "postinst"));
  std::filesystem::remove(path + ".dpkg-backup");
}

}  // namespace
}  // namespace ainode::aids
