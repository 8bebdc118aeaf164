// SPDX-License-Identifier: Apache-2.0
// Where mirrors come from, with a stand-in for apt.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "builder/packages/repositories.h"

namespace ainode {
namespace {

/// Puts an apt-get that prints `uris` for --print-uris update first into PATH, and an apt-config that names its lists.
class Apt {
 public:
  explicit Apt(const std::string& uris) {
    if (const char* path = std::getenv("PATH")) path_ = path;
    fs::create_directory(lists());
    write_file(scratch_.path() / "uris", uris);
    write_file(
        scratch_.path() / "apt-get",
        "#!/bin/sh\n[ \"$*\" = '--print-uris update' ] && exec cat " + (scratch_.path() / "uris").string() + "\n",
        0755);
    write_file(scratch_.path() / "apt-config",
               "#!/bin/sh\n[ \"$1\" = shell ] && echo \"$2='" + lists().string() + "/'\"\nexit 0\n", 0755);
    setenv("PATH", (scratch_.path().string() + ":" + path_).c_str(), 1);
  }
  ~Apt() { setenv("PATH", path_.c_str(), 1); }
  fs::path lists() const { return scratch_.path() / "lists"; }
  void fetched(const std::string& name, const std::string& origin, const std::string& label) const {
    write_file(lists() / name, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: " + origin +
                                   "\nLabel: " + label + "\nSuite: oldstable\n");
  }

 private:
  std::string path_;
  TemporaryDirectory scratch_{fs::temp_directory_path()};
};

const char* kUris =
    "'http://two.invalid/other/dists/nodistro/InRelease' two_InRelease 0 \n"
    "'http://one.invalid/anything/dists/bookworm/InRelease' one_InRelease 0 \n"
    "'http://one.invalid/secure/dists/bookworm-security/InRelease' secure_InRelease 0 \n"
    "'http://one.invalid/anything/dists/bookworm/main/binary-amd64/Packages.xz' one_Packages 0 \n";

void have_fetched_all(const Apt& apt) {
  apt.fetched("one_InRelease", "Debian", "Debian");
  apt.fetched("two_InRelease", "Somebody", "Somebody");
  apt.fetched("secure_InRelease", "Debian", "Debian-Security");
}

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
  const Apt apt(kUris);
  have_fetched_all(apt);
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, {});
  EXPECT_EQ(mirrors.uri("debian"), "http://one.invalid/anything");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/secure");
  EXPECT_EQ(mirrors.origins.at("debian"), "from apt's configuration");
}

TEST(Mirrors, ThoseGivenComeFirst) {
  const Apt apt(kUris);
  have_fetched_all(apt);
  MirrorOptions options;
  options.given["debian"] = "http://three.invalid/debian/";
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, options);
  EXPECT_EQ(mirrors.uri("debian"), "http://three.invalid/debian");
  EXPECT_EQ(mirrors.origins.at("debian"), "from --mirror");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/secure");
}

TEST(Mirrors, AreKnownBeforeTheFirstUpdate) {
  const Apt apt(
      "'http://one.invalid/debian/dists/bookworm/InRelease' one.invalid_debian_InRelease 0 \n"
      "'http://one.invalid/debian-security/dists/bookworm-security/InRelease' x 0 \n");
  const Mirrors mirrors = find_mirrors({"debian", "debian-security"}, {});
  EXPECT_EQ(mirrors.uri("debian"), "http://one.invalid/debian");
  EXPECT_EQ(mirrors.uri("debian-security"), "http://one.invalid/debian-security");
}

TEST(Mirrors, AnArchiveThatCallsItselfSomethingElseIsNoneOfDebians) {
  const Apt apt("'http://one.invalid/debian/dists/bookworm/InRelease' one_InRelease 0 \n");
  apt.fetched("one_InRelease", "Somebody", "Debian");
  expect_error({"debian"}, {}, codes::no_mirror, "this machine's apt has no mirror for debian",
               "give one: --mirror debian=URI or AINODE_MIRROR_DEBIAN=URI (the directory that holds dists/)");
}

TEST(Mirrors, EmptyAptListsHaveTheirCure) {
  const Apt apt("");
  expect_error({"debian"}, {}, codes::apt_lists_empty,
               "this machine's apt names no archive, so no mirror is known for debian",
               "run apt-get update, or give one: --mirror debian=URI or AINODE_MIRROR_DEBIAN=URI");
}

TEST(Mirrors, ALackingOneHasItsCure) {
  const Apt apt("'http://one.invalid/debian/dists/bookworm/InRelease' one_InRelease 0 \n");
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
