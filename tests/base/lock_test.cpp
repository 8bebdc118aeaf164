// SPDX-License-Identifier: Apache-2.0
// The lock's text: its form, its round trip, and that nothing but its own text is accepted.
#include "base/lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <tuple>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace ainode {
namespace {

LockedPackage package(const std::string& name, const std::string& version) {
  return {name, version, "amd64", std::string(64, 'a'), 1000, "pool/main/" + name + ".deb", name, "debian", "base"};
}

Lock small_lock() {
  Lock lock;
  lock.recipe_name = "qemu-base";
  lock.architecture = "amd64";
  lock.recipe_values = R"({"name":"qemu-base","packages":{"include":["bash"]}})";
  lock.recipe_digest = sha256_hex(lock.recipe_values);
  lock.builder_version = "0.1.0";
  lock.epoch = 1757145600;
  lock.repositories = {{"debian",
                        "debian",
                        "trixie",
                        {"main"},
                        "Debian",
                        "Debian",
                        "trixie",
                        std::string(64, 'c'),
                        "Sat, 06 Sep 2025 08:00:00 UTC",
                        "4D64FEC119C2029067D6E791F8D2585B8783D481",
                        false}};
  lock.packages = {package("libc6", "2.41-12"), package("bash", "5.2.37-2+b5")};
  lock.tools = {package("e2fsprogs", "1.47.2-3+b3")};
  return lock;
}

std::string refusal(const std::string& text) {
  try {
    read_lock(text, "x.lock");
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::lock_malformed.id);
    return error.message();
  }
  return "no error";
}

// A text whose digest is right, so that the other checks are reached.
std::string sealed(std::string text) {
  text.resize(text.rfind(" \"digest\": \""));
  return text + " \"digest\": \"" + sha256_hex(text) + "\"\n}\n";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// Locks with any content that a lock may have; equal seeds give equal locks.
class RandomLocks {
 public:
  explicit RandomLocks(std::uint64_t seed) : random_(seed) {}

  Lock lock() {
    Lock lock;
    lock.recipe_name = text();
    lock.variant = text();
    lock.architecture = text();
    lock.recipe_values = Json({{text(), {text(), text()}}, {text(), below(9)}}).dump();
    lock.recipe_digest = sha256_hex(lock.recipe_values);
    lock.builder_version = text();
    lock.epoch = static_cast<std::int64_t>(number());
    // At least one, since every package names its repository.
    lock.repositories.resize(1 + below(4));
    for (LockedRepository& repository : lock.repositories)
      repository = {text(), text(), text(), {}, text(), text(), text(), hex(), text(), text(), below(2) == 1};
    for (LockedRepository& repository : lock.repositories) {
      repository.components.resize(below(4));
      for (std::string& component : repository.components) component = text();
    }
    lock.packages = packages(lock.repositories);
    lock.tools = packages(lock.repositories);
    return lock;
  }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

 private:
  /// Small, large, and the limits of the type.
  std::uint64_t number() { return below(4) == 0 ? ~std::uint64_t{0} >> below(2) : random_() >> below(64); }

  std::string of(std::string_view letters, std::size_t size) {
    std::string result;
    while (result.size() < size) result += letters[below(letters.size())];
    return result;
  }
  std::string hex() { return of("0123456789abcdef", 64); }

  /// What JSON has to escape, and characters of one to four bytes.
  std::string text() {
    constexpr const char* kPieces[] = {"a", "9", " ", "", "/", ": ", "]", "},\n  {", "\"", "\\", "\n", "\x01", "\x7f",
                                       // Two, three and four bytes, and what stands for bytes that are not UTF-8.
                                       "\u00e9", "\u20ac", "\U0001f600", "\ufffd", "\"digest\": \""};
    std::string result;
    for (std::uint64_t pieces = below(6); pieces > 0; --pieces) result += kPieces[below(std::size(kPieces))];
    return result;
  }

  std::vector<LockedPackage> packages(const std::vector<LockedRepository>& repositories) {
    std::vector<LockedPackage> packages(below(8));
    for (std::size_t i = 0; i < packages.size(); ++i) {
      // The number keeps names apart; their random start keeps their order from being the configuration order.
      std::string name = of("abcxyz019", 1);
      name += of("abc019+-.", below(5)) + std::to_string(i);
      packages[i] = {name,     text(),
                     text(),   hex(),
                     number(), "pool/p" + of("abc+~.:", below(9)) + "/" + name,
                     text(),   repositories[below(repositories.size())].id,
                     text()};
    }
    return packages;
  }

  std::mt19937_64 random_;
};

auto content_of(const LockedPackage& package) {
  return std::tie(package.name, package.version, package.arch, package.sha256, package.size, package.path,
                  package.source, package.repository, package.layer);
}

auto content_of(const LockedRepository& repository) {
  return std::tie(repository.id, repository.distribution, repository.suite, repository.components, repository.origin,
                  repository.label, repository.codename, repository.inrelease_sha256, repository.date,
                  repository.signer, repository.accepted_stale);
}

template <class Item>
bool are_same(const std::vector<Item>& left, const std::vector<Item>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const Item& a, const Item& b) { return content_of(a) == content_of(b); });
}

