// SPDX-License-Identifier: Apache-2.0
// apt's settings and its auth.conf, as apt reads them.
#include "builder/packages/apt_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// User and password that a URL gets of an auth.conf.
std::string login_of(const std::string& conf, const std::string& url) {
  ServerAccess access;
  access.logins = parse_logins(conf);
  const Login* login = access.login_for(*parse_url(url));
  return login ? login->user + ":" + login->password : "none";
}

TEST(AptLogins, FitTheLinesOfTheManual) {
  const std::string url = "https://archive.invalid/debian";
  for (const char* machine :
       {"archive.invalid", "archive.invalid/deb", "archive.invalid/debian", "https://archive.invalid"}) {
    EXPECT_EQ(login_of(std::string("machine ") + machine + " login apt password debian", url), "apt:debian") << machine;
  }
  for (const char* machine : {"archive.invalid:443", "archive.invalid/deb/", "archive.invalid/ubuntu",
                              "archive.invalida", "archive.test", "http://archive.invalid"}) {
    EXPECT_EQ(login_of(std::string("machine ") + machine + " login apt password debian", url), "none") << machine;
  }
}

TEST(AptLogins, WithoutASchemeAreForHttpsOnly) {
  EXPECT_EQ(login_of("machine archive.invalid login a password b", "http://archive.invalid/x"), "none");
  EXPECT_EQ(login_of("machine http://archive.invalid login a password b", "http://archive.invalid/x"), "a:b");
}

TEST(AptLogins, WithAPortAreForThatPortOnly) {
  EXPECT_EQ(login_of("machine archive.invalid:8443 login a password b", "https://archive.invalid:8443/x"), "a:b");
  EXPECT_EQ(login_of("machine archive.invalid:8443 login a password b", "https://archive.invalid:9443/x"), "none");
  EXPECT_EQ(login_of("machine archive.invalid login a password b", "https://archive.invalid:9443/x"), "a:b");
}

TEST(AptLogins, TheFirstThatFitsIsTaken) {
  const std::string conf =
      "# machine archive.invalid login c password d\n"
      "machine archive.invalid/one\n\tlogin one\n\tpassword 1\n\n"
      "machine archive.invalid login all account x password 2\n"
      "machine archive.invalid login never password 3\n";
  EXPECT_EQ(login_of(conf, "https://archive.invalid/one/x"), "one:1");
  EXPECT_EQ(login_of(conf, "https://archive.invalid/two/x"), "all:2");
}

TEST(AptLogins, SurviveAnything) {
  EXPECT_THAT(parse_logins(""), IsEmpty());
  EXPECT_THAT(parse_logins("machine"), IsEmpty());
  EXPECT_THAT(parse_logins("login a password b"), IsEmpty());
  EXPECT_THAT(parse_logins("machine archive.invalid:port login a password b"), IsEmpty());
  EXPECT_THAT(parse_logins("machine archive.invalid login"), IsEmpty());
}

TEST(AptSettings, AreReadFromItsDump) {
  const AptSettings settings = parse_apt_settings(
      "Dir\t/\nDir::Etc\tetc/apt\nDir::Etc::netrc\tauth.conf\nDir::Etc::netrcparts\t/srv/auth.d\n"
      "Acquire\t\nAcquire::http\t\nAcquire::http::Proxy\thttp://proxy.invalid:3128/\n"
      "acquire::HTTP::proxy::Near.invalid\tDIRECT\nAcquire::https::Proxy\tsocks5h://proxy.invalid\n"
      "Acquire::https::Verify-Peer\ttrue\nAcquire::https::Verify-Peer::bad.invalid\tno\n"
      "Acquire::https::SSLCert::near.invalid\t/srv/me.pem\nAcquire::https::SSLKey::near.invalid\t/srv/me.key\n"
      "Acquire::https::CAInfo\t/srv/ca.pem\nAcquire::https::Verify-Host::bad.invalid\tfalse\n"
      "Acquire::ftp::Proxy\tftp://proxy.invalid\nAcquire::http::Timeout\t30\n"
      "Acquire::http::ProxyAutoDetect\t/old\nAcquire::http::Proxy-Auto-Detect\t/usr/bin/detect\n");
  EXPECT_THAT(settings.access.proxies.at("http"),
              ElementsAre(Pair("", "http://proxy.invalid:3128/"), Pair("near.invalid", "DIRECT")));
  EXPECT_THAT(settings.access.proxies.at("https"), ElementsAre(Pair("", "socks5h://proxy.invalid")));
  EXPECT_EQ(settings.access.proxies.size(), 2u);
  EXPECT_THAT(settings.access.verify_peer, ElementsAre(Pair("", "true"), Pair("bad.invalid", "false")));
  EXPECT_THAT(settings.access.verify_host, ElementsAre(Pair("bad.invalid", "false")));
  EXPECT_THAT(settings.access.ca_files, ElementsAre(Pair("", "/srv/ca.pem")));
  EXPECT_THAT(settings.access.client_certificates, ElementsAre(Pair("near.invalid", "/srv/me.pem")));
  EXPECT_THAT(settings.access.client_keys, ElementsAre(Pair("near.invalid", "/srv/me.key")));
  EXPECT_EQ(settings.detectors.at("http"), "/usr/bin/detect");
  EXPECT_EQ(settings.netrc, "/etc/apt/auth.conf");
  EXPECT_EQ(settings.netrc_parts, "/srv/auth.d");
}

