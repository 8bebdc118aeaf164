// SPDX-License-Identifier: Apache-2.0
// Signatures over commit bytes: deterministic, readable by gpg itself, and refused when anything was changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "builder/outputs/openpgp.h"
#include "builder/outputs/outputs.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {
namespace {

using testing::HasSubstr;

const std::string kCommit("the raw bytes of a commit\0with a zero", 37);
constexpr std::int64_t kEpoch = 1757145600;

class Signing : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    config_ = new TemporaryDirectory("/tmp", "ainode-sign-test-");
    setenv("XDG_CONFIG_HOME", config_->path().c_str(), 1);
    RunContext run{silent_events()};
    key_ = generate_key(run, "dev", "Development");
    other_ = generate_key(run, "other", "Somebody else");
    unsetenv("XDG_CONFIG_HOME");
    signed_ = sign_commit_bytes(kCommit, key_, key_, kEpoch);
  }
  static void TearDownTestSuite() {
    delete config_;
    config_ = nullptr;
  }

  static std::string refusal(const std::string& bytes, const SignedBytes& with) {
    try {
      verify_commit_signatures(bytes, with.signatures, with.keys.openpgp_public, with.keys.ed25519_public);
    } catch (const Error& error) {
      return std::string(error.code().id) + " " + error.message();
    }
    return "no error";
  }
  static std::string openpgp_file(const char* name) { return (key_.path / name).string(); }

  static inline TemporaryDirectory* config_ = nullptr;
  static inline KeyDirectory key_, other_;
  static inline SignedBytes signed_;
};

TEST_F(Signing, IsDeterministic) {
  const SignedBytes again = sign_commit_bytes(kCommit, key_, key_, kEpoch);
  EXPECT_EQ(again.signatures, signed_.signatures);
  EXPECT_EQ(again.keys.openpgp_public, signed_.keys.openpgp_public);
}

std::size_t mounts_on_shared_memory() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::size_t count = 0;
  for (std::string id, parent, device, root, target, rest;
       mounts >> id >> parent >> device >> root >> target && std::getline(mounts, rest);)
    count += target == "/dev/shm";
  return count;
}

/// The home in this process's own memory over /dev/shm.
std::string home_in_shared_memory() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/dev/shm", ignored))
    if (entry.path().filename().string().starts_with("ainode-gpg-")) return entry.path();
  return "";
}

TEST_F(Signing, KilledInABuildLeavesNoSecretBehind) {
  const TemporaryDirectory scratch("/tmp");
  const fs::path told = scratch.path() / "home";
  const int status = in_user_namespace([&]() -> int {
    std::thread([&, before = mounts_on_shared_memory()] {
      for (;;) {  // killed as soon as the home holds the imported key
        const std::string home = mounts_on_shared_memory() > before ? home_in_shared_memory() : "";
        if (home.empty() || access((home + "/pubring.kbx").c_str(), F_OK) != 0) continue;
        write_file(told, home);
        kill(getpid(), SIGKILL);
      }
    }).detach();
    sign_commit_bytes(kCommit, key_, key_, kEpoch);
    return 0;
  });
  ASSERT_EQ(status, 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(read_file(told))) << read_file(told);
}

TEST_F(Signing, DependsOnTheEpochInOpenPgpAlone) {
  const SignedBytes later = sign_commit_bytes(kCommit, key_, key_, kEpoch + 1);
  EXPECT_NE(later.signatures.at("ostree.gpgsigs"), signed_.signatures.at("ostree.gpgsigs"));
  EXPECT_EQ(later.signatures.at("ostree.sign.ed25519"), signed_.signatures.at("ostree.sign.ed25519"));
}

