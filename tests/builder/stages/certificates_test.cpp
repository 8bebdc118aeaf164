// SPDX-License-Identifier: Apache-2.0
// Certificates made natively, held against this host's own update-ca-certificates(8).
#include "builder/stages/certificates.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/crypto.h"
#include "base/files.h"
#include "base/process.h"

namespace ainode {
namespace {

namespace fs = std::filesystem;
using Made = std::map<std::string, std::string>;  ///< name → content, or "-> target"

constexpr const char* kHostScript = "/usr/sbin/update-ca-certificates";
const std::string kShipped = "usr/share/ca-certificates";

void run(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  run_or_throw(command);
}

/// A self-signed certificate of that subject, another one each time.
std::string new_certificate(const fs::path& directory, const std::string& subject) {
  const std::string file = directory / "made.pem", key = directory / "made.key";
  run({"openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-utf8", "-subj", subject, "-keyout", key, "-out",
       file, "-days", "9"});
  return read_file(file);
}

/// Certificates, a list and a script, in a directory for the host's program and in a tree for ours.
class Certificates : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / kShipped / "mozilla");
    fs::create_directories(root_ / "certs");
    fs::create_directories(root_ / "local");
    tree_.make_directories("etc/ssl/certs");
    put("usr/sbin/update-ca-certificates", "the script");
  }

  void put(const std::string& path, const std::string& text) {
    Store::Transaction transaction(store_);
    tree_.put_file(path, store_.write_text(text), "a package");
    transaction.commit();
  }
  void put_certificate(const std::string& name, const std::string& text) {
    put(kShipped + "/" + name, text);
    std::ofstream(root_ / kShipped / name) << text;
  }
  void put_list(const std::string& text) {
    put("etc/ca-certificates.conf", text);
    std::ofstream(root_ / "list") << text;
  }

  std::optional<Generated> make() {
    Store::Transaction transaction(store_);
    auto made = make_certificates_as(store_, tree_, sha256_hex("the script"));
    transaction.commit();
    return made;
  }
  Made made_by_us() {
    Made made;
    const auto generated = make();
    if (!generated) return {{"nothing", ""}};
    generated->changes.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
      const FileObject object = store_.read_file(file.checksum);
      made[fs::path(path).filename()] = (object.is_symlink ? "-> " : "") + object.content;
    });
    return made;
  }
  Made made_by_the_host() {
    run({kHostScript, "--certsconf", root_ / "list", "--certsdir", root_ / kShipped, "--localcertsdir", root_ / "local",
         "--etccertsdir", root_ / "certs", "--hooksdir", ""});
    Made made;
    for (const auto& entry : fs::directory_iterator(root_ / "certs")) {
      std::string& what = made[entry.path().filename()];
      what = entry.is_symlink() ? "-> " + fs::read_symlink(entry).string() : read_file(entry.path());
      if (const std::size_t prefix = what.find(root_.string()); prefix != std::string::npos)
        what.erase(prefix, root_.string().size());
    }
    return made;
  }

  TemporaryDirectory directory_{"/tmp", "ainode-certificates-test-"};
  fs::path root_ = directory_.path() / "root";
  Store store_{directory_.path() / "store"};
  Tree tree_;
};

TEST_F(Certificates, AreWhatTheHostsProgramMakes) {
  const std::string first = new_certificate(directory_.path(), "/O=Ex\xc3\xa4mple/CN=One");
  const std::string namesake = new_certificate(directory_.path(), "/O=Ex\xc3\xa4mple/CN=One");
  ASSERT_NE(first, namesake);
  put_certificate("mozilla/Namesake.crt", namesake);
  put_certificate("mozilla/A Root, 1 (old).crt", first);
  put_certificate("mozilla/Zopy.crt", first);
  put_certificate("mozilla/F\xc5\x91.crt", new_certificate(directory_.path(), "/CN=With an odd name"));
  std::string cut = new_certificate(directory_.path(), "/C=XX/CN=Cut");
  cut.pop_back();
  put_certificate("cut.crt", cut);
  put_certificate("mozilla/Not trusted.crt", new_certificate(directory_.path(), "/CN=Not trusted"));
  put_list(
      "# comment\n\nmozilla/Namesake.crt\ncut.crt\n!mozilla/Not trusted.crt\nmozilla/Zopy.crt\n"
      "mozilla/F\xc5\x91.crt\nmozilla/A Root, 1 (old).crt\n");
  const Made ours = made_by_us();
  EXPECT_EQ(ours, made_by_the_host());
  EXPECT_EQ(ours.size(), 5U + 4U + 1U);  // a link by name for each, by hash but for the copy, and the bundle
}

TEST_F(Certificates, AreLeftToTheProgramWhereThisIsNotTheKnownCase) {
  put_certificate("mozilla/One.crt", new_certificate(directory_.path(), "/CN=One"));
  put_list("mozilla/One.crt\n");
  ASSERT_TRUE(make());
  EXPECT_FALSE(make_certificates(store_, tree_)) << "another script";
  const auto is_left_with = [&](const std::string& path, const std::string& text) {
    Tree kept = tree_.clone();
    put(path, text);
    const bool is_left = !make();
    tree_ = std::move(kept);
    return is_left;
  };
  const std::string one = store_.read_text(tree_, kShipped + "/mozilla/One.crt");
  EXPECT_TRUE(is_left_with("etc/ssl/certs/mine.pem", one));
  EXPECT_TRUE(is_left_with("usr/local/share/ca-certificates/mine.crt", one));
  EXPECT_TRUE(is_left_with("etc/ca-certificates/update.d/hook", "#!/bin/sh\n"));
  EXPECT_TRUE(is_left_with("etc/ca-certificates.conf", "mozilla/One.crt\nmozilla/Absent.crt\n"));
  EXPECT_TRUE(is_left_with("etc/ca-certificates.conf", "mozilla/One.crt\nmozilla/One.crt\n"));
  EXPECT_TRUE(is_left_with("etc/ca-certificates.conf", "mozilla/One.crt"));
  EXPECT_TRUE(is_left_with("etc/ca-certificates.conf", "# none\n"));
  EXPECT_TRUE(is_left_with(kShipped + "/mozilla/One.crt", one + one));
  EXPECT_TRUE(is_left_with(kShipped + "/mozilla/One.crt", "no certificate\n"));
  EXPECT_FALSE(is_left_with("usr/share/other", "text"));
}

}  // namespace
}  // namespace ainode
