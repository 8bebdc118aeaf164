// SPDX-License-Identifier: Apache-2.0
// Key directories: whole, private, found by name or by environment, never replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/outputs/openpgp.h"
#include "builder/outputs/outputs.h"

namespace ainode {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

unsigned mode_of(const fs::path& path) {
  struct stat status = {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  return names;
}

class Keys : public testing::Test {
 protected:
  Keys() : config_("/tmp", "ainode-keys-test-") { setenv("XDG_CONFIG_HOME", config_.path().c_str(), 1); }
  ~Keys() override { unsetenv("XDG_CONFIG_HOME"); }

  fs::path keys() const { return config_.path() / "ainode/keys"; }
  // A directory with the files' names; most tests need no real key.
  fs::path plant(const std::string& name) {
    fs::create_directories(keys() / name);
    for (const char* file : {"openpgp.asc", "ed25519.pem", "ecdsa-p256.pem"})
      write_file(keys() / name / file, "secret", 0600);
    return keys() / name;
  }
  template <class Body>
  Error error_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error;
    }
    return {codes::usage_error, "no error"};
  }

  TemporaryDirectory config_;
  RunContext run_{silent_events()};
};

TEST_F(Keys, AppearWholeAndPrivate) {
  const KeyDirectory key = generate_key(run_, "ci-release", "Release <release@example.org>");
  EXPECT_EQ(key.path, keys() / "ci-release");
  EXPECT_THAT(names_in(keys()), UnorderedElementsAre("ci-release"));
  EXPECT_THAT(names_in(key.path), UnorderedElementsAre("openpgp.asc", "openpgp.pub.asc", "ed25519.pem",
                                                       "ed25519.pub.pem", "ecdsa-p256.pem", "ecdsa-p256.pub.pem"));
  EXPECT_EQ(mode_of(key.path), 0700U);
  for (const char* file : {"openpgp.asc", "ed25519.pem", "ecdsa-p256.pem"}) EXPECT_EQ(mode_of(key.path / file), 0600U);
  EXPECT_EQ(find_key("ci-release").path, key.path);
}

TEST_F(Keys, HavePublicHalvesThatFit) {
  const KeyDirectory key = generate_key(run_, "dev", "Development");
  const auto secret = PrivateKey::from_pem(read_file(key.path / "ed25519.pem"), "ed25519.pem");
  EXPECT_TRUE(secret.is_ed25519());
  EXPECT_EQ(ed25519_public_from_pem(read_file(key.path / "ed25519.pub.pem"), "ed25519.pub.pem"), secret.raw_public());
  EXPECT_EQ(PrivateKey::from_pem(read_file(key.path / "ecdsa-p256.pem"), "p").public_pem(),
            read_file(key.path / "ecdsa-p256.pub.pem"));
  const auto signature = sign_openpgp(read_file(key.path / "openpgp.asc"), "openpgp.asc", "bytes", 1757145600);
  EXPECT_EQ(verify_openpgp(read_file(key.path / "openpgp.pub.asc"), "bytes", signature.signature),
            OpenPgpVerdict::good);
}

TEST_F(Keys, AreNeverReplaced) {
  const fs::path path = plant("dev");
  const Error error = error_of([&] { generate_key(run_, "dev", "Development"); });
  EXPECT_EQ(error.code().id, codes::key_exists.id);
  EXPECT_EQ(error.message(), "key `dev` exists already in " + path.string());
  EXPECT_EQ(read_file(path / "openpgp.asc"), "secret");
}

TEST_F(Keys, AreNotReplacedWhenOnlyAnEmptyDirectoryIsThere) {
  fs::create_directories(keys() / "dev");
  EXPECT_EQ(error_of([&] { generate_key(run_, "dev", "Development"); }).code().id, codes::key_exists.id);
  EXPECT_THAT(names_in(keys()), UnorderedElementsAre("dev"));
}

TEST_F(Keys, ThatAreMissingNameTheCure) {
  const Error error = error_of([] { find_key("release"); });
  EXPECT_EQ(error.code().id, codes::key_missing.id);
  EXPECT_EQ(error.message(), "there is no key `release`: " + (keys() / "release").string() + " does not exist");
  EXPECT_EQ(error.hint(), "make it with `ainode key gen release`, or name its directory in AINODE_KEY_RELEASE");
}

TEST_F(Keys, ThatAreEmptyAreMissing) {
  fs::create_directories(keys() / "dev");
  EXPECT_EQ(error_of([] { find_key("dev"); }).message(),
            "there is no key `dev`: " + (keys() / "dev").string() + " holds none of its files");
}

TEST_F(Keys, ThatOthersCanReadAreRefused) {
  const fs::path path = plant("dev");
  for (const auto& [file, mode] : {std::pair{"openpgp.asc", 0644}, {"ed25519.pem", 0640}, {"ecdsa-p256.pem", 0602}}) {
    chmod((path / file).c_str(), static_cast<mode_t>(mode));
    const Error error = error_of([] { find_key("dev"); });
    EXPECT_EQ(error.code().id, codes::key_permissions.id);
    EXPECT_THAT(error.message(), HasSubstr((path / file).string() + " can be read by others (mode 06"));
    EXPECT_EQ(error.hint(), "chmod 600 " + (path / file).string());
    chmod((path / file).c_str(), 0600);
  }
  EXPECT_EQ(find_key("dev").name, "dev");
}

/// The whole text, as a user of a recipe that names the key sees it; AINODE_ACCEPT=1 writes it anew.
TEST_F(Keys, ThatOthersCanReadAreToldAsExpected) {
  const fs::path expected = fs::path(AINODE_SOURCE_DIR) / "tests/cases/keys/secret-file-0644.expected";
  const fs::path path = plant("release");
  chmod((path / "ed25519.pem").c_str(), 0644);
  std::string actual = render(error_of([] { find_key("release"); }));
  for (std::size_t at = 0; (at = actual.find(keys().string())) != std::string::npos;)
    actual.replace(at, keys().string().size(), "KEYS");
  if (std::getenv("AINODE_ACCEPT")) write_file(expected, actual);
  EXPECT_EQ(actual, read_file(expected));
}

TEST_F(Keys, MayLieWhereTheEnvironmentSays) {
  const fs::path path = plant("elsewhere");
  setenv("AINODE_KEY_CI_RELEASE", path.c_str(), 1);
  EXPECT_EQ(find_key("ci-release").path, path);
  unsetenv("AINODE_KEY_CI_RELEASE");
  EXPECT_EQ(error_of([] { find_key("ci-release"); }).code().id, codes::key_missing.id);
}

TEST_F(Keys, HaveNamesThatStayInTheirDirectory) {
  for (const char* name : {"", "..", "../dev", "a/b", "-dev", "Dev", "a\nb"}) {
    const Error error = error_of([&] { find_key(name); });
    EXPECT_EQ(error.code().id, codes::bad_value.id) << name;
    EXPECT_EQ(error.message(), "`" + printable(name) + "` cannot be a key's name");
  }
}

TEST_F(Keys, LeaveNothingWhenGpgFails) {
  EXPECT_EQ(error_of([&] { generate_key(run_, "dev", ""); }).code().id, codes::process_failed.id);
  EXPECT_THAT(names_in(keys()), UnorderedElementsAre());
}

TEST_F(Keys, RefuseAUserIdWithControlCharacters) {
  EXPECT_EQ(error_of([&] { generate_key(run_, "dev", "a\nb"); }).message(), "a key's user id with control characters");
}

}  // namespace
}  // namespace ainode