TEST(AptSettings, OfAHostWithoutAptAreEmpty) {
  const AptSettings settings = parse_apt_settings("");
  EXPECT_TRUE(settings.access.proxies.empty());
  EXPECT_EQ(settings.netrc, "");
}

/// An apt-config that prints this dump stands first in PATH.
class AptConfig {
 public:
  explicit AptConfig(const std::string& dump) {
    if (const char* path = std::getenv("PATH")) path_ = path;
    write_file(directory() / "dump", dump);
    write_file(directory() / "apt-config", "#!/bin/sh\nexec cat " + (directory() / "dump").string() + "\n", 0755);
    setenv("PATH", (directory().string() + ":" + path_).c_str(), 1);
  }
  ~AptConfig() { setenv("PATH", path_.c_str(), 1); }
  const fs::path& directory() const { return scratch_.path(); }

 private:
  std::string path_;
  TemporaryDirectory scratch_{fs::temp_directory_path()};
};

TEST(ServerAccessOfTheHost, ReadsAuthConfAndItsPartsInOrder) {
  const TemporaryDirectory etc(fs::temp_directory_path());
  fs::create_directory(etc.path() / "auth.conf.d");
  write_file(etc.path() / "auth.conf", "machine one.invalid login first password 1\n");
  write_file(etc.path() / "auth.conf.d/b.conf", "machine two.invalid login b password 2\n");
  write_file(etc.path() / "auth.conf.d/a.conf", "machine two.invalid login a password 3\n");
  write_file(etc.path() / "auth.conf.d/c.conf~", "machine three.invalid login c password 4\n");
  const AptConfig apt("Dir::Etc\t" + etc.path().string() +
                      "\nDir::Etc::netrc\tauth.conf\nDir::Etc::netrcparts\tauth.conf.d\n");
  const ServerAccess access = find_server_access({"https://one.invalid"});
  ASSERT_EQ(access.logins.size(), 3u);
  EXPECT_EQ(access.login_for(*parse_url("https://two.invalid/x"))->user, "a");
  EXPECT_EQ(access.login_for(*parse_url("https://three.invalid/x")), nullptr);
}

TEST(ServerAccessOfTheHost, AsksTheDetectorForEachHostThatHasNoProxyOfItsOwn) {
  const TemporaryDirectory programs(fs::temp_directory_path());
  const std::string detector = (programs.path() / "detect").string();
  write_file(
      detector,
      "#!/bin/sh\ncase $1 in http://a.invalid) echo http://found.invalid:8000;; http://b.invalid) echo DIRECT;; esac\n",
      0755);
  const AptConfig apt(
      "Acquire::http::Proxy\thttp://general.invalid\nAcquire::http::Proxy::c.invalid\thttp://own.invalid\n"
      "Acquire::http::Proxy-Auto-Detect\t" +
      detector + "\n");
  const ServerAccess access =
      find_server_access({"http://a.invalid/debian", "http://b.invalid/x", "http://c.invalid", "http://d.invalid"});
  const auto proxy = [&](const char* url) { return access.proxy_for(*parse_url(url)); };
  EXPECT_EQ(proxy("http://a.invalid/x"), "http://found.invalid:8000");
  EXPECT_EQ(proxy("http://b.invalid/x"), "");
  EXPECT_EQ(proxy("http://c.invalid/x"), "http://own.invalid");
  EXPECT_EQ(proxy("http://d.invalid/x"), "http://general.invalid");
}

}  // namespace
}  // namespace ainode
