// SPDX-License-Identifier: Apache-2.0
// What must not change an answer: the order of repositories of equal priority and of records, an unrelated package, the
// cache of the pool. Worlds are drawn at random, from fixed seeds.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "base/files.h"
#include "builder/packages/pool_cache.h"
#include "tests/builder/packages/world.h"

namespace ainode {
namespace {

constexpr int kWorlds = 200;

/// Some thirty packages with dependencies, alternatives, virtual names and conflicts, in three repositories.
class RandomWorld {
 public:
  explicit RandomWorld(unsigned seed) : random_(seed) {
    for (int i = 0; i < 30; ++i) {
      for (int version = 1; version <= 1 + below(2); ++version) {
        packages_[static_cast<std::size_t>(below(3))].push_back(package(i, version));
      }
    }
    for (int i = 0; i < 3; ++i) goal_ += fmt::format("install p{}\n", below(30));
    if (below(2) == 0) goal_ += "recommends\n";
  }

  std::string text(bool shuffled, const std::string& more = "") {
    std::vector<std::size_t> order = {0, 1, 2};
    if (shuffled) std::shuffle(order.begin(), order.end(), random_);
    std::string out;
    for (const std::size_t i : order) {
      out += fmt::format("repository r{} 500\n", i);
      if (shuffled) std::shuffle(packages_[i].begin(), packages_[i].end(), random_);
      for (const std::string& line : packages_[i]) out += line;
      if (i == 0) out += more;
    }
    return out + goal_;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  std::string name() { return below(6) == 0 ? fmt::format("virtual{}", below(4)) : fmt::format("p{}", below(30)); }

  std::string package(int number, int version) {
    std::string fields;
    for (const char* field : {"Depends", "Depends", "Recommends"}) {
      if (below(2) == 0 || fields.find(field) != std::string::npos) continue;
      fields += fmt::format("{}: {} | {}, {}; ", field, name(), name(), name());
    }
    if (below(3) == 0) fields += fmt::format("Provides: virtual{}; ", below(4));
    if (below(6) == 0) fields += fmt::format("Conflicts: p{}; ", below(30));
    if (below(8) == 0) fields += "Priority: important; ";
    return fmt::format("p{} {} {}\n", number, version, fields);
  }

  std::mt19937 random_;
  std::vector<std::string> packages_[3];
  std::string goal_;
};

std::string answer(const Goal& goal, const Candidates& candidates) {
  try {
    std::string out;
    for (const std::string& line : shown(resolve(goal, candidates))) out += line + "\n";
    return out;
  } catch (const Error& error) {
    return error.message();
  }
}

std::string answer(const std::string& text) {
  const World world = read_world(text);
  return answer(world.goal, world.candidates);
}

TEST(Properties, TheOrderOfRepositoriesAndRecordsChangesNothing) {
  int solvable = 0;
  for (unsigned seed = 0; seed < kWorlds; ++seed) {
    RandomWorld world(seed);
    const std::string first = answer(world.text(false));
    if (first.find(" from ") != std::string::npos) ++solvable;
    EXPECT_EQ(answer(world.text(true)), first) << "seed " << seed;
  }
  EXPECT_GT(solvable, kWorlds / 4) << "the worlds are too hostile to say anything";
  EXPECT_LT(solvable, kWorlds) << "no world has a conflict";
}

TEST(Properties, AnUnrelatedPackageChangesNothing) {
  for (unsigned seed = 0; seed < kWorlds; ++seed) {
    RandomWorld world(seed);
    // Without its message's list of other names: an error may suggest a near name.
    EXPECT_EQ(answer(world.text(false, "unrelated 1\naaa 1 Depends: unrelated\nzzz 1 Recommends: aaa\n")),
              answer(world.text(false)))
        << "seed " << seed;
  }
}

/// Without the syncs of write_file.
void overwrite(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class Cache : public testing::Test {
 protected:
  void keep(const World& world) {
    world.candidates.data->make_pool();
    cache().keep(*world.candidates.data);
  }
  PoolCache cache() const { return {scratch_.path(), key_}; }

  /// Candidates from the cache alone; nothing when it has none.
  std::optional<Candidates> recall(const World& world) const {
    Candidates candidates;
    candidates.data->architecture = "amd64";
    candidates.data->policies = world.candidates.data->policies;
    candidates.repositories = world.candidates.repositories;
    if (!cache().recall(*candidates.data)) return std::nullopt;
    return candidates;
  }
  fs::path file() const { return fs::directory_iterator(scratch_.path())->path(); }

  TemporaryDirectory scratch_{fs::temp_directory_path()};
  std::string key_ = std::string(64, 'a');
};

TEST_F(Cache, AnswersAsTheIndicesDo) {
  for (unsigned seed = 0; seed < kWorlds; ++seed) {
    RandomWorld random(seed);
    World world = read_world(random.text(false));
    keep(world);
    const auto recalled = recall(world);
    ASSERT_TRUE(recalled);
    EXPECT_EQ(answer(world.goal, *recalled), answer(world.goal, world.candidates)) << "seed " << seed;
    world.goal.pins["p3"] = {"1", {}};
    EXPECT_EQ(answer(world.goal, *recalled), answer(world.goal, world.candidates)) << "pinned, seed " << seed;
  }
}

TEST_F(Cache, KeepsEveryFieldOfALock) {
  const World world = read_world(
      "repository main 500\nbase 1 Essential: yes; Source: origin (0.9); Size: 4711\nold 1 Priority: required\n"
      "repository vendor 990 allow app*\napp 2 Multi-Arch: allowed; Depends: app:any\nhidden 3\ninstall "
      "app\nbase-system\n");
  keep(world);
  const auto recalled = recall(world);
  ASSERT_TRUE(recalled);
  const auto expected = resolve(world.goal, world.candidates), actual = resolve(world.goal, *recalled);
  ASSERT_EQ(actual.size(), 3u);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].str(), expected[i].str());
    EXPECT_EQ(actual[i].sha256, expected[i].sha256);
    EXPECT_EQ(actual[i].size, expected[i].size);
    EXPECT_EQ(actual[i].path, expected[i].path);
    EXPECT_EQ(actual[i].source, expected[i].source);
    EXPECT_EQ(actual[i].repository, expected[i].repository);
  }
  ASSERT_EQ(recalled->data->hidden.size(), 1u);
  EXPECT_EQ(recalled->data->hidden[0].name, "hidden");
  EXPECT_EQ(recalled->data->hidden[0].version, "3");
}

TEST_F(Cache, EveryFlippedByteIsNoticed) {
  const World world = read_world(RandomWorld(1).text(false));
  keep(world);
  const fs::path path = file();
  const std::string whole = read_file(path);
  ASSERT_TRUE(recall(world));
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = whole;
    // The header byte by byte, then anywhere.
    const std::size_t at = i < 200 ? static_cast<std::size_t>(i) : random() % whole.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (i % 8)));
    overwrite(path, damaged);
    EXPECT_FALSE(recall(world)) << "byte " << at;
  }
}

