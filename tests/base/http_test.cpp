// SPDX-License-Identifier: Apache-2.0
// Downloads from a loopback server that misbehaves on request.
#include "base/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "tests/mirror/loopback_mirror.h"

namespace ainode {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kHelloSize = 6;

class Http : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LoopbackMirror(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  Download download(const std::string& name) const {
    Download download;
    download.url = server_->server() + "/http/" + name;
    download.subject = "hello 1.0 (all)";
    download.destination = scratch_.path() / "hello";
    download.size = kHelloSize;
    download.sha256 = sha256_hex("hello\n");
    return download;
  }

  std::string error_of(const Download& download, const ErrorCode& code) {
    try {
      download_all(run_, {download}, options_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code().id, code.id) << error.what();
      EXPECT_THAT(error.message(), Not(HasSubstr("127.0.0.1")));
      return error.message();
    }
    return "no error";
  }

  std::vector<std::string> files_left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(scratch_.path())) names.push_back(entry.path().filename());
    return names;
  }

  static LoopbackMirror* server_;
  TemporaryDirectory scratch_{fs::temp_directory_path()};
  RunContext run_{silent_events()};
  FetchOptions options_ = [] {
    FetchOptions options;
    options.back_off = std::chrono::milliseconds(5);
    return options;
  }();
};

LoopbackMirror* Http::server_ = nullptr;

TEST_F(Http, StoresWhatHasTheRightSizeAndDigest) {
  download_all(run_, {download("good")});
  EXPECT_EQ(read_file(scratch_.path() / "hello"), "hello\n");
}

TEST_F(Http, FollowsRedirects) {
  download_all(run_, {download("redirect")});
  EXPECT_EQ(read_file(scratch_.path() / "hello"), "hello\n");
}

TEST_F(Http, TriesAgainAfterServerErrors) {
  download_all(run_, {download("once-503")});
  EXPECT_EQ(read_file(scratch_.path() / "hello"), "hello\n");
}

TEST_F(Http, GivesUpAfterThreeServerErrors) {
  EXPECT_EQ(error_of(download("always-503"), codes::network_failed), "hello 1.0 (all): the server answered 503");
  EXPECT_THAT(files_left(), IsEmpty());
}

TEST_F(Http, RefusesWrongBytes) {
  Download wrong = download("good");
  wrong.sha256 = sha256_hex("other\n");
  EXPECT_EQ(error_of(wrong, codes::checksum_mismatch),
            "hello 1.0 (all): has SHA-256 " + sha256_hex("hello\n") + ", but its index declares " + wrong.sha256);
  EXPECT_THAT(files_left(), IsEmpty());
}

TEST_F(Http, RefusesLessThanDeclared) {
  Download larger = download("good");
  larger.size = 7;
  EXPECT_EQ(error_of(larger, codes::size_mismatch), "hello 1.0 (all): got 6 bytes, but its index declares 7");
}

TEST_F(Http, RefusesMoreThanDeclared) {
  EXPECT_EQ(error_of(download("endless"), codes::size_mismatch),
            "hello 1.0 (all): is larger than the 6 bytes that its index declares");
  EXPECT_THAT(files_left(), IsEmpty());
}

TEST_F(Http, NoticesATruncatedAnswer) {
  EXPECT_EQ(error_of(download("short"), codes::network_failed), "hello 1.0 (all): Transferred a partial file");
  EXPECT_THAT(files_left(), IsEmpty());
}

TEST_F(Http, KeepsTheOldFileWhenADownloadFails) {
  write_file(scratch_.path() / "hello", "old\n");
  error_of(download("always-503"), codes::network_failed);
  EXPECT_EQ(read_file(scratch_.path() / "hello"), "old\n");
}

TEST_F(Http, RefusesEndlessRedirects) {
  EXPECT_EQ(error_of(download("redirect-loop"), codes::redirect_refused),
            "hello 1.0 (all): the server redirects more than 5 times");
}

TEST_F(Http, NeverFollowsARedirectToAFile) {
  EXPECT_EQ(error_of(download("redirect-to-file"), codes::redirect_refused),
            "hello 1.0 (all): the server redirects to something other than http or https");
}

TEST_F(Http, NamesTheSubjectWhenNobodyListens) {
  Download nowhere = download("good");
  nowhere.url = "http://127.0.0.1:1/hello";
  EXPECT_EQ(error_of(nowhere, codes::network_failed), "hello 1.0 (all): Couldn't connect to server");
}

TEST_F(Http, TouchesNoNetworkWhenOffline) {
  run_.offline = true;
  EXPECT_EQ(error_of(download("good"), codes::offline),
            "hello 1.0 (all) must be downloaded, but this build is offline");
}

TEST_F(Http, ReadsFileUrls) {
  write_file(scratch_.path() / "source", "hello\n");
  Download local = download("good");
  local.url = "file://" + (scratch_.path() / "source").string();
  download_all(run_, {local});
  EXPECT_EQ(read_file(scratch_.path() / "hello"), "hello\n");
}

TEST_F(Http, TextIsNothingWhenTheServerHasNone) {
  EXPECT_EQ(fetch_text(run_, server_->server() + "/http/missing", "a text", 100), std::nullopt);
}

TEST_F(Http, TextHasALimit) {
  EXPECT_EQ(fetch_text(run_, server_->server() + "/http/good", "a text", kHelloSize), "hello\n");
  try {
    fetch_text(run_, server_->server() + "/http/good", "a text", kHelloSize - 1);
    FAIL() << "accepted more than the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "a text: is larger than 5 bytes, the most that is allowed");
  }
}

// The server says nothing for 20 s; only an interrupt ends the wait with this error.
TEST_F(Http, AnswersAnInterrupt) {
  const pid_t child = fork();
  if (child == 0) {
    install_interrupt_handlers();
    signal(SIGALRM, [](int) { raise(SIGINT); });
    ualarm(200000, 0);
    try {
      download_all(run_, {download("silent")});
    } catch (const Error& error) {
      _exit(error.code().id == codes::interrupted.id && files_left().empty() ? 42 : 1);
    }
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST_F(Http, ReportsProgressInBytes) {
  struct LastProgress : EventSink {
    void on_event(const Event& event) override {
      if (event.kind == Event::Kind::progress) last = event;
    }
    Event last{};
  } sink;
  RunContext run{sink};
  download_all(run, {download("good")});
  EXPECT_EQ(sink.last.done, kHelloSize);
  EXPECT_EQ(sink.last.total, kHelloSize);
  EXPECT_EQ(sink.last.unit, "B");
}

}  // namespace
}  // namespace ainode