TEST_F(Signing, GivesOneSignatureOfEachKind) {
  ASSERT_EQ(signed_.signatures.size(), 2U);
  ASSERT_EQ(signed_.signatures.at("ostree.sign.ed25519").size(), 1U);
  EXPECT_EQ(signed_.signatures.at("ostree.sign.ed25519")[0].size(), 64U);
  EXPECT_EQ(signed_.signatures.at("ostree.gpgsigs").size(), 1U);
  EXPECT_THAT(signed_.keys.openpgp_fingerprint, testing::MatchesRegex("[0-9A-F]{40}"));
  EXPECT_EQ(from_base64(signed_.keys.ed25519_public).size(), 32U);
}

TEST_F(Signing, IsAcceptedByGpgItself) {
  const TemporaryDirectory home("/tmp");
  write_file(home.path() / "commit", kCommit);
  write_file(home.path() / "signature", signed_.signatures.at("ostree.gpgsigs")[0]);
  const auto gpg = [&](std::vector<std::string> arguments) {
    Command command;
    command.argv = {"gpg", "--batch", "--no-autostart", "--homedir", home.path(), "--status-fd", "1"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return run_or_throw(command);
  };
  gpg({"--import", openpgp_file("openpgp.pub.asc")});
  const std::string status = gpg({"--verify", home.path() / "signature", home.path() / "commit"});
  // VALIDSIG fingerprint date timestamp expiry version reserved algorithm (22: EdDSA) hash (10: SHA-512) class
  EXPECT_THAT(status, HasSubstr("[GNUPG:] VALIDSIG " + signed_.keys.openpgp_fingerprint +
                                " 2025-09-06 1757145600 0 4 0 22 10 00 "));
}

TEST_F(Signing, LeavesNoAgentBehind) {
  sign_commit_bytes(kCommit, key_, key_, kEpoch);
  for (const auto& process : fs::directory_iterator("/proc")) {
    std::ifstream file(process.path() / "cmdline", std::ios::binary);
    std::string line((std::istreambuf_iterator<char>(file)), {});
    const std::size_t home = line.find("/ainode-gpg-");
    if (line.find("gpg-agent") == std::string::npos || home == std::string::npos) continue;
    // Another program may be signing at this moment; an agent that was left behind has lost its home.
    std::replace(line.begin(), line.end(), '\0', ' ');
    const std::size_t start = line.rfind(' ', home) + 1;
    EXPECT_TRUE(fs::exists(line.substr(start, line.find(' ', home) - start))) << line;
  }
}

TEST_F(Signing, VerifiesWhatItSigned) {
  EXPECT_EQ(refusal(kCommit, signed_), "no error");
}

TEST_F(Signing, MayComeFromTwoKeyDirectories) {
  const SignedBytes mixed = sign_commit_bytes(kCommit, key_, other_, kEpoch);
  EXPECT_EQ(refusal(kCommit, mixed), "no error");
  EXPECT_EQ(mixed.keys.openpgp_fingerprint, signed_.keys.openpgp_fingerprint);
  EXPECT_NE(mixed.keys.ed25519_public, signed_.keys.ed25519_public);
}

TEST_F(Signing, RefusesAChangedCommit) {
  std::string changed = kCommit;
  changed.back() ^= 1;
  EXPECT_EQ(refusal(changed, signed_), "T0031 the OpenPGP signature of commit " + sha256_hex(changed) + " is wrong");
}

TEST_F(Signing, RefusesACommitWithoutOneOfItsSignatures) {
  const std::string commit = sha256_hex(kCommit);
  SignedBytes stripped = signed_;
  stripped.signatures.erase("ostree.gpgsigs");
  EXPECT_EQ(refusal(kCommit, stripped), "T0030 commit " + commit + " has no OpenPGP signature");
  stripped = signed_;
  stripped.signatures["ostree.sign.ed25519"].clear();
  EXPECT_EQ(refusal(kCommit, stripped), "T0030 commit " + commit + " has no ed25519 signature");
}

TEST_F(Signing, RefusesAnotherKey) {
  const std::string commit = sha256_hex(kCommit);
  const SignedBytes foreign = sign_commit_bytes(kCommit, other_, other_, kEpoch);
  SignedBytes mixed = signed_;
  mixed.keys.openpgp_public = foreign.keys.openpgp_public;
  EXPECT_EQ(refusal(kCommit, mixed), "T0031 the OpenPGP signature of commit " + commit + " is by another key");
  mixed = signed_;
  mixed.keys.ed25519_public = foreign.keys.ed25519_public;
  EXPECT_EQ(refusal(kCommit, mixed), "T0031 the ed25519 signature of commit " + commit + " is wrong or by another key");
}

TEST_F(Signing, AcceptsAForeignSignatureBesideItsOwn) {
  const SignedBytes foreign = sign_commit_bytes(kCommit, other_, other_, kEpoch);
  SignedBytes both = signed_;
  for (auto& [kind, list] : both.signatures) list.insert(list.begin(), foreign.signatures.at(kind)[0]);
  EXPECT_EQ(refusal(kCommit, both), "no error");
}

TEST_F(Signing, RefusesASignatureThatWasCopiedCutOrDamaged) {
  const std::string commit = sha256_hex(kCommit);
  SignedBytes damaged = signed_;
  damaged.signatures["ostree.sign.ed25519"][0].pop_back();
  EXPECT_EQ(refusal(kCommit, damaged),
            "T0031 the ed25519 signature of commit " + commit + " is wrong or by another key");
  damaged = signed_;
  damaged.signatures["ostree.gpgsigs"] =
      sign_commit_bytes("another commit", key_, key_, kEpoch).signatures["ostree.gpgsigs"];
  EXPECT_EQ(refusal(kCommit, damaged), "T0031 the OpenPGP signature of commit " + commit + " is wrong");
  damaged = signed_;
  damaged.signatures["ostree.gpgsigs"][0].resize(20);
  EXPECT_EQ(refusal(kCommit, damaged), "T0031 the OpenPGP signature of commit " + commit + " cannot be read");
  damaged.signatures["ostree.gpgsigs"][0] = "";
  EXPECT_EQ(refusal(kCommit, damaged), "T0031 the OpenPGP signature of commit " + commit + " cannot be read");
}

TEST_F(Signing, RefusesEveryChangedByteOfTheOpenPgpSignature) {
  const std::string& signature = signed_.signatures.at("ostree.gpgsigs")[0];
  for (std::size_t at = 0; at < signature.size(); at += 9) {
    std::string changed = signature;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    // A change in the unhashed part leaves the signature right; only what is signed must hold.
    const bool is_good = verify_openpgp(signed_.keys.openpgp_public, kCommit, changed) == OpenPgpVerdict::good;
    const bool is_good_for_others =
        verify_openpgp(signed_.keys.openpgp_public, "other", changed) == OpenPgpVerdict::good;
    EXPECT_FALSE(is_good_for_others) << at;
    EXPECT_FALSE(is_good && at + 64 >= signature.size()) << at;
  }
}

std::string signing_error(const KeyDirectory& openpgp, const KeyDirectory& ed25519, std::int64_t epoch = kEpoch) {
  try {
    sign_commit_bytes(kCommit, openpgp, ed25519, epoch);
  } catch (const Error& error) {
    return std::string(error.code().id) + " " + error.message();
  }
  return "no error";
}

TEST_F(Signing, NamesTheKeyFileThatIsWrong) {
  const TemporaryDirectory directory("/tmp");
  const KeyDirectory broken{"broken", directory.path()};
  const std::string base = directory.path().string();
  EXPECT_EQ(signing_error(broken, key_), "T0020 key `broken` is incomplete: " + base + "/openpgp.asc does not exist");
  EXPECT_EQ(signing_error(key_, broken), "T0020 key `broken` is incomplete: " + base + "/ed25519.pem does not exist");
  write_file(directory.path() / "openpgp.asc", "hello", 0600);
  EXPECT_EQ(signing_error(broken, key_), "T0021 " + base + "/openpgp.asc does not hold an OpenPGP secret key");
  write_file(directory.path() / "openpgp.asc", read_file(key_.path / "openpgp.pub.asc"), 0600);
  EXPECT_EQ(signing_error(broken, key_), "T0021 " + base + "/openpgp.asc holds 0 OpenPGP secret keys, not one");
  write_file(directory.path() / "openpgp.asc",
             read_file(key_.path / "openpgp.asc") + read_file(other_.path / "openpgp.asc"), 0600);
  EXPECT_EQ(signing_error(broken, key_), "T0021 " + base + "/openpgp.asc holds 2 OpenPGP secret keys, not one");
  write_file(directory.path() / "ed25519.pem", read_file(key_.path / "ecdsa-p256.pem"), 0600);
  EXPECT_EQ(signing_error(key_, broken), "T0021 " + base + "/ed25519.pem is not an ed25519 key");
}

TEST_F(Signing, RefusesATimeBeforeTheKey) {
  EXPECT_EQ(signing_error(key_, key_, 1'500'000'000),
            "T0024 gpg could not sign with " + openpgp_file("openpgp.asc") + " at time 1500000000");
}

// Made for this test: `gpg --quick-generate-key Locked ed25519 sign never` with the passphrase `secret`.
constexpr const char* kLockedKey = R"(-----BEGIN PGP PRIVATE KEY BLOCK-----

lIYEXgvhABYJKwYBBAHaRw8BAQdAi02rTOz4w68J9fVyrgiZcfUUZ1Rdwyy5P/xi
CfMdpUb+BwMCFSn0Cyd5v7pgSEhWZMfgHZGrssklrXR4qs5uXMwJ9nDNxR6rXUh2
LJF9KKOUf7amxIXC6AQVisKOfydl1is17ZZqk589HJKtvZwvR8P+g7QGTG9ja2Vk
iJAEExYIADgWIQRkvuRX96W6h4OAg14rnnI1ShF0nAUCXgvhAAIbAwULCQgHAgYV
CgkICwIEFgIDAQIeAQIXgAAKCRArnnI1ShF0nJiLAP9e17prQFid7Rm0PPXbT7Ua
ruXtbggiPnXm20qcQ4hwXAD+JmmV4mIP/Tt/SefLsWzxRREFTbaXbJduC2EEi/Sd
sw0=
=z+oG
-----END PGP PRIVATE KEY BLOCK-----
)";

TEST_F(Signing, RefusesAKeyWithAPassphrase) {
  const TemporaryDirectory directory("/tmp");
  write_file(directory.path() / "openpgp.asc", kLockedKey, 0600);
  EXPECT_EQ(signing_error({"locked", directory.path()}, key_),
            "T0021 " + (directory.path() / "openpgp.asc").string() + " is protected by a passphrase");
}

std::string dearmour_error(const std::string& text) {
  try {
    dearmour(text, "key.asc");
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

TEST_F(Signing, ReadsArmourStrictly) {
  const std::string good = signed_.keys.openpgp_public;
  EXPECT_EQ(dearmour_error(good), "no error");
  EXPECT_EQ(dearmour_error(""), "key.asc is truncated or not in OpenPGP armour");
  EXPECT_EQ(dearmour_error("hello"), "key.asc is not in OpenPGP armour");
  EXPECT_EQ(dearmour_error(good.substr(0, good.size() / 2)), "key.asc is truncated or not in OpenPGP armour");
  EXPECT_EQ(dearmour_error(good + "more"), "key.asc has text behind its OpenPGP armour");
  std::string changed = good;
  char& letter = changed[good.size() / 2];
  letter = letter == 'A' ? 'B' : 'A';
  EXPECT_EQ(dearmour_error(changed), "key.asc has a wrong armour checksum");
  changed[good.size() / 2] = '!';
  EXPECT_EQ(dearmour_error(changed), "key.asc is not valid OpenPGP armour");
}

}  // namespace
}  // namespace ainode
