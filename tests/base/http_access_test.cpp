// SPDX-License-Identifier: Apache-2.0
// Downloads that are resumed, shared between processes, sent through proxies, and those that need a name and a
// password.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/http.h"
#include "base/partial_file.h"
#include "base/process.h"
#include "tests/base/faulty_server.h"

namespace ainode {
namespace {

using std::chrono::milliseconds;
using testing::Contains;

using testing::HasSubstr;
using testing::Not;

const std::string kFile = std::string(1000, 'a') + std::string(1000, 'b');
const std::string kSecret = "correct-horse";

struct Collected : EventSink {
  void on_event(const Event& event) override {
    const std::lock_guard lock(mutex);
    texts.push_back(event.text);
  }
  std::mutex mutex;
  std::vector<std::string> texts;
};

class HttpAccess : public testing::Test {
 protected:
  HttpAccess() {
    options_.back_off = milliseconds(5);
    server_.on("good", [](Exchange& exchange, const std::string&) { exchange.serve(kFile); });
    server_.on("half", [](Exchange& exchange, const std::string&) {
      exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + kFile.substr(0, 1000));
      exchange.hang_up();
    });
    server_.on("refusing", [](Exchange& exchange, const std::string&) {
      exchange.answer("401 Unauthorized", "who are you?\n", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    });
  }

  Download download(const std::string& url, const std::string& name = "file") const {
    Download download;
    download.url = url;
    download.subject = "hello 1.0 (all)";
    download.destination = scratch_.path() / name;
    download.size = kFile.size();
    download.sha256 = sha256_hex(kFile);
    download.resumes = true;
    return download;
  }
  fs::path partial() const { return scratch_.path() / (sha256_hex(kFile) + ".partial"); }

  void fetch(const std::string& url) {
    fs::remove(scratch_.path() / "file");  // what is whole already would not be asked for
    download_all(run_, {download(url)}, options_);
  }

  /// The whole error as it is shown, or "no error".
  std::string error_of(const std::string& url) {
    try {
      fetch(url);
    } catch (const Error& error) {
      return render(error);
    }
    return "no error";
  }

  std::string last_request() const { return server_.requests().empty() ? "" : server_.requests().back(); }