bool are_same(const Lock& left, const Lock& right) {
  const auto fields = [](const Lock& lock) {
    return std::tie(lock.recipe_name, lock.variant, lock.architecture, lock.recipe_digest, lock.recipe_values,
                    lock.builder_version, lock.epoch);
  };
  return fields(left) == fields(right) && are_same(left.repositories, right.repositories) &&
         are_same(left.packages, right.packages) && are_same(left.tools, right.tools);
}

/// The text with one byte at `at` changed, removed or added; `kind` counts from 0 and wraps.
std::string with_one_change(std::string text, std::size_t at, std::uint64_t kind) {
  constexpr std::string_view kInstead("\0\n \"0aA\xff", 8);
  constexpr std::uint64_t kFlips = 8, kKinds = kFlips + kInstead.size() + 3;
  kind %= kKinds;
  if (kind < kFlips) {
    text[at] = static_cast<char>(text[at] ^ (1 << kind));
  } else if (kind < kFlips + kInstead.size()) {
    text[at] = kInstead[kind - kFlips];
  } else if (kind == kFlips + kInstead.size()) {
    text.erase(at, 1);
  } else if (kind == kFlips + kInstead.size() + 1) {
    text.insert(at, 1, text[at]);
  } else {
    text.insert(at, 1, ' ');
  }
  return text;
}

TEST(Lock, HasOneTextForOneContent) {
  EXPECT_EQ(write_lock(small_lock()), R"({
 "schema": "ainode.lockfile/1",
 "recipe": "qemu-base",
 "variant": "",
 "architecture": "amd64",
 "recipe_digest": "11e31ac9c159ed15b6bf614889ca6b176b63766cb2eb767141624552ffa08448",
 "recipe_values": {
  "name": "qemu-base",
  "packages": {"include":["bash"]}
 },
 "builder_version": "0.1.0",
 "epoch": 1757145600,
 "repositories": [
  {"id":"debian","distribution":"debian","suite":"trixie","components":["main"],"origin":"Debian","label":"Debian","codename":"trixie","inrelease_sha256":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","date":"Sat, 06 Sep 2025 08:00:00 UTC","signer":"4D64FEC119C2029067D6E791F8D2585B8783D481","accepted_stale":false}
 ],
 "packages": [
  {"name":"bash","version":"5.2.37-2+b5","arch":"amd64","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000,"path":"pool/main/bash.deb","source":"bash","repository":"debian","layer":"base"},
  {"name":"libc6","version":"2.41-12","arch":"amd64","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000,"path":"pool/main/libc6.deb","source":"libc6","repository":"debian","layer":"base"}
 ],
 "order": [
  "libc6:amd64",
  "bash:amd64"
 ],
 "tools": [
  {"name":"e2fsprogs","version":"1.47.2-3+b3","arch":"amd64","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1000,"path":"pool/main/e2fsprogs.deb","source":"e2fsprogs","repository":"debian","layer":"base"}
 ],
 "tools_order": [
  "e2fsprogs:amd64"
 ],
 "digest": "1e52b76ced2b1159fbbac47130d0c540e66a0d977255cb80a9588cc2988d9140"
}
)");
}

TEST(Lock, SurvivesItsRoundTripWithTheConfigurationOrder) {
  const Lock lock = read_lock(write_lock(small_lock()), "x.lock");
  ASSERT_EQ(lock.packages.size(), 2U);
  EXPECT_EQ(lock.packages[0].str(), "libc6 2.41-12 (amd64)");
  EXPECT_EQ(lock.packages[1].str(), "bash 5.2.37-2+b5 (amd64)");
  EXPECT_EQ(lock.tools[0].path, "pool/main/e2fsprogs.deb");
  EXPECT_EQ(lock.repositories[0].signer, "4D64FEC119C2029067D6E791F8D2585B8783D481");
  EXPECT_EQ(write_lock(lock), write_lock(small_lock()));
}

TEST(Lock, HoldsWhatExtraModulesAreCompiledIn) {
  Lock lock = small_lock();
  EXPECT_EQ(write_lock(lock).find("module_build"), std::string::npos);
  lock.module_build = {package("make", "4.4.1-2"), package("gcc-14", "14.2.0-19")};
  const Lock read = read_lock(write_lock(lock), "x.lock");
  ASSERT_EQ(read.module_build.size(), 2U);
  EXPECT_EQ(read.module_build[0].str(), "make 4.4.1-2 (amd64)");
  EXPECT_EQ(read.module_build[1].str(), "gcc-14 14.2.0-19 (amd64)");
}

TEST(Lock, MayHoldNothing) {
  Lock lock;
  lock.recipe_values = "{}";
  lock.recipe_digest = sha256_hex("{}");
  EXPECT_EQ(write_lock(read_lock(write_lock(lock), "x.lock")), write_lock(lock));
}

TEST(Lock, RefusesValuesThatAreNotTheDigestedOnes) {
  EXPECT_EQ(refusal(sealed(replaced(write_lock(small_lock()), "{\"include\":[\"bash\"]}", "{\"include\":[\"dash\"]}"))),
            "x.lock: `recipe_values` is not what `recipe_digest` is made of");
}

TEST(Lock, OfAnyContentSurvivesItsRoundTrip) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Lock lock = RandomLocks(seed).lock();
    const std::string text = write_lock(lock);
    try {
      const Lock again = read_lock(text, "x.lock");
      ASSERT_TRUE(are_same(again, lock)) << text;
      ASSERT_EQ(write_lock(again), text);
    } catch (const Error& error) {
      FAIL() << render(error) << text;
    }
  }
}

TEST(Lock, RefusesEveryChangeOfOneByte) {
  const std::string text = write_lock(small_lock());
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (std::uint64_t kind = at; kind < at + 4; ++kind) {
      const std::string changed = with_one_change(text, at, kind);
      if (changed == text) continue;
      EXPECT_NE(refusal(changed), "no error") << "byte " << at << ", change " << kind;
    }
  }
}