TEST_F(Cache, ATruncatedOrLongerFileIsNoticed) {
  const World world = read_world(RandomWorld(2).text(false));
  keep(world);
  const fs::path path = file();
  const std::string whole = read_file(path);
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 100) {
    overwrite(path, whole.substr(0, size));
    EXPECT_FALSE(recall(world)) << size << " bytes";
  }
  overwrite(path, whole + std::string(8, '\0'));
  EXPECT_FALSE(recall(world));
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(recall(world));
}

TEST_F(Cache, AFileWhoseDigestFitsButWhoseArraysDoNotIsRefused) {
  const World world = read_world(RandomWorld(3).text(false));
  keep(world);
  const fs::path path = file();
  const std::string whole = read_file(path);
  const std::size_t header = whole.find('\n', whole.find('\n', whole.find('\n') + 1) + 1) + 1;
  const std::string before = whole.substr(0, header - 65);
  for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1} << 20, ~std::uint64_t{0}}) {
    std::string payload = whole.substr(header);
    payload.replace(0, sizeof count, reinterpret_cast<const char*>(&count), sizeof count);
    overwrite(path, before + sha256_hex(payload) + "\n" + payload);
    EXPECT_FALSE(recall(world)) << count;
  }
}

TEST_F(Cache, IsOfItsKeyOnly) {
  const World world = read_world(RandomWorld(4).text(false));
  keep(world);
  key_.back() = 'b';  // the file's name is the key's first half
  EXPECT_FALSE(recall(world));
}

TEST_F(Cache, HoldsTheLastFewOnly) {
  const World world = read_world(RandomWorld(5).text(false));
  for (char c = 'a'; c < 'a' + 20; ++c) {
    key_ = std::string(64, c);
    keep(world);
    EXPECT_TRUE(recall(world));
  }
  const auto files = std::distance(fs::directory_iterator(scratch_.path()), fs::directory_iterator());
  EXPECT_GE(files, 2);
  EXPECT_LE(files, 8);
}

TEST(CacheKey, CountsAllThatDecidesThePool) {
  const std::vector<RepositoryPolicy> policies = {{"main", 500, {}}, {"vendor", 500, {{"cuda*", {}}}}};
  const std::vector<PoolIndex> indices = {{"1111", 0}, {"2222", 1}};
  const std::string key = pool_cache_key("amd64", policies, indices);
  EXPECT_EQ(pool_cache_key("amd64", policies, indices), key);
  EXPECT_NE(pool_cache_key("arm64", policies, indices), key);
  EXPECT_NE(pool_cache_key("amd64", policies, {{"1111", 0}, {"2223", 1}}), key);
  EXPECT_NE(pool_cache_key("amd64", policies, {{"1111", 0}, {"2222", 0}}), key);
  for (const auto& other : {RepositoryPolicy{"main", 501, {}}, RepositoryPolicy{"main", 500, {{"a", {}}}},
                            RepositoryPolicy{"other", 500, {}}}) {
    EXPECT_NE(pool_cache_key("amd64", {other, policies[1]}, indices), key);
  }
}

}  // namespace
}  // namespace ainode