  FaultyServer server_;
  TemporaryDirectory scratch_{fs::temp_directory_path()};
  Collected events_;
  RunContext run_{events_};
  FetchOptions options_;
};

TEST_F(HttpAccess, ALaterRunResumesWhatABrokenOneLeft) {
  options_.tries = 1;
  EXPECT_THAT(error_of(server_.url("half")), HasSubstr("hello 1.0 (all): Transferred a partial file"));
  EXPECT_EQ(read_file(partial()), kFile.substr(0, 1000));
  fetch(server_.url("good"));
  EXPECT_THAT(last_request(), HasSubstr("Range: bytes=1000-\r\n"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
  EXPECT_FALSE(fs::exists(partial()));
  EXPECT_THAT(events_.texts, Contains(HasSubstr(", from byte 1000")));
}

TEST_F(HttpAccess, APartialFileIsNotTrusted) {
  for (const std::string& left : {std::string("damaged"), std::string(2000, 'x'), std::string(3000, 'x')}) {
    write_file(partial(), left);
    fetch(server_.url("good"));
    EXPECT_EQ(read_file(scratch_.path() / "file"), kFile) << left.size();
    EXPECT_FALSE(fs::exists(partial()));
  }
}

TEST_F(HttpAccess, AnIgnoredRangeCostsNoFurtherRequest) {
  write_file(partial(), kFile.substr(0, 700));
  server_.on("whole", [](Exchange& exchange, const std::string&) { exchange.answer("200 OK", kFile); });
  fetch(server_.url("whole"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(HttpAccess, AnotherRangeThanAskedForIsNotRead) {
  write_file(partial(), kFile.substr(0, 700));
  server_.on("shifted", [](Exchange& exchange, const std::string&) {
    if (!exchange.range()) return exchange.serve(kFile);
    exchange.answer("206 Partial Content", kFile.substr(699), Exchange::content_range(699, kFile.size()));
  });
  fetch(server_.url("shifted"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
  EXPECT_THAT(events_.texts, Contains(HasSubstr("the server answered with another part than was asked for")));
}

// Here the patience is the program's own: what ends these is their size, not their slowness.
TEST_F(HttpAccess, EndlessHeadersEndAtALimit) {
  const auto send_for_ever = [](const std::string& start, const std::string& piece) {
    return [=](Exchange& exchange, const std::string&) {
      exchange.send(start);
      while (exchange.send(piece)) continue;
      exchange.hang_up();
    };
  };
  server_.on("headers", send_for_ever("HTTP/1.1 200 OK\r\n", "X-More: " + std::string(1000, 'x') + "\r\n"));
  server_.on("continues", send_for_ever("", "HTTP/1.1 100 Continue\r\n\r\n"));
  for (const char* name : {"headers", "continues"}) {
    EXPECT_EQ(error_of(server_.url(name)),
              "error[P0004]: hello 1.0 (all): the server's headers do not end\n"
              "  = help: try again; -v shows the addresses; --mirror DISTRIBUTION=URI gives another mirror\n");
  }
}

TEST_F(HttpAccess, APartialFileThatIsWholeNeedsNoServer) {
  write_file(partial(), kFile);
  fetch("http://127.0.0.1:1/none");
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
}

TEST_F(HttpAccess, WhatAnotherProcessFetchesIsWaitedFor) {
  auto other = PartialFile::open(partial());
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(PartialFile::open(partial()), nullptr);
  std::thread finishing([&] {
    std::this_thread::sleep_for(milliseconds(300));
    other->write(kFile);
    other->commit(scratch_.path() / "file");
  });
  fetch(server_.url("good"));
  finishing.join();
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_THAT(events_.texts, Contains("another build is fetching hello 1.0 (all)"));
  EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(HttpAccess, TakesOverWhatADeadProcessWasFetching) {
  const pid_t child = fork();
  if (child == 0) {
    const auto held = PartialFile::open(partial());
    held->write(kFile.substr(0, 500));
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  fetch(server_.url("good"));
  EXPECT_THAT(last_request(), HasSubstr("Range: bytes=500-\r\n"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
}

TEST_F(HttpAccess, OpensSixConnectionsToAHostAtMost) {
  server_.on("slow", [](Exchange& exchange, const std::string&) {
    exchange.waits(milliseconds(30));
    exchange.serve(kFile);
  });
  std::vector<Download> downloads;
  for (int i = 0; i < 24; ++i) {
    downloads.push_back(download(server_.url("slow/" + std::to_string(i)), std::to_string(i)));
    downloads.back().resumes = false;
  }
  download_all(run_, downloads, options_);
  EXPECT_EQ(server_.most_connections(), 6);
}

TEST_F(HttpAccess, SendsNameAndPasswordOfTheUrlAndShowsNeither) {
  const std::string port = std::to_string(server_.port());
  fetch("http://me:" + kSecret + "@127.0.0.1:" + port + "/good");
  EXPECT_THAT(last_request(), HasSubstr("Authorization: Basic " + to_base64("me:" + kSecret) + "\r\n"));
  EXPECT_EQ(
      error_of("http://me:" + kSecret + "@127.0.0.1:" + port + "/refusing"),
      "error[P0004]: hello 1.0 (all): the server answered 401\n"
      "  = help: give a name and a password in apt's auth.conf or auth.conf.d (this user must be able to read it), "
      "or a URI with them to --mirror\n");
  for (const std::string& text : events_.texts) EXPECT_THAT(text, Not(HasSubstr(kSecret)));
}

TEST_F(HttpAccess, SendsTheLoginThatFits) {
  options_.access.logins = {{"http", "127.0.0.1", server_.port(), "/goodness", "no", "no"},
                            {"http", "127.0.0.1", server_.port(), "/good", "me", kSecret}};
  fetch(server_.url("good"));
  EXPECT_THAT(last_request(), HasSubstr("Authorization: Basic " + to_base64("me:" + kSecret) + "\r\n"));
  for (const std::string& text : events_.texts) EXPECT_THAT(text, Not(HasSubstr(kSecret)));
}

TEST_F(HttpAccess, KeepsANameFromTheServerThatARedirectLeadsTo) {
  FaultyServer other;
  other.on("good", [](Exchange& exchange, const std::string&) { exchange.serve(kFile); });
  const std::string elsewhere = other.url("good"), here = server_.url("good");
  server_.on("elsewhere",
             [&](Exchange& x, const std::string&) { x.answer("302 Found", "", "Location: " + elsewhere + "\r\n"); });
  server_.on("here", [&](Exchange& x, const std::string&) { x.answer("302 Found", "", "Location: " + here + "\r\n"); });
  const std::string base = "http://me:" + kSecret + "@127.0.0.1:" + std::to_string(server_.port());
  fetch(base + "/elsewhere");
  EXPECT_THAT(other.requests().back(), Not(HasSubstr("Authorization")));
  fetch(base + "/here");
  EXPECT_THAT(last_request(), HasSubstr("Authorization: Basic " + to_base64("me:" + kSecret) + "\r\n"));
}

TEST_F(HttpAccess, GoesThroughTheProxyOfItsHost) {
  const std::string port = std::to_string(server_.port());
  options_.access.proxies["http"] = {{"", "http://127.0.0.1:1"},
                                     {"archive.invalid", "http://me:" + kSecret + "@127.0.0.1:" + port}};
  fetch("http://archive.invalid/good");
  EXPECT_THAT(last_request(), HasSubstr("GET http://archive.invalid/good HTTP/1.1\r\n"));
  EXPECT_THAT(last_request(), HasSubstr("Proxy-Authorization: Basic " + to_base64("me:" + kSecret) + "\r\n"));
  EXPECT_THAT(error_of("http://other.invalid/good"), HasSubstr("hello 1.0 (all): Couldn't connect to server\n"));
  for (const std::string& text : events_.texts) EXPECT_THAT(text, Not(HasSubstr(kSecret)));
}

TEST_F(HttpAccess, TheEnvironmentsProxyHoldsWhereAptHasNone) {
  setenv("http_proxy", server_.url("").c_str(), 1);
  fetch("http://archive.invalid/good");
  EXPECT_THAT(last_request(), HasSubstr("GET http://archive.invalid/good HTTP/1.1\r\n"));
  setenv("no_proxy", "127.0.0.1", 1);
  fetch(server_.url("good"));
  EXPECT_THAT(last_request(), HasSubstr("GET /good HTTP/1.1\r\n"));
  unsetenv("no_proxy");
  options_.access.proxies["http"][""] = "DIRECT";
  fetch(server_.url("good"));
  EXPECT_THAT(last_request(), HasSubstr("GET /good HTTP/1.1\r\n"));
  unsetenv("http_proxy");
}

TEST_F(HttpAccess, AnErrorOfTheProxyIsNotTheMirrors) {
  server_.on("archive.invalid:443",
             [](Exchange& x, const std::string&) { x.answer("407 Proxy Authentication Required", ""); });
  options_.access.proxies["https"][""] = server_.url("");
  EXPECT_THAT(error_of("https://archive.invalid/good"), HasSubstr("hello 1.0 (all): the proxy answered 407\n"));
}

/// A TLS server that answers every request for /NAME with the bytes of the file NAME, head included.
class TlsServer {
 public:
  explicit TlsServer(const std::map<std::string, std::string>& answers, bool asks_who_comes = false) {
    for (const auto& [name, bytes] : answers) write_file(scratch_.path() / name, bytes);
    Command make;
    make.argv = {"openssl",
                 "req",
                 "-x509",
                 "-newkey",
                 "ec",
                 "-pkeyopt",
                 "ec_paramgen_curve:P-256",
                 "-nodes",
                 "-days",
                 "2",
                 "-subj",
                 "/CN=loopback",
                 "-addext",
                 "subjectAltName=IP:127.0.0.1",
                 "-keyout",
                 (scratch_.path() / "key").string(),
                 "-out",
                 certificate().string()};
    run_or_throw(make);
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0) throw system_error("make a pipe", errno);
    const std::string directory = scratch_.path().string();
    child_ = fork();
    if (child_ == 0) {
      dup2(output[1], STDOUT_FILENO);
      dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
      if (chdir(directory.c_str()) != 0) _exit(126);
      std::vector<const char*> argv = {"openssl",     "s_server", "-accept", "127.0.0.1:0", "-cert",
                                       "certificate", "-key",     "key",     "-HTTP"};
      if (asks_who_comes) argv.insert(argv.end(), {"-Verify", "1", "-verify_return_error", "-CAfile", "certificate"});
      argv.push_back(nullptr);
      execvp("openssl", const_cast<char* const*>(argv.data()));
      _exit(127);
    }
    close(output[1]);
    const Descriptor from_child(output[0]);
    std::string line;
    for (char c = 0; read(from_child.get(), &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
      } else if (line.starts_with("ACCEPT ")) {
        break;
      } else {
        line.clear();
      }
    }
    port_ = line.substr(line.rfind(':') + 1);
  }
  ~TlsServer() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  TlsServer(const TlsServer&) = delete;

  fs::path key() const { return scratch_.path() / "key"; }
  fs::path certificate() const { return scratch_.path() / "certificate"; }
  std::string url(const std::string& name) const { return "https://127.0.0.1:" + port_ + "/" + name; }

 private:
  TemporaryDirectory scratch_{fs::temp_directory_path()};
  pid_t child_ = -1;
  std::string port_;
};

TEST_F(HttpAccess, HoldsToTlsAndItsAuthorities) {
  if (!find_program("openssl")) GTEST_SKIP() << "openssl is not installed";
  const TlsServer tls({{"good", "HTTP/1.0 200 OK\r\nContent-Length: 2000\r\n\r\n" + kFile},
                       {"down", "HTTP/1.0 302 Found\r\nLocation: " + server_.url("good") + "\r\n\r\n"}});
  EXPECT_THAT(error_of(tls.url("good")), HasSubstr("check this machine's clock and its ca-certificates"));
  options_.access.ca_files["127.0.0.1"] = tls.certificate().string();
  fetch(tls.url("good"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
  EXPECT_EQ(error_of(tls.url("down")),
            "error[P0012]: hello 1.0 (all): the server redirects from https to http\n"
            "  = help: try again; -v shows the addresses; --mirror DISTRIBUTION=URI gives another mirror\n");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(HttpAccess, SaysWhoAsksByItsCertificate) {
  if (!find_program("openssl")) GTEST_SKIP() << "openssl is not installed";
  const TlsServer tls({{"good", "HTTP/1.0 200 OK\r\nContent-Length: 2000\r\n\r\n" + kFile}}, true);
  options_.access.ca_files[""] = tls.certificate().string();
  EXPECT_THAT(error_of(tls.url("good")), HasSubstr("error[P0004]: hello 1.0 (all): "));
  options_.access.client_certificates["127.0.0.1"] = tls.certificate().string();
  options_.access.client_keys["127.0.0.1"] = tls.key().string();
  fetch(tls.url("good"));
  EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
}

/// How long the client waits before it asks again, as it tells.
class RetryAfter : public HttpAccess {
 protected:
  std::string told_of(const std::string& status, const std::string& value) {
    server_.on("later", [&](Exchange& exchange, const std::string&) {
      if (exchange.attempt() > 1) return exchange.serve(kFile);
      exchange.answer(status, "later\n", value.empty() ? "" : "Retry-After: " + value + "\r\n");
    });
    events_.texts.clear();
    fetch(server_.url("later/" + std::to_string(++count_)));
    EXPECT_EQ(read_file(scratch_.path() / "file"), kFile);
    const auto again = std::find_if(events_.texts.begin(), events_.texts.end(), [](const std::string& text) {
      return text.find("trying again") != std::string::npos;
    });
    return again == events_.texts.end() ? "" : *again;
  }
  int count_ = 0;
};

TEST_F(RetryAfter, IsHeldToAsFarAsPatienceGoes) {
  options_.longest_wait = milliseconds(20);
  const std::string said = "hello 1.0 (all): the server answered 503; trying again ";
  EXPECT_EQ(told_of("503 Busy", ""), said);
  EXPECT_EQ(told_of("503 Busy", "3600"), said + "in 0.02 s: the server asks for 3600 s");
  EXPECT_EQ(told_of("429 Slowly", "7"),
            "hello 1.0 (all): the server answered 429; trying again in 0.02 s: the server asks for 7 s");
  EXPECT_EQ(told_of("503 Busy", "Thu, 31 Dec 2099 23:59:59 GMT"), said + "in 0.02 s: the server asks for 86400 s");
  for (const char* nothing : {"0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"})
    EXPECT_EQ(told_of("503 Busy", nothing), said);
  EXPECT_EQ(told_of("500 Broken", "7"), "hello 1.0 (all): the server answered 500; trying again ");
}

TEST_F(RetryAfter, IsWaitedFor) {
  const auto start = std::chrono::steady_clock::now();
  told_of("503 Busy", "1");
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(1000));
}

TEST_F(HttpAccess, OldPartsAreRemovedUnlessSomebodyHasThemOpen) {
  const auto part = [&](const std::string& name, int days) {
    const fs::path path = scratch_.path() / (name + ".partial");
    write_file(path, "bytes");
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
    return path;
  };
  const fs::path young = part("young", 1), old = part("old", 15), open = part("open", 15);
  write_file(scratch_.path() / "old.deb", "whole");
  fs::last_write_time(scratch_.path() / "old.deb", fs::file_time_type::clock::now() - std::chrono::hours(24 * 99));
  fs::create_directory(scratch_.path() / "folder.partial");
  fs::create_symlink("old.deb", scratch_.path() / "link.partial");
  const auto held = PartialFile::open(open);
  PartialFile::remove_older(scratch_.path(), std::chrono::hours(24 * 14));
  EXPECT_FALSE(fs::exists(old));
  for (const fs::path& kept : {young, open, scratch_.path() / "old.deb", scratch_.path() / "folder.partial"}) {
    EXPECT_TRUE(fs::exists(kept)) << kept;
  }
  PartialFile::remove_older(scratch_.path() / "nowhere", std::chrono::hours(1));
}

TEST(ServerUrl, IsTakenApart) {
  const auto url = parse_url("HTTP://me:a%20b@Archive.invalid:8080/debian/dists");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->host, "archive.invalid");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->path, "/debian/dists");
  EXPECT_EQ(url->user + "/" + url->password, "me/a b");
  EXPECT_THAT(url->plain, Not(HasSubstr("me")));
  EXPECT_FALSE(parse_url("http://"));
  EXPECT_EQ(without_secrets("https://me:pw@archive.invalid/x"), "https://archive.invalid/x");
  EXPECT_EQ(without_secrets("pw"), "(not a URL)");
}

TEST(ServerAccess, FindsAHostsProxyBeforeTheGeneralOne) {
  ServerAccess access;
  access.proxies["http"] = {{"", "http://general.invalid"}, {"near.invalid", "direct"}};
  access.proxies["https"] = {{"", "http://tls.invalid"}};
  const auto proxy = [&](const char* url) { return access.proxy_for(*parse_url(url)); };
  EXPECT_EQ(proxy("http://far.invalid/x"), "http://general.invalid");
  EXPECT_EQ(proxy("http://near.invalid/x"), "");
  EXPECT_EQ(proxy("https://far.invalid/x"), "http://tls.invalid");
  EXPECT_EQ(proxy("https://near.invalid/x"), "");
  access.proxies.erase("https");
  EXPECT_EQ(proxy("https://far.invalid/x"), "http://general.invalid");
  EXPECT_EQ(ServerAccess().proxy_for(*parse_url("http://far.invalid")), std::nullopt);
}

}  // namespace
}  // namespace ainode