TEST(Lock, OfAnyContentRefusesAChangeOfOneByte) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLocks random(seed);
    const std::string text = write_lock(random.lock());
    for (int sample = 0; sample < 100; ++sample) {
      const std::size_t at = random.below(text.size());
      const std::uint64_t kind = random.below(100);
      const std::string changed = with_one_change(text, at, kind);
      if (changed == text) continue;
      EXPECT_NE(refusal(changed), "no error") << "byte " << at << ", change " << kind;
    }
  }
}

TEST(Lock, RefusesEveryTruncation) {
  const std::string text = write_lock(small_lock());
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_NE(refusal(text.substr(0, size)), "no error") << size << " bytes";
}

TEST(Lock, SaysThatItWasChanged) {
  EXPECT_EQ(refusal(replaced(write_lock(small_lock()), "2.41-12", "2.41-13")),
            "x.lock was changed after it was written: its digest does not fit its text");
}

TEST(Lock, RefusesAnotherFormOfTheSameContent) {
  EXPECT_EQ(refusal(sealed(replaced(write_lock(small_lock()), "\"epoch\": ", "\"epoch\":  "))),
            "x.lock is not in the form that `ainode lock` writes");
  EXPECT_EQ(refusal(sealed(replaced(write_lock(small_lock()), " \"epoch\"", " \"more\": 1,\n \"epoch\""))),
            "x.lock is not in the form that `ainode lock` writes");
  EXPECT_NE(refusal(write_lock(small_lock()) + "\n"), "no error");
}

TEST(Lock, NamesTheMemberThatIsWrong) {
  const std::string text = write_lock(small_lock());
  EXPECT_EQ(refusal(sealed(replaced(text, "\"size\":1000", "\"size\":-1"))),
            "x.lock: `packages[0].size` is not a size");
  EXPECT_EQ(refusal(sealed(replaced(text, "\"name\":\"bash\"", "\"name\":\"-bash\""))),
            "x.lock: `packages[0].name` is not a package's name");
  EXPECT_EQ(refusal(sealed(replaced(text, "\"version\":\"2.41-12\",", ""))),
            "x.lock: `packages[1].version` is missing");
  EXPECT_EQ(refusal(sealed(replaced(text, "ainode.lockfile/1", "ainode.lockfile/2"))),
            "x.lock: `schema` is not `ainode.lockfile/1`");
  EXPECT_EQ(refusal(sealed(replaced(text, "\"name\":\"libc6\"", "\"name\":\"bash\""))),
            "x.lock: `packages[1].name` stands twice (`bash:amd64`)");
  EXPECT_EQ(refusal(sealed(replaced(text, "  \"libc6:amd64\",\n", ""))), "x.lock: `order` lacks `libc6:amd64`");
  EXPECT_EQ(refusal(sealed(replaced(text, "\"libc6:amd64\"", "\"libc7:amd64\""))),
            "x.lock: `order` names `libc7:amd64`, which is not locked");
  EXPECT_EQ(refusal(sealed(replaced(text, "\"repository\":\"debian\"", "\"repository\":\"other\""))),
            "x.lock: `repositories` lacks `other`, where bash 5.2.37-2+b5 (amd64) comes from");
}

TEST(Lock, RefusesPathsThatLeaveThePool) {
  for (const char* path : {"", "/pool/bash.deb", "pool/../bash.deb", "pool//bash.deb", "../bash.deb", "./bash.deb",
                           "pool/ba sh.deb", "file://pool/bash.deb"})
    EXPECT_EQ(refusal(sealed(replaced(write_lock(small_lock()), "pool/main/bash.deb", path))),
              "x.lock: `packages[0].path` is not a path in a repository's pool")
        << path;
}

TEST(Lock, TheFuzzersSeedsAreLocks) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(AINODE_SOURCE_DIR) / "tests/fuzz/corpus/lock")) {
    EXPECT_NO_THROW(read_lock(read_file(entry.path()), entry.path().string())) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 2);
}

}  // namespace
}  // namespace ainode
