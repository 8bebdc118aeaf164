// SPDX-License-Identifier: Apache-2.0
// Where mirrors come from, with a stand-in for apt.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "builder/packages/repositories.h"

namespace ainode {
namespace {

/// Puts an apt-get that prints `targets` for indextargets and `uris` for --print-uris first into PATH.
class Apt {
 public:
  Apt(const std::string& targets, const std::string& uris) {
    if (const char* path = std::getenv("PATH")) path_ = path;
    write_file(scratch_.path() / "targets", targets);
    write_file(scratch_.path() / "uris", uris);
    write_file(scratch_.path() / "apt-get",
               "#!/bin/sh\ncase $1 in\nindextargets) exec cat " + (scratch_.path() / "targets").string() +
                   ";;\n--print-uris) exec cat " + (scratch_.path() / "uris").string() + ";;\nesac\n",
               0755);
    setenv("PATH", (scratch_.path().string() + ":" + path_).c_str(), 1);
  }
  ~Apt() { setenv("PATH", path_.c_str(), 1); }

 private:
  std::string path_;
  TemporaryDirectory scratch_{fs::temp_directory_path()};
};

const char* kTargets =
    "Translations\thttp://one.invalid/debian/\tbookworm\tDebian\tDebian\n"
    "Packages\thttp://one.invalid/debian/\tbookworm\tDebian\tDebian\n"
    "Packages\thttp://two.invalid/other/\tnodistro\tSomebody\tSomebody\n"
    "Packages\thttp://one.invalid/secure/\tbookworm-security\tDebian\tDebian-Security\n";

void expect_error(const std::set<std::string>& needed, const MirrorOptions& options, const ErrorCode& code,
                  const std::string& message, const std::string& hint) {
  try {
    find_mirrors(needed, options);
    ADD_FAILURE() << "no error, but expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, code.id);
    EXPECT_EQ(error.message(), message);
    EXPECT_EQ(error.hint(), hint);
  }
}

TEST(Mirrors, ComeFromTheHostsApt) {
  const Apt apt(kTargets, "");
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, {});
  EXPECT_EQ(mirrors.uri("debian"), "http://one.invalid/debian");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/secure");
  EXPECT_EQ(mirrors.origins.at("debian"), "from apt's configuration");
}

TEST(Mirrors, ThoseGivenComeFirst) {
  const Apt apt(kTargets, "");
  MirrorOptions options;
  options.given["debian"] = "http://three.invalid/debian/";
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, options);
  EXPECT_EQ(mirrors.uri("debian"), "http://three.invalid/debian");
  EXPECT_EQ(mirrors.origins.at("debian"), "from --mirror");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/secure");
}

TEST(Mirrors, AreKnownBeforeTheFirstUpdate) {
  const Apt apt("",
                "'http://one.invalid/debian/dists/bookworm/InRelease' one.invalid_debian_InRelease 0 \n"
                "'http://one.invalid/debian-security/dists/bookworm-security/InRelease' x 0 \n");
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, {});
  EXPECT_EQ(mirrors.uri("debian"), "http://one.invalid/debian");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/debian-security");
}

TEST(Mirrors, EmptyAptListsHaveTheirCure) {
  const Apt apt("", "");
  expect_error({"debian"}, {}, codes::apt_lists_empty,
               "this machine's apt names no archive, so no mirror is known for debian",
               "run apt-get update, or give one: --mirror debian=URI or AINODE_MIRROR_DEBIAN=URI");
}

TEST(Mirrors, ALackingOneHasItsCure) {
  const Apt apt("Packages\thttp://one.invalid/debian/\tbookworm\tDebian\tDebian\n", "");
  expect_error({"debian", "debian-security"}, {}, codes::no_mirror,
               "this machine's apt has no mirror for debian-security",
               "give one: --mirror debian-security=URI or AINODE_MIRROR_DEBIAN_SECURITY=URI (the directory that holds "
               "dists/)");
}

TEST(Mirrors, RefuseOtherSchemes) {
  MirrorOptions options;
  options.given["debian"] = "ftp://one.invalid/debian";
  expect_error({"debian"}, options, codes::usage_error, "the mirror of debian must be an http, https or file URI",
               "like --mirror debian=http://HOST/PATH, with the directory that holds dists/");
}

}  // namespace
}  // namespace ainode
